"""The service with its jobs in Postgres: done, cancelled, and not lost when it is killed."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile
import sqlalchemy as sa

from mastering.client import Job, Song, Tonmeister
from tests.service.conftest import noise
from tests.service.live import Live

_SERVER = os.environ.get("TONMEISTER_TEST_POSTGRES", "")
_WAIT_S = 60.0


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database."""
    if not _SERVER:
        pytest.skip("TONMEISTER_TEST_POSTGRES names no server (postgresql://user@host:port/postgres)")
    name = f"tonmeister_test_{secrets.token_hex(6)}"
    engine = sa.create_engine(
        _SERVER.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        url = engine.url.set(database=name).render_as_string(hide_password=False)
        yield url.replace("postgresql+psycopg://", "postgresql://")
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[Live]:
    """A service that does one job at a time."""
    (tmp_path / "serve.toml").write_text("workers = 1\n", "utf-8")
    with Live(tmp_path, "--config", str(tmp_path / "serve.toml"), "--database", database) as live:
        yield live


def sent(desk: Tonmeister, folder: Path, seconds: float) -> Song:
    path = folder / "song.wav"
    soundfile.write(path, noise(seconds), 44_100, subtype="PCM_16")
    return desk.upload(path)


def running(desk: Tonmeister, job: Job) -> Job:
    """A job once it is being done."""
    deadline_s = time.monotonic() + _WAIT_S
    while (known := desk.job(job)).state == "queued":
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return known


def test_a_master_is_made_as_without(server: Live, database: str, tmp_path: Path) -> None:
    with Tonmeister(server.url) as desk:
        song = sent(desk, tmp_path, 3.0)
        states = [job.state for job in desk.events(desk.master(song, style="warm", container="flac"))]
        assert states[-1] == "done"
        (made,) = desk.jobs(states=["done"])
        (master,) = desk.download(made, tmp_path / "masters")
        assert httpx.get(f"{server.url}/readyz").json()["status"] == "ok"
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names(), "nothing is kept there"
    engine.dispose()
    (tmp_path / "other").mkdir()
    with Live(tmp_path / "other") as other, Tonmeister(other.url) as desk:
        wanted = desk.master(sent(desk, tmp_path, 3.0), style="warm", container="flac")
        again = desk.wait(wanted, timeout_s=_WAIT_S)
    assert again.results[0].sha256 == made.results[0].sha256
    assert master.stat().st_size == made.results[0].size_bytes


def test_killed_and_started_again_it_loses_nothing(server: Live, tmp_path: Path) -> None:
    with Tonmeister(server.url) as desk:
        song = sent(desk, tmp_path, 5.0)
        jobs = [desk.master(song, amount_percent=10.0 * number) for number in range(1, 4)]
        running(desk, jobs[0])
    server.end(signal.SIGKILL)
    server.start()
    with Tonmeister(server.url) as desk:
        ended = [desk.wait(job, timeout_s=2 * _WAIT_S) for job in jobs]
        assert [job.state for job in ended] == ["done"] * 3, [job.error for job in ended]
        assert len({job.results[0].sha256 for job in ended}) == 3
        assert desk.master(song, amount_percent=10.0).id == jobs[0].id
    assert server.end(signal.SIGTERM) == 0
    assert "Traceback" not in server.log


def test_running_and_waiting_jobs_are_cancelled_and_tried_again(server: Live, tmp_path: Path) -> None:
    with Tonmeister(server.url) as desk:
        song = sent(desk, tmp_path, 20.0)
        first, second = (desk.master(song, amount_percent=percent) for percent in (10.0, 20.0))
        running(desk, first)
        for job in (second, first):
            desk.cancel(job)
        ended = [desk.wait(job, timeout_s=_WAIT_S) for job in (first, second)]
        assert [job.state for job in ended] == ["cancelled"] * 2
        assert [name for _, _, names in os.walk(tmp_path / "data" / "results") for name in names] == []
        assert desk.wait(desk.retry(second), timeout_s=2 * _WAIT_S).state == "done"
        assert desk.job(first).state == "cancelled"
