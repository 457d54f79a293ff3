"""How far the jobs are, copied from where they are done into the service's records, and who wants to know.

Every change of a job gives its record the next number of one counter. Whoever was cut off names the last
number he has heard of, and gets the jobs whose number is higher, as they are now: no log has to be kept.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mastering.errors import ParameterError
from mastering.jobs.model import ENDED, Job, State
from mastering.jobs.service import Jobs
from mastering.service import documents
from mastering.service.documents import Names
from mastering.service.hooks import Hooks
from mastering.service.problems import Problem, problem_of
from mastering.service.records import Records

__all__ = ["Feed"]

_LOOK_S = 0.2
_EVERYTHING_S = 2.0
"""A job that began and ended between two looks is found after so long at the latest."""

_MOST_LISTENING = 1_000
_LOAD = 10.0
"""Looking at all of them may take this share (1/10) of the time."""

_log = logging.getLogger("tonmeister.feed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    """Who listens, and for what: an owner's jobs, or one job; None is any."""

    caller: str
    owner: str | None
    job: str | None


class Feed:
    """Copies what changes, and tells those who wait.

    Args:
        records: to keep current.
        jobs: that are done.
        hooks: told of each that ends.
        songs, results: folders whose files people know by other names.
        most_streams: of one caller at a time.
    """

    def __init__(
        self, records: Records, jobs: Jobs, hooks: Hooks, *, songs: Path, results: Path, most_streams: int
    ) -> None:
        self._hooks, self._most_streams = hooks, most_streams
        self._records, self._jobs = records, jobs
        self._songs, self._results = songs, results
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="feed")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[asyncio.Event, _Listener] = {}
        self._everything_s = 0.0
        self._broken: set[str] = set()
        self.database_away = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; `loop` is where those are who wait."""
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """End; whoever waits is told."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(30.0)
        self.tell()

    def look(self) -> None:
        """Look soon."""
        self._wake.set()

    def tell(self, owner: str | None = None, job: str | None = None) -> None:
        """Wake those who wait for an owner's jobs or for this one; for neither, everybody."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, owner, job)

    def listen(self, caller: str, owner: str | None, job: str | None) -> asyncio.Event:
        """An event that is set at every change, until `leave`. To be used in the event loop.

        Args:
            caller: who listens.
            owner: whose jobs; None is everybody's.
            job: only this one; None is all.

        Raises:
            Problem: too many listen.
        """
        streams = sum(1 for listener in self._waiting.values() if listener.caller == caller)
        if streams >= self._most_streams:
            raise _too_many(429, f"more than {self._most_streams} streams of events at a time")
        if len(self._waiting) >= _MOST_LISTENING:
            raise _too_many(503, "too many streams of events are open")
        event = asyncio.Event()
        self._waiting[event] = _Listener(caller=caller, owner=owner, job=job)
        return event

    def leave(self, event: asyncio.Event) -> None:
        """Wait no more."""
        self._waiting.pop(event, None)

    def since(
        self, seq: int, *, owner: str | None, job: str | None = None
    ) -> list[tuple[int, dict[str, Any]]]:
        """Jobs that changed after a number, in the order of their changes.

        Args:
            seq: the number.
            owner: whose; None is everybody's.
            job: only this one.
        """
        query = "SELECT seq, document FROM jobs WHERE seq > ?"
        values: list[int | str] = [seq]
        for column, value in (("owner", owner), ("id", job)):
            if value is not None:
                query, values = f"{query} AND {column} = ?", [*values, value]
        rows = self._records.all(f"{query} ORDER BY seq LIMIT 1000", *values)
        return [(row["seq"], documents.document_of(row)) for row in rows]

    def last(self) -> int:
        """The number of the last change there was."""
        row = self._records.one("SELECT seq FROM counter")
        return int(row["seq"]) if row is not None else 0

    def names(self, document: Mapping[str, Any]) -> Names:
        """The names by which people know a job's files."""
        ids = [*document["songs"], *document["references"]]
        marks = ", ".join("?" * len(ids))
        rows = self._records.all(f"SELECT file, name FROM songs WHERE id IN ({marks})", *ids)
        known = {row["file"]: row["name"] for row in rows}
        return Names(known, [self._songs, self._results / document["id"], self._songs.parent])

    def change(
        self, job: str, fields: Mapping[str, Any], *, outcome: str | None = None, only_unqueued: bool = False
    ) -> bool:
        """Change a job's document, and that of its batch in the same transaction; those who wait are told.

        Args:
            job: its id.
            fields: of its document.
            outcome: all of it, as it is kept.
            only_unqueued: not if it has ended, or has come to where jobs are done.

        Returns:
            whether there is such a job.
        """
        with self._records.write() as connection:
            row = connection.execute(f"{_ROW} WHERE id = ?", (job,)).fetchone()
            if row is None or (only_unqueued and (row["core"] is not None or row["state"] != "queued")):
                return False
            changed = self._write_with_batch(connection, row, fields, outcome)
        self._tell_of(row if changed else None)
        return True

    def requeue(self, job: str) -> bool:
        """A job that has failed or was cancelled is to be handed on again; whether it had."""
        with self._records.write() as connection:
            row = connection.execute(
                f"{_ROW} WHERE id = ? AND state IN ('failed', 'cancelled')", (job,)
            ).fetchone()
            if row is not None:
                connection.execute("UPDATE jobs SET core = NULL WHERE id = ?", (job,))
                self._write_with_batch(connection, row, _QUEUED)
        self._tell_of(row)
        return row is not None

    def remove(self, job: str) -> None:
        """Forget a job; its batch, if it is of one, is what is left."""
        with self._records.write() as connection:
            row = connection.execute(f"{_ROW} WHERE id = ?", (job,)).fetchone()
            connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
            if row is not None and row["parent"] is not None:
                self._write_batch(connection, row["parent"])
        if row is not None and row["parent"] is not None:
            self.tell(row["owner"], row["parent"])

    def _write_with_batch(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        fields: Mapping[str, Any],
        outcome: str | None = None,
    ) -> bool:
        changed = self._write(connection, row, fields, outcome)
        if changed and row["parent"] is not None:
            self._write_batch(connection, row["parent"])
        return changed

    def _tell_of(self, row: sqlite3.Row | None) -> None:
        """Those who wait are told of a job that has changed, and of its batch."""
        if row is not None:
            self.tell(row["owner"], row["id"])
            if row["parent"] is not None:
                self.tell(row["owner"], row["parent"])

    def _write(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        fields: Mapping[str, Any],
        outcome: str | None = None,
    ) -> bool:
        """Whether a row's document is another one then."""
        before = documents.document_of(row)
        after = {**before, **fields}
        if after == before:
            return False
        ended = after["state"] in ENDED
        if ended and before["state"] not in ENDED and row["parent"] is None:
            self._publish(row["body"], after)
        connection.execute(
            "UPDATE jobs SET state = ?, seq = ?, document = ?, finished_s = ?, size_bytes = ?, "
            "used_s = ?, outcome = coalesce(?, outcome) WHERE id = ?",
            (
                after["state"],
                Records.next_seq(connection),
                json.dumps(after, ensure_ascii=False),
                time.time() if ended else None,
                sum(result["size_bytes"] for result in after["results"]),
                time.time(),
                outcome,
                row["id"],
            ),
        )
        return True

    def _write_batch(self, connection: sqlite3.Connection, batch: str) -> bool:
        """A batch is as far as its jobs are, read in the transaction that says so."""
        row = connection.execute(f"{_ROW} WHERE id = ?", (batch,)).fetchone()
        children = connection.execute(
            "SELECT document FROM jobs WHERE parent = ? ORDER BY rowid", (batch,)
        ).fetchall()
        if row is None:
            return False
        return self._write(connection, row, documents.joined([documents.document_of(c) for c in children]))

    def _publish(self, body: str, document: Mapping[str, Any]) -> None:
        """Before the end is recorded: a service that is killed in between tells it at its next start."""
        url = json.loads(body).get("webhook")
        if url is not None:
            self._hooks.publish(url, document)

    def _change_batch(self, row: sqlite3.Row) -> None:
        """Change a batch that was left behind its jobs: that of a service that wrote the two apart."""
        with self._records.write() as connection:
            changed = self._write_batch(connection, row["id"])
        if changed:
            self.tell(row["owner"], row["id"])

    def _tell(self, owner: str | None, job: str | None) -> None:
        for event, listener in self._waiting.items():
            if owner is None or (listener.owner in (None, owner) and listener.job in (None, job)):
                event.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                active = self._look()
                self.database_away = False
            except Exception as error:
                if not self.database_away:
                    _log.error("the jobs cannot be looked at", exc_info=error)
                self.database_away, active = True, True
            self._wake.wait(_LOOK_S if active else None)
            if active:
                self._stopping.wait(_LOOK_S / 4.0)

    def _look(self) -> bool:
        """Copy what has changed; whether there is anything that can."""
        if self._records.one("SELECT 1 FROM jobs WHERE state IN ('queued', 'running') LIMIT 1") is None:
            return False
        start_s = time.monotonic()
        everything = start_s >= self._everything_s
        states: list[State] = ["running", "queued"] if everything else ["running"]
        listed = {job.id: job for job in self._jobs.list(states=states)}
        for row in self._active(listed, everything=everything):
            self._try(row["id"], partial(self._copy, row, listed.get(row["core"])))
        if everything:
            for row in self._records.all(_BATCHES):
                self._try(row["id"], partial(self._change_batch, row))
            self._everything_s = start_s + max(_EVERYTHING_S, _LOAD * (time.monotonic() - start_s))
        return True

    def _active(self, listed: Iterable[str], *, everything: bool) -> list[sqlite3.Row]:
        """Records of jobs that may have changed: that ran or run, or all that have not ended."""
        query = "SELECT id, core, document FROM jobs WHERE core IS NOT NULL AND state "
        if everything:
            return self._records.all(query + "IN ('queued', 'running')")
        cores = list(listed)
        marks = ", ".join("?" * len(cores))
        return self._records.all(
            f"{query} = 'running' UNION {query} = 'queued' AND core IN ({marks})", *cores
        )

    def _try(self, job: str, change: Callable[[], object]) -> None:
        """What is wrong with one job is logged once, and not the others' trouble."""
        try:
            change()
            self._broken.discard(job)
        except Exception as error:
            if problem_of(error).code == "database_away":  # for all of them
                raise
            if job not in self._broken:
                self._broken.add(job)
                _log.error("a job cannot be looked at", extra={"job": job}, exc_info=error)

    def _copy(self, row: sqlite3.Row, listed: Job | None) -> None:
        """Copy a job, as it was listed; None if it was not, since it has ended or somebody has cleared it."""
        job = listed or self._ended(row["core"])
        if job is None:
            self.change(row["id"], _FORGOTTEN)
            return
        document, outcome, names = documents.document_of(row), None, Names({}, [])
        if job.ended or job.failure is not None:
            names = self.names(document)
        if job.outcome is not None:
            job = documents.with_names(job, names)
            outcome = documents.outcome_text(job, names)
        now = documents.refreshed(document, job, names)
        if now != document:
            self.change(row["id"], now, outcome=outcome)
            self._note(document, now)

    def _ended(self, core: str) -> Job | None:
        """The whole record of a job; None if somebody has cleared it."""
        try:
            return self._jobs.get(core)
        except ParameterError:
            return None

    @staticmethod
    def _note(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        if before["state"] != now["state"]:
            code = (now["error"] or {}).get("code")
            _log.info("job %s", now["state"], extra={"job": now["id"], "kind": now["kind"], "code": code})


def _too_many(status: int, detail: str) -> Problem:
    return Problem(
        status,
        "too_many_streams",
        detail,
        hint="Close some, or ask for the job now and then.",
        headers={"Retry-After": "10"},
    )


_ROW = "SELECT id, owner, parent, core, state, body, document FROM jobs"
_BATCHES = (
    "SELECT id, owner FROM jobs AS batch WHERE kind = 'batch' AND state IN ('queued', 'running') "
    "AND NOT EXISTS (SELECT 1 FROM jobs WHERE parent = batch.id AND state IN ('queued', 'running'))"
)
"""Those whose jobs have all ended: of the others the next change of a job is soon enough."""
_QUEUED = {
    "state": "queued",
    "stage": "",
    "share": 0.0,
    "started_at": None,
    "finished_at": None,
    "error": None,
}
_FORGOTTEN = {
    "state": "failed",
    "error": {
        "code": "job_unknown",
        "message": "somebody has cleared this job from the database of jobs",
        "hint": "Submit it again.",
    },
}
