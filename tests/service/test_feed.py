"""How far jobs are comes into the records whatever happens, and each end is told once."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.service.house import House
from tests.service.conftest import URL, noise, upload
from tests.webhooks.conftest import SECRET, until

_NOBODY = "http://127.0.0.1:9/"


@pytest.fixture
def house(make_app: Callable[..., FastAPI], tmp_path: Path) -> House:
    """A service that tells of ends, though nothing is sent."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    app = make_app(webhook_secret_file=str(secret), webhook_allow_private="yes")
    made: House = app.state.house
    made.client = TestClient(app, base_url=URL, raise_server_exceptions=False)  # type: ignore[attr-defined]
    return made


def uploaded(house: House, tmp_path: Path, count: int = 1) -> list[str]:
    made = []
    for number in range(count):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, noise(0.6, seed=number), 44_100)
        client = house.client  # type: ignore[attr-defined]
        made.append(str(upload(client, path.read_bytes(), path.name).headers["tonmeister-song"]))
    return made


def ask(house: House, path: str, **body: Any) -> Any:
    return house.client.post(f"/api/v1/jobs{path}", json=body or None).json()  # type: ignore[attr-defined]


def row(house: House, job: str) -> Any:
    return house.records.one("SELECT * FROM jobs WHERE id = ?", job)


def told(house: House) -> int:
    assert house.hooks._outbox is not None
    return house.hooks._outbox.count()


def look(house: House) -> None:
    house.feed._everything_s = 0.0
    house.feed._look()


def handed_on(house: House, job: str) -> str:
    """The id of a job where jobs are done."""
    house.work.queueing.hand_on(row(house, job))
    return str(row(house, job)["core"])


def hand_all_on(house: House) -> None:
    house.work.queueing._waiting.put(None)
    house.work.queueing.run()


def end(house: House, job: str, finished_at: str, state: str = "failed") -> None:
    house.feed.change(job, {"state": state, "finished_at": finished_at})


def test_a_batch_that_was_left_behind_ends_and_tells_once(house: House, tmp_path: Path) -> None:
    batch = ask(house, "", kind="batch", songs=uploaded(house, tmp_path, 2), webhook=_NOBODY)
    for job in batch["jobs"]:  # as by a service that was killed between two transactions
        with house.records.write() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'done', document = json_set(document, '$.state', 'done', "
                "'$.finished_at', '2026-01-01T00:00:00.000Z') WHERE id = ?",
                (job,),
            )
    look(house)
    assert (row(house, batch["id"])["state"], told(house)) == ("done", 1)
    look(house)
    assert told(house) == 1


def test_a_batch_whose_jobs_are_gone_ends(house: House, tmp_path: Path) -> None:
    batch = ask(house, "", kind="batch", songs=uploaded(house, tmp_path))["id"]
    with house.records.write() as connection:
        connection.execute("DELETE FROM jobs WHERE parent = ?", (batch,))
    look(house)
    assert row(house, batch)["state"] == "done"


def test_a_batch_is_what_is_left_of_it(house: House, tmp_path: Path) -> None:
    batch = ask(house, "", kind="batch", songs=uploaded(house, tmp_path, 2))
    first, second = batch["jobs"]
    end(house, first, "2026-01-01T00:00:01.000Z", "failed")
    end(house, second, "2026-01-01T00:00:02.000Z", "done")
    assert house.client.delete(f"/api/v1/jobs/{first}").status_code == 204  # type: ignore[attr-defined]
    left = house.client.get(f"/api/v1/jobs/{batch['id']}").json()  # type: ignore[attr-defined]
    assert (left["jobs"], [part["id"] for part in left["parts"]], left["state"]) == (
        [second],
        [second],
        "done",
    )


def test_a_batch_ends_in_the_transaction_of_its_last_job(house: House, tmp_path: Path) -> None:
    batch = ask(house, "", kind="batch", songs=uploaded(house, tmp_path, 2), webhook=_NOBODY)
    end(house, batch["jobs"][0], "2026-01-01T00:00:01.000Z", "done")
    assert row(house, batch["id"])["state"] == "running"
    begun: list[str] = []
    write = house.records.write
    house.records.write = lambda: begun.append("write") or write()  # type: ignore[method-assign,func-returns-value]
    end(house, batch["jobs"][1], "2026-01-01T00:00:02.000Z", "done")
    assert (begun, row(house, batch["id"])["state"], told(house)) == (["write"], "done", 1)


@pytest.mark.parametrize("kind", ["master", "batch"])
def test_each_end_is_told_and_the_same_end_once(house: House, tmp_path: Path, kind: str) -> None:
    (song,) = uploaded(house, tmp_path)
    what = {"songs": [song]} if kind == "batch" else {"song": song}
    asked = ask(house, "", kind=kind, webhook=_NOBODY, **what)
    job = (asked["jobs"] or [asked["id"]])[0]
    end(house, job, "2026-01-01T00:00:00.000Z")
    assert told(house) == 1
    with house.records.write() as connection:  # the end is lost, not what was told
        connection.execute(
            "UPDATE jobs SET state = 'running', document = json_set(document, '$.state', 'running')"
        )
    end(house, job, "2026-01-01T00:00:00.000Z")
    assert told(house) == 1
    ask(house, f"/{asked['id']}/retry")
    assert row(house, asked["id"])["state"] == "queued"
    end(house, job, "2026-01-01T00:00:07.000Z")
    assert (row(house, asked["id"])["state"], told(house)) == ("failed", 2)


