"""What an attempt has begun can be undone by another, and what it has finished is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mastering.io.atomic import AtomicFile, watched, write_text_atomic
from mastering.jobs.journal import Busy, Journal, settled
from mastering.jobs.model import Outcome


def _settle(path: Path, *, keep: bool = True) -> object:
    with settled(path, keep_finished=keep) as finished:
        return finished


def test_what_an_attempt_has_begun_is_undone(tmp_path: Path) -> None:
    path, output = tmp_path / "journal", tmp_path / "main.txt"
    journal = Journal(path)
    with watched(journal):
        write_text_atomic(output, "main")
        half = AtomicFile(tmp_path / "second.txt", force=False)
    assert half.temporary.exists()
    journal.close()
    assert _settle(path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_living_attempt_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with pytest.raises(Busy):
        _settle(tmp_path / "journal")
    journal.close()
    assert _settle(tmp_path / "journal") is None
    assert _settle(tmp_path / "journal") is None


def test_finished_work_is_kept_with_its_digests(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with watched(journal):
        write_text_atomic(tmp_path / "main.txt", "main")
    told = journal.finish(Outcome(text="well", entries=({"lufs": -14.0},)))
    journal.close()
    assert _settle(tmp_path / "journal") == told
    assert told.files[0].sha256 == hashlib.sha256(b"main").hexdigest()
    assert (tmp_path / "main.txt").read_text("utf-8") == "main"


def test_finished_work_whose_files_were_changed_is_not_finished(tmp_path: Path) -> None:
    output = tmp_path / "main.txt"
    journal = Journal(tmp_path / "journal")
    with watched(journal):
        write_text_atomic(output, "main")
    journal.finish(Outcome())
    journal.close()
    output.write_text("somebody else's", "utf-8")
    assert _settle(tmp_path / "journal") is None
    assert output.read_text("utf-8") == "somebody else's"


def test_what_was_replaced_on_demand_is_not_removed(tmp_path: Path) -> None:
    output = tmp_path / "main.txt"
    output.write_text("old", "utf-8")
    journal = Journal(tmp_path / "journal")
    with watched(journal):
        write_text_atomic(output, "new", force=True)
    journal.close()
    _settle(tmp_path / "journal")
    assert output.read_text("utf-8") == "new"


def test_a_line_that_was_cut_off_counts_for_nothing(tmp_path: Path) -> None:
    path, output = tmp_path / "journal", tmp_path / "main.txt"
    journal = Journal(path)
    with watched(journal):
        write_text_atomic(output, "main")
    journal.close()
    with path.open("a", encoding="ascii") as file:
        file.write('{"finished": {"outco')
    assert _settle(path) is None
    assert not output.exists()


def test_without_a_watch_nothing_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with watched(journal):
        pass
    write_text_atomic(tmp_path / "main.txt", "main")
    journal.close()
    assert (tmp_path / "journal").stat().st_size == 0
