"""The benchmark of jobs, small: the kill loop on both databases, and the batches."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

jobs_kills = pytest.importorskip("jobs_kills", reason="tools/bench is not at hand")
jobs_songs = pytest.importorskip("jobs_songs", reason="tools/bench is not at hand")
jobs_speed = pytest.importorskip("jobs_speed", reason="tools/bench is not at hand")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for workers in /proc")
def test_under_fire_nothing_is_lost_and_nothing_done_twice() -> None:
    server = os.environ.get("TONMEISTER_TEST_POSTGRES", "")
    good, table = jobs_kills.fire(6, 3, server, seed=3)
    assert good, table
    rows = table.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == (["| SQLite", "| Postgres"] if server else ["| SQLite"])
    for row in rows:
        _, jobs, mains, workers, done, equal, *_ = row.strip("| ").split(" | ")
        assert (jobs, done, equal) == ("6", "6", "6")
        assert 1 <= int(mains) + int(workers) <= 3


def test_a_batch_is_measured(tmp_path: Path) -> None:
    sources = [jobs_songs.synthesise(tmp_path / f"{number}.wav", number, 1.0) for number in range(3)]
    run = jobs_speed.batch("local", 2, sources, tmp_path / "batch")
    assert run.work_s > 0.0
    assert run.start_s > 0.0
    assert len(list((tmp_path / "batch" / "out").iterdir())) == 9


def test_ratios_are_of_medians() -> None:
    def runs(*work_s: float) -> list[object]:
        return [jobs_speed.Batch(start_s=5.0, work_s=one, busy_percent=90.0) for one in work_s]

    batches = {
        ("local, on one core", 1): runs(40.0, 44.0, 48.0),
        ("local", 1): runs(33.0),
        ("local", 2): runs(20.0, 22.0, 90.0),
    }
    (text,) = jobs_speed.ratios(batches)
    assert "2.00 times what one does on one core, and 1.50 times" in text
    batches["ray", 2] = runs(22.0, 24.2, 30.0)
    assert "Ray takes 1.10 times as long" in jobs_speed.ratios(batches)[1]
    assert "1.33 times with the start" in jobs_speed.ratios(batches)[1]
