"""The drop folder under fire, small: tools/bench/drop.py does it at length."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

_BENCH = Path(__file__).resolve().parents[2] / "tools" / "bench"


@pytest.fixture
def fire(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(_BENCH)])
    if not (_BENCH / "drop.py").exists():
        pytest.skip("tools/bench is not at hand")
    return importlib.import_module("drop")


def test_killed_on_sqlite(fire: ModuleType, tmp_path: Path) -> None:
    verdict = fire.fire(tmp_path, files=12, bad=3, albums=1, kills=3, seed=2, lives_s=(1.5, 3.0))
    assert verdict.problems == ()


def test_killed_on_postgres(fire: ModuleType, tmp_path: Path, postgres: str) -> None:
    verdict = fire.fire(
        tmp_path, files=7, bad=1, albums=1, kills=2, seed=3, lives_s=(2.0, 3.5), database=postgres
    )
    assert verdict.problems == ()
