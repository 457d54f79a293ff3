"""The records of all jobs. Every change of a job's state is one transaction, with its queue entry.

A record carries the number of its valid run. Whoever works on a job says which run that is, and a
change by an attempt that has been given up changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mastering.errors import EnvironmentProblem
from mastering.jobs.journal import Finished
from mastering.jobs.model import ENDED, Job, JobFailure, State
from mastering.jobs.queue import Queue
from mastering.jobs.tables import JOBS, META, connect, job_of, listed, text_of

__all__ = ["JobStore", "New", "Taken"]

_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A job to be recorded."""

    id: str
    kind: str
    label: str
    lane: str
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an attempt works on."""

    job: Job
    run: int


class JobStore:
    """Records in a database.

    Args:
        url: SQLAlchemy's, of SQLite or Postgres.

    Raises:
        EnvironmentProblem: the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = connect(url)
            META.create_all(self.engine)
        except sa.exc.SQLAlchemyError as error:
            shown = sa.make_url(url).render_as_string(hide_password=True)
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise EnvironmentProblem(
                f"{shown}: the database of jobs cannot be opened ({reason})",
                hint="Check that it is there and that you may write to it.",
                code="jobs_not_writable",
            ) from error
        self._queue: Queue | None = None

    @property
    def queue(self) -> Queue:
        """The queue, opened when it is first needed: reading records does not need it."""
        if self._queue is None:
            self._queue = Queue(self.engine)
        return self._queue

    def close(self) -> None:
        """Let go of the database."""
        if self._queue is not None:
            self._queue.close()
        self.engine.dispose()

    def add(self, jobs: Sequence[New]) -> list[str]:
        """Record and queue jobs, all or none; those that are there already stay as they are.

        Returns:
            the ids that are new.
        """
        queue, new = self.queue, []
        with self.engine.begin() as connection:
            for job in jobs:
                now_s = time.time()
                run = int(now_s * 1000.0)  # never one that the queue has seen, even if the job was cleared
                row = {
                    "id": job.id,
                    "run": run,
                    "kind": job.kind,
                    "label": _storable(job.label),
                    "lane": job.lane,
                    "state": "queued",
                    "created_s": now_s,
                    "request": text_of(job.request),
                }
                if connection.execute(_insert(connection, row)).first() is not None:
                    queue.put(connection, job.id, run, job.lane)
                    new.append(job.id)
        return new

    def get(self, job: str) -> Job | None:
        """A job by its whole id."""
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(JOBS).where(JOBS.c.id == job)).first()
        return job_of(row) if row is not None else None

    def of(self, jobs: Sequence[str]) -> dict[str, Job]:
        """Those of the jobs that are there, by their ids: one query, however many they are."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(JOBS).where(_one_of(connection, jobs)))
            return {row.id: job_of(row) for row in rows}

    def have_ended(self, jobs: Sequence[str]) -> bool:
        """Whether none of the jobs is queued or runs: one query, however many they are."""
        with self.engine.connect() as connection:
            query = sa.select(JOBS.c.id).where(_one_of(connection, jobs), JOBS.c.state.not_in(ENDED))
            return connection.execute(query.limit(1)).first() is None

    def valid_runs(self, jobs: Sequence[str]) -> dict[str, tuple[int, State]]:
        """Job -> its valid run and its state, of those that are there."""
        with self.engine.connect() as connection:
            query = sa.select(JOBS.c.id, JOBS.c.run, JOBS.c.state).where(_one_of(connection, jobs))
            return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

    def find(self, prefix: str) -> list[str]:
        """Ids that begin with `prefix`, two at most."""
        query = sa.select(JOBS.c.id).where(JOBS.c.id.startswith(prefix, autoescape=True)).limit(2)
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def list(
        self,
        *,
        states: Iterable[State] = (),
        kinds: Iterable[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Job]:
        """Jobs without request, files and outcome, the newest first."""
        query = listed().order_by(JOBS.c.created_s.desc(), JOBS.c.id)
        query = _filtered(query, states, kinds).limit(limit).offset(offset)
        with self.engine.connect() as connection:
            return [job_of(row) for row in connection.execute(query)]

    def count(self, *, kinds: Iterable[str] = ()) -> dict[State, int]:
        """How many jobs there are in each state that has any."""
        query = _filtered(sa.select(JOBS.c.state, sa.func.count()), (), kinds).group_by(JOBS.c.state)
        with self.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def take(self, job: str, run: int, owner: str) -> Taken | None:
        """Begin an attempt; None if this run is not the job's any more, or not to be begun."""
        values = {
            "state": "running",
            "owner": owner,
            "attempts": JOBS.c.attempts + 1,
            "started_s": sa.func.coalesce(JOBS.c.started_s, time.time()),
            "stage": "",
            "share": 0.0,
        }
        with self.engine.begin() as connection:
            if not _change(connection, job, run, ("queued",), values):
                return None
            row = connection.execute(sa.select(JOBS).where(JOBS.c.id == job)).one()
        return Taken(job=job_of(row), run=run)

    def progress(self, job: str, run: int, stage: str, share: float) -> bool:
        """Note how far an attempt is.

        Returns:
            whether it should go on: False for one that is to be cancelled, or is not the job's any more.
        """
        with self.engine.begin() as connection:
            mine = _change(connection, job, run, ("running",), {"stage": stage[:64], "share": share})
            wanted = sa.select(JOBS.c.cancelling).where(JOBS.c.id == job)
            return mine and not connection.execute(wanted).scalar()

    def finish(self, job: str, run: int, finished: Finished) -> bool:
        """An attempt has done its work."""
        values = {
            "state": "done",
            "stage": "",
            "share": 1.0,
            "failure": None,
            "files": text_of(finished.files),
            "outcome": text_of(finished.outcome),
        }
        return self._end(job, run, values)

    def fail(self, job: str, run: int, failure: JobFailure) -> bool:
        """A job has failed for good."""
        return self._end(job, run, {"state": "failed", "failure": text_of(failure)})

    def drop(self, job: str, run: int) -> bool:
        """A job that ran has been cancelled."""
        return self._end(job, run, {"state": "cancelled", "stage": "", "share": 0.0})

    def again(
        self,
        job: str,
        run: int,
        *,
        failure: JobFailure | None = None,
        delay_s: float = 0.0,
        interrupted: bool = False,
        uncounted: bool = False,
    ) -> bool:
        """Queue another attempt in place of this one.

        Args:
            failure: why this one failed; None if it did not.
            delay_s: not before.
            interrupted: its process was gone.
            uncounted: it is not this attempt's fault that it ended.
        """
        values: dict[str, Any] = {"stage": "", "share": 0.0}
        if failure is not None:
            values["failure"] = text_of(failure)
        if interrupted:
            values["interruptions"] = JOBS.c.interruptions + 1
        if interrupted or uncounted:
            begun = sa.case((JOBS.c.state == "running", 1), else_=0)
            values["attempts"] = JOBS.c.attempts - begun
        with self.engine.begin() as connection:
            return self._requeue(connection, job, run, ("queued", "running"), values, delay_s)

    def cancel(self, job: str) -> State | None:
        """Ask for a job's end: one that is queued ends now, one that runs as soon as its worker is gone.

        Returns:
            the state it is in now; None if there is no such job.
        """
        ended = {"state": "cancelled", "finished_s": time.time(), "run": JOBS.c.run + 1}
        with self.engine.begin() as connection:
            _update(connection, job, ("queued",), ended)
            _update(connection, job, ("running",), {"cancelling": True})
            return connection.execute(sa.select(JOBS.c.state).where(JOBS.c.id == job)).scalar()

    def retry(self, job: str) -> bool:
        """Queue a job again that failed or was cancelled; False if it is in another state."""
        values = {
            "attempts": 0,
            "interruptions": 0,
            "failure": None,
            "started_s": None,
            "finished_s": None,
            "stage": "",
            "share": 0.0,
        }
        queue = self.queue  # not opened inside the transaction
        with self.engine.begin() as connection:
            run = connection.execute(sa.select(JOBS.c.run).where(JOBS.c.id == job)).scalar()
            return run is not None and self._requeue(
                connection, job, run, ("failed", "cancelled"), values, 0.0, queue
            )

    def clear(
        self, states: Iterable[State], *, before_s: float | None = None, only: str | None = None
    ) -> int:
        """Forget jobs that have ended, or one of them; their files stay. Gives how many."""
        chosen = [state for state in states if state in ENDED]
        query = sa.delete(JOBS).where(JOBS.c.state.in_(chosen))
        if before_s is not None:
            query = query.where(JOBS.c.finished_s < before_s)
        if only is not None:
            query = query.where(JOBS.c.id == only)
        with self.engine.begin() as connection:
            return connection.execute(query).rowcount

    def owned(self, owner: str) -> Sequence[tuple[str, int, bool]]:
        """Job, run and whether it is to be cancelled, of what an owner has running."""
        query = sa.select(JOBS.c.id, JOBS.c.run, JOBS.c.cancelling)
        query = query.where(JOBS.c.owner == owner, JOBS.c.state == "running")
        with self.engine.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def interruptions(self, job: str) -> int:
        """How often a job's process has died."""
        with self.engine.connect() as connection:
            query = sa.select(JOBS.c.interruptions).where(JOBS.c.id == job)
            return connection.execute(query).scalar() or 0

    def _requeue(
        self,
        connection: sa.Connection,
        job: str,
        run: int,
        states: Sequence[State],
        values: Mapping[str, Any],
        delay_s: float,
        queue: Queue | None = None,
    ) -> bool:
        wanted = {**values, "state": "queued", "run": run + 1, "owner": None, "cancelling": False}
        if not _change(connection, job, run, states, wanted):
            return False
        lane = connection.execute(sa.select(JOBS.c.lane).where(JOBS.c.id == job)).scalar_one()
        (queue or self.queue).put(connection, job, run + 1, lane, delay_s=delay_s)
        return True

    def _end(self, job: str, run: int, values: Mapping[str, Any]) -> bool:
        ended = {**values, "finished_s": time.time(), "owner": None, "cancelling": False}
        with self.engine.begin() as connection:
            return _change(connection, job, run, ("queued", "running"), ended)


