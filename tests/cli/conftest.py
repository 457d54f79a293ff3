"""The command line in process with a fake delivery, and as a process of its own."""

from __future__ import annotations

import importlib.util
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from mastering.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[2]
FAKE_APP = Path(__file__).with_name("fake_app.py")


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard() -> Iterator[None]:
    """A shell has what it starts in the background ignore Ctrl-C, and so would the programs under test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`fake_app`, put in the place of mastering.delivery; `SEEN` tells what it was asked for."""
    spec = importlib.util.spec_from_file_location("fake_app", FAKE_APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "mastering.delivery", module.module())
    return module


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def files(folder: Path) -> Callable[..., Path]:
    """Make empty files in the working directory."""

    def make(*names: str) -> Path:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return folder

    return make


def _runner() -> CliRunner:
    if "mix_stderr" in inspect.signature(CliRunner).parameters:  # click before 8.2
        return CliRunner(mix_stderr=False)
    return CliRunner()


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run the command line in this process."""

    def invoke(*arguments: str | Path) -> Result:
        return _runner().invoke(app, [str(a) for a in arguments], prog_name="tonmeister")

    return invoke


@pytest.fixture
def launch() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line as a process: with the fake delivery, or as `python -m mastering.cli`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path, faked: bool = True) -> subprocess.Popen[str]:
        program: Sequence[str] = [str(FAKE_APP)] if faked else ["-m", "mastering.cli"]
        paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        process = subprocess.Popen(
            [sys.executable, *program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        with process:
            pass
