"""Several machines on one database: what one has left half done is undone by those that share its folder."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from mastering.jobs import owners
from mastering.jobs.journal import Journal
from mastering.jobs.owners import Owner, dead_owners
from mastering.jobs.place import FOLDER_VARIABLE, VARIABLE, Place
from mastering.jobs.service import Jobs
from tests.jobs import work

_LANES = {"short": 1}


def _until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, "it did not come to pass"
        time.sleep(0.02)


def _machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: name)


def test_the_folder_is_named_with_a_database_or_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    place = Place.of("postgresql://host/name", folder=shared)
    assert (place.url, place.folder) == ("postgresql+psycopg://host/name", shared)
    assert place.journals.is_dir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "other"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "database"))
    place = Place.of()
    assert place.url.endswith("database/jobs.sqlite")
    assert place.folder == tmp_path / "other"
    assert Place.of(folder=shared).folder == shared


def test_a_folder_has_one_name(tmp_path: Path) -> None:
    first, second = Place.of(str(tmp_path / "a")), Place.of(str(tmp_path / "b"))
    assert first.name == Place.of(str(tmp_path / "a")).name
    assert first.name != second.name


def test_a_machine_that_is_lost_leaves_nothing(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "song.txt", tmp_path / "out.txt"
    source.write_text("music", "utf-8")
    with Jobs(place, kinds=work.kinds()) as jobs:
        job = jobs.submit(work.Copy(source=source, output=output))
        _machine("first", monkeypatch)
        owner = Owner(jobs._store.engine, place)
        with jobs._store.engine.connect() as connection:
            run = connection.execute(sa.text("SELECT run FROM tonmeister_jobs")).scalar_one()
        jobs._store.take(job.id, run, owner.id)
        journal = Journal(place.journals / f"{job.id}.{run}.journal")
        half = tmp_path / ".tonmeister-half.txt"
        journal.opening(half)
        half.write_text("mus", "utf-8")
        journal.close()  # the power fails
        owner._file.close()
        _machine("second", monkeypatch)
        monkeypatch.setattr(owners, "LEASE_S", 2.0)
        with jobs.running(lanes=_LANES):
            (done,) = jobs.wait([job.id], timeout_s=60.0)
        assert (done.state, done.interruptions) == ("done", 1)
        assert not half.exists()
        assert not list(place.journals.iterdir())


def test_machines_of_one_name_with_folders_of_their_own_are_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers often have: a lock that is not there says nothing then."""
    here, there = Place.of(str(tmp_path / "here")), Place.of(str(tmp_path / "there"))
    _machine("worker", monkeypatch)
    with Jobs(here, kinds=work.kinds()) as jobs:
        engine = jobs._store.engine
        mine, other = Owner(engine, here), Owner(engine, there)
        assert dead_owners(engine, here, but=mine.id) == []
        monkeypatch.setattr(owners, "LEASE_S", -1.0)
        assert dead_owners(engine, here, but=mine.id) == [other.id]
        other.leave()
        mine.leave()


def test_what_a_dying_worker_has_left_too_late_is_tidied_away(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "song.txt"
    source.write_text("music", "utf-8")
    with Jobs(place, kinds=work.kinds()) as jobs:
        job = jobs.submit(work.Copy(source=source, output=tmp_path / "out.txt"))
        journal = Journal(place.journals / f"{job.id}.7.journal")  # a run that was given up long ago
        half = tmp_path / ".tonmeister-half.txt"
        journal.opening(half)
        half.write_text("mus", "utf-8")
        with jobs.running(lanes=_LANES):
            jobs.wait([job.id], timeout_s=60.0)
            time.sleep(1.5)
            assert half.exists()  # it lives
            journal.close()
            _until(lambda: not half.exists())
        assert not list(place.journals.iterdir())


def test_waiting_for_thousands_is_one_query_a_look(place: Place, tmp_path: Path) -> None:
    with Jobs(place, kinds=work.kinds()) as jobs:
        marker = tmp_path / "marker"
        jobs.submit_all([work.Trouble(how="fine", marker=marker, times=number) for number in range(3_000)])
        ids = [job.id for job in jobs.list()]
        assert len(ids) == 3_000
        statements: list[str] = []
        sa.event.listen(jobs._store.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
        known = jobs.wait(ids, timeout_s=0.5)
        assert [job.id for job in known] == ids
        asked = [one for one in statements if "tonmeister_jobs" in one]
        assert 1 < len(asked) <= 6  # five looks a second, and the jobs in the end