def _change(
    connection: sa.Connection, job: str, run: int, states: Sequence[State], values: Mapping[str, Any]
) -> bool:
    """Change a record, if this run is valid and the job in one of these states."""
    query = sa.update(JOBS).where(JOBS.c.id == job, JOBS.c.run == run, JOBS.c.state.in_(states))
    return connection.execute(query.values(**values)).rowcount == 1


def _update(connection: sa.Connection, job: str, states: Sequence[State], values: Mapping[str, Any]) -> None:
    connection.execute(sa.update(JOBS).where(JOBS.c.id == job, JOBS.c.state.in_(states)).values(**values))


def _one_of(connection: sa.Connection, jobs: Sequence[str]) -> sa.ColumnElement[bool]:
    """That a record's id is among `jobs`, which go as one value: databases limit how many there may be."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return JOBS.c.id == sa.any_(sa.literal(list(jobs), postgresql.ARRAY(sa.String)))
    values = sa.func.json_each(json.dumps(list(jobs))).table_valued("value")
    return JOBS.c.id.in_(sa.select(values.c.value))


def _filtered(query: sa.Select[Any], states: Iterable[State], kinds: Iterable[str]) -> sa.Select[Any]:
    if chosen := list(states):
        query = query.where(JOBS.c.state.in_(chosen))
    if named := list(kinds):
        query = query.where(JOBS.c.kind.in_(named))
    return query


def _insert(connection: sa.Connection, row: Mapping[str, Any]) -> Any:
    """An insert that does nothing, and gives nothing, where the id is there."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(JOBS).values(**row).on_conflict_do_nothing().returning(JOBS.c.id)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(JOBS).values(**row).on_conflict_do_nothing().returning(JOBS.c.id)


def _storable(text: str) -> str:
    """Text that every database takes: odd bytes of file names are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "")
