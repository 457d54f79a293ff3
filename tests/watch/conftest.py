"""Drop folders with their outboxes; watchers in this process, on workers that stay warm, and in their own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from mastering.cli.inputs import AUDIO_SUFFIXES
from mastering.cli.job_kinds import KINDS
from mastering.cli.watch import command
from mastering.cli.watch_hooks import Hooks
from mastering.cli.watch_plan import Planner
from mastering.io.files import probe
from mastering.jobs.model import Retries
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from mastering.watch.folders import Folders
from mastering.watch.ledger import Ledger
from mastering.watch.values import Setup
from mastering.watch.watcher import Watcher
from mastering.webhooks.message import Message

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Drop:
    """A drop folder of a test."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "in"

    @property
    def outbox(self) -> Path:
        return self.root / "out"

    def song(self, name: str, seed: int, *, seconds: float = 0.6, gain: float = 0.1) -> Path:
        """Noise that no other seed gives."""
        import soundfile

        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(seed).standard_normal((int(44_100 * seconds), 2)) * gain
        soundfile.write(path, samples, 44_100, subtype="PCM_16")
        return path

    def put(self, name: str, text: str) -> Path:
        """A file of text."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def files(self, folder: str) -> list[str]:
        """What lies in a folder and below it, hidden files too."""
        root = self.root / folder
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def masters(self) -> list[str]:
        """Masters in the outbox; nothing else than they and what belongs to them may lie there."""
        files = self.files("out")
        masters = [name for name in files if not name.endswith((".json", ".html"))]
        recipes = [str(Path(name).with_suffix(".recipe.json")) for name in masters]
        reports = [name for name in files if name.endswith(".html")]
        assert sorted([*masters, *recipes, *reports]) == files
        assert set(reports) <= {str(Path(name).with_suffix(".report.html")) for name in masters}
        return masters

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """A watcher in a process of its own."""
        line = [sys.executable, "-m", "mastering.cli", "watch", str(self.inbox), *arguments]
        if "--output" not in arguments:
            line += ["--output", str(self.outbox)]
        line += ["--database", str(self.root / "jobs"), "--interval", "0.1", "--no-report"]
        own = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", **environment}
        return subprocess.Popen(line, cwd=_ROOT, env=own, stderr=subprocess.PIPE)

    def once(self, *arguments: str, code: int = 0, **environment: str) -> list[dict[str, Any]]:
        """The events of a run with --once."""
        process = self.start("--once", *arguments, **environment)
        text = process.communicate(timeout=50)[1].decode()
        assert process.returncode == code, text
        return events(text)


def events(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def counted(found: list[dict[str, Any]]) -> Counter[str]:
    """How often each event came."""
    return Counter(event["event"] for event in found)


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """An empty drop folder."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return Drop(tmp_path)


@dataclass
class Here:
    """A watcher in this process."""

    watcher: Watcher
    events: list[dict[str, Any]]
    messages: list[Message] = field(default_factory=list)

    def until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Watch until something is so."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f"it did not happen in time: {self.events}"
            self.watcher.tick()
            time.sleep(0.01)

    def heard(self, event: str, count: int = 1) -> Callable[[], bool]:
        """Whether an event came so often."""
        return lambda: counted(self.events)[event] >= count

    def watch_for(self, duration_s: float) -> None:
        """Watch for a while."""
        end_s = time.monotonic() + duration_s
        self.until(lambda: time.monotonic() >= end_s)

    def count(self) -> dict[str, int]:
        """How often each event came."""
        return dict(counted(self.events))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs that are worked on; what fails for the machine's sake is not tried again at once."""
    place = Place.of(str(tmp_path_factory.mktemp("place") / "jobs"))
    with (
        Jobs(place, kinds=KINDS) as opened,
        opened.running(lanes={"short": 2, "long": 1}, retries=Retries(attempts=1)),
    ):
        yield opened


Watch = Callable[..., Any]


@pytest.fixture
def watch(drop: Drop, jobs: Jobs) -> Watch:
    """Opens a watcher of the drop folder: typed options, then changes of its Setup."""

    @contextmanager
    def opened(
        *typed: str,
        once: bool = False,
        secret: bool = False,
        database: Jobs = jobs,
        probing: Callable[[Path], object] = probe,
        **changes: Any,
    ) -> Iterator[Here]:
        told: list[dict[str, Any]] = []
        messages: list[Message] = []

        def tell(event: str, /, **fields: Any) -> None:
            told.append({"event": event, **fields})

        line = [str(drop.inbox), "--output", str(drop.outbox), "--no-report", *typed]
        ctx = command.make_context("watch", line)
        setup = Setup(inbox=drop.inbox, outbox=drop.outbox, suffixes=AUDIO_SUFFIXES, interval_s=0.05)
        setup = replace(setup, **{"settle_s": 0.2, "patience_s": 0.6, "hold_s": 0.3, **changes})
        with click.Context(command), Ledger(drop.root / "ledgers", drop.inbox) as ledger:
            planner = Planner(ctx, ctx.params, Hooks(signed=secret, allow_private=True))
            watcher = Watcher(
                setup,
                database,
                ledger,
                Folders(drop.inbox, planner),
                probe=probing,
                tell=tell,
                publish=messages.append,
                once=once,
            )
            watcher.recover()
            yield Here(watcher=watcher, events=told, messages=messages)

    return opened


@pytest.fixture
def once(watch: Watch) -> Callable[..., Here]:
    """Does what lies there."""

    def done(*typed: str, **changes: Any) -> Here:
        with watch(*typed, once=True, **changes) as here:
            here.until(lambda: here.watcher.finished)
            return here  # type: ignore[no-any-return]

    return done


_SERVER = os.environ.get("TONMEISTER_TEST_POSTGRES", "")


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    if not _SERVER:
        pytest.skip("TONMEISTER_TEST_POSTGRES names no server (postgresql://user@host:port/postgres)")
    import sqlalchemy as sa

    name = f"tonmeister_test_{secrets.token_hex(6)}"
    server = sa.create_engine(
        _SERVER.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield _SERVER.rpartition("/")[0] + f"/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