def test_one_bad_job_is_not_the_others_trouble(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = (ask(house, "", kind="master", song=song)["id"] for song in uploaded(house, tmp_path, 2))
    cores = [handed_on(house, job) for job in (bad, good)]
    with house.records.write() as connection:
        connection.execute("UPDATE jobs SET document = '{' WHERE id = ?", (bad,))
    for core in cores:
        house.jobs.cancel(core)
    with caplog.at_level(logging.ERROR, "tonmeister.feed"):
        look(house)
        look(house)
    assert row(house, good)["state"] == "cancelled"
    assert [record.__dict__["job"] for record in caplog.records] == [bad]


def test_a_cancel_while_the_job_is_handed_on_reaches_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    before = row(house, job)
    core = handed_on(house, job)
    monkeypatch.setattr(house.work, "_each", lambda _: [before])
    ask(house, f"/{job}/cancel")
    assert house.jobs.get(core).state == "cancelled"
    assert row(house, job)["state"] == "queued"
    look(house)
    assert row(house, job)["state"] == "cancelled"


def test_a_job_that_failed_before_it_was_handed_on_stays_failed(house: House, tmp_path: Path) -> None:
    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    end(house, job, "2026-01-01T00:00:00.000Z")
    assert ask(house, f"/{job}/cancel")["state"] == "failed"


def test_a_job_that_was_cancelled_while_it_was_handed_on_is_tried_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    submit = house.jobs.submit

    def slow(request: Any) -> Any:
        known = submit(request)
        ask(house, f"/{job}/cancel")
        return known

    with monkeypatch.context() as patch:
        patch.setattr(house.jobs, "submit", slow)
        hand_all_on(house)
    assert [known.state for known in house.jobs.list()] == ["cancelled"]
    assert ask(house, f"/{job}/retry")["state"] == "queued"
    hand_all_on(house)
    assert [known.state for known in house.jobs.list()] == ["queued"]
    assert row(house, job)["core"] == house.jobs.list()[0].id


def test_a_retry_outlives_a_service_that_is_killed_in_between(
    house: House, make_app: Callable[..., FastAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    core = handed_on(house, job)
    house.jobs.cancel(core)
    look(house)
    with monkeypatch.context() as patch:  # killed as soon as the retry is recorded
        patch.setattr(house.work.queueing, "put", lambda _: None)
        assert ask(house, f"/{job}/retry")["state"] == "queued"
    look(house)
    assert (row(house, job)["state"], house.jobs.get(core).state) == ("queued", "cancelled")
    next_house: House = make_app(data=house.settings.data).state.house
    next_house.work.queueing.start()
    until(lambda: row(next_house, job)["core"] is not None)
    next_house.work.queueing.stop()
    assert next_house.jobs.get(core).state == "queued"
    look(next_house)
    assert (row(next_house, job)["state"], row(next_house, job)["core"]) == ("queued", core)


def test_a_retried_job_begins_anew(house: House, tmp_path: Path) -> None:
    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    house.feed.change(job, {"state": "running", "share": 0.6, "started_at": "2026-01-01T00:00:00.000Z"})
    end(house, job, "2026-01-01T00:00:05.000Z")
    again = ask(house, f"/{job}/retry")
    assert (again["share"], again["started_at"], again["finished_at"]) == (0.0, None, None)


def test_a_full_disk_does_not_end_the_queueing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mastering.service.queueing._AGAIN_S", 0.01)
    full = threading.Event()
    full.set()
    submit, write, tries = house.jobs.submit, house.records.write, []

    def submit_if_room(request: Any) -> Any:
        tries.append(request)
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        return submit(request)

    def write_if_room() -> Any:
        if full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        return write()

    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    monkeypatch.setattr(house.jobs, "submit", submit_if_room)
    monkeypatch.setattr(house.records, "write", write_if_room)
    house.work.queueing.start()
    until(lambda: len(tries) > 2)
    full.clear()
    until(lambda: row(house, job)["core"] is not None)
    house.work.queueing.stop()
    assert row(house, job)["state"] == "queued"


def test_what_is_not_handed_on_at_the_end_is_left_for_the_next_start(house: House, tmp_path: Path) -> None:
    job = ask(house, "", kind="master", song=uploaded(house, tmp_path)[0])["id"]
    house.work.queueing._stopping.set()
    house.work.queueing.run()
    assert (row(house, job)["state"], row(house, job)["core"]) == ("queued", None)


def test_a_report_that_is_gone_does_not_keep_a_job_from_ending(tmp_path: Path) -> None:
    from mastering.jobs.model import OutputFile
    from mastering.service.documents import Names, _named

    file = OutputFile(path=str(tmp_path / "gone.html"), size_bytes=1, sha256="ab" * 32)
    assert _named(file, Names({}, [])) == file
