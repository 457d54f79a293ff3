"""A fresh database for each test: SQLite always, Postgres where TONMEISTER_TEST_POSTGRES names a server."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from tests.jobs import work

_SERVER = os.environ.get("TONMEISTER_TEST_POSTGRES", "")
_REPOSITORY = str(Path(__file__).resolve().parents[2])


@pytest.fixture(autouse=True)
def found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own find the kinds of `tests.jobs.work`, too."""
    monkeypatch.setattr(sys, "path", [*sys.path, _REPOSITORY])
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), _REPOSITORY]))
    )


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty place for jobs."""
    local = Place.of(str(tmp_path / "jobs"))
    if request.param == "sqlite":
        yield local
        return
    if not _SERVER:
        pytest.skip("TONMEISTER_TEST_POSTGRES names no server (postgresql://user@host:port/postgres)")
    name = f"tonmeister_test_{secrets.token_hex(6)}"
    server = sa.create_engine(
        _SERVER.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        url = server.url.set(database=name).render_as_string(hide_password=False)
        yield Place(url=url, folder=local.folder)
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


@pytest.fixture
def jobs(place: Place) -> Iterator[Jobs]:
    """Jobs of the two kinds in `work`."""
    with Jobs(place, kinds=work.kinds()) as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An input."""
    path = tmp_path / "song.txt"
    path.write_text("music", "utf-8")
    return path
