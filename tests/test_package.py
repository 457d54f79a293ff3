"""The packages as a whole: what they export, what they cost to import, who imports whom."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import generation
import mastering
import presets
import stems

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = (mastering, stems, generation, presets)

_HEAVY = {
    *("scipy.signal", "matplotlib", "rich", "click", "torch"),
    *("numba", "pedalboard", "soundfile", "soxr", "av", "mutagen"),
}


def modules() -> Iterator[str]:
    """Names of all modules that can be imported without starting a program."""
    for package in PACKAGES:
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield found.name


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_says_what_it_is_and_exports_what_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip()
    exported = getattr(module, "__all__", None)
    if exported is None:  # a package whose docstring is a map
        assert Path(str(module.__file__)).name == "__init__.py"
        assert "\nimport " not in Path(str(module.__file__)).read_text("utf-8")
        return
    assert sorted(exported) == sorted(set(exported))
    assert [name for name in exported if not hasattr(module, name)] == []


@pytest.mark.parametrize(
    ("name", "unwanted"),
    [
        ("mastering", _HEAVY | {"numpy"}),
        ("mastering.cli", _HEAVY | {"numpy"}),
        ("mastering.errors", _HEAVY | {"numpy"}),
        ("mastering.codec", _HEAVY | {"numpy"}),
        ("mastering.target", _HEAVY | {"numpy"}),
        ("mastering.audio", _HEAVY),
        ("mastering.library", _HEAVY),
        ("mastering.jobspec", _HEAVY),
        ("mastering.report", _HEAVY),
        ("mastering.report.model", _HEAVY),
        ("mastering.io", _HEAVY),
        ("stems", _HEAVY | {"numpy"}),
        ("generation", _HEAVY | {"numpy"}),
        ("presets", _HEAVY | {"numpy"}),
        # What a master needs, but not what only the report, the parametric EQ or m4a files need:
        (
            "mastering.delivery",
            {"scipy.signal", "scipy.optimize", "matplotlib", "av", "torch", "rich", "click"},
        ),
    ],
)
def test_import_costs_no_more_than_it_must(name: str, unwanted: set[str]) -> None:
    code = f"import sys, {name}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert unwanted & set(done.stdout.split()) == set()


def test_floors_hold() -> None:
    pytest.importorskip("importlinter")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stdout


def test_every_dependency_has_its_reason() -> None:
    lines = (REPOSITORY / "pyproject.toml").read_text("utf-8").splitlines()
    start = lines.index("dependencies = [")
    listed = lines[start + 1 : lines.index("]", start)]
    project = tomllib.loads("\n".join(lines))["project"]
    assert len(listed) == len(project["dependencies"])
    assert [line for line in listed if "#" not in line] == []


def test_presets_are_data_of_the_package() -> None:
    folder = Path(next(iter(presets.__path__)))
    assert list((folder / "styles").glob("*.toml"))
    assert list((folder / "targets").glob("*.toml"))
