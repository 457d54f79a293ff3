"""The schema of the records, and what a row means. The same on SQLite and on Postgres."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from mastering.codec import from_plain, to_plain
from mastering.jobs.model import Job, JobFailure, Outcome, OutputFile

__all__ = ["JOBS", "META", "OWNERS", "connect", "job_of", "listed", "text_of"]

META = sa.MetaData()

JOBS = sa.Table(
    "tonmeister_jobs",
    META,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column(
        "run", sa.BigInteger, nullable=False
    ),  # which queue entry is the valid one; fences off all others
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("lane", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("stage", sa.String(64), nullable=False, server_default=""),
    sa.Column("share", sa.Double, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("interruptions", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cancelling", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("owner", sa.String(64)),
    sa.Column("created_s", sa.Double, nullable=False),
    sa.Column("started_s", sa.Double),
    sa.Column("finished_s", sa.Double),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("files", sa.Text),
    sa.Column("outcome", sa.Text),
    sa.Index("tonmeister_jobs_by_state", "state", "created_s"),
    sa.Index("tonmeister_jobs_by_time", "created_s"),
)

OWNERS = sa.Table(
    "tonmeister_owners",
    META,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("beat_s", sa.Double, nullable=False),
)

_LISTED = [column for column in JOBS.c if column.name not in ("request", "files", "outcome", "run", "owner")]


def connect(url: str) -> sa.Engine:
    """An engine; SQLite with a write-ahead log, which lets others read while one writes."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True, pool_size=10)
    engine = sa.create_engine(url, pool_size=10)

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine


def listed() -> sa.Select[Any]:
    """All that a list shows of jobs."""
    return sa.select(*_LISTED)


def job_of(row: Any) -> Job:
    """The job that a row, whole or as `listed`, describes."""
    known = dict(row._mapping)
    known.pop("run", None)
    known.pop("owner", None)
    failure, files, outcome, request = (
        json.loads(known.pop(name, None) or "null") for name in ("failure", "files", "outcome", "request")
    )
    return Job(
        **known,
        failure=from_plain(JobFailure, failure, "job") if failure else None,
        files=tuple(from_plain(OutputFile, file, "job") for file in files or ()),
        outcome=from_plain(Outcome, outcome, "job") if outcome else None,
        request=request or {},
    )


def text_of(value: Any) -> str:
    """`value` as JSON in ASCII: names that are no text in any encoding survive."""
    return json.dumps(to_plain(value), separators=(",", ":"))
