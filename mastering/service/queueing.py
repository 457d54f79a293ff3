"""Handing jobs on: from the service's records, where a wish is written first, to where jobs are done.

A thread does it, so that asking takes no longer for a long song. What is queued in the records and has no
`core`, its id where jobs are done, is still to be handed on, whatever died in between: a service that starts
does that first.
"""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mastering.jobs.service import Jobs
from mastering.service.feed import Feed
from mastering.service.problems import Problem, problem_of
from mastering.service.records import Records
from mastering.service.times import iso

__all__ = ["Queueing"]

_AGAIN_S = 1.0
_PASSING = (503, 507)
_STOP_S = 30.0

_log = logging.getLogger("tonmeister.work")


class Queueing:
    """Hands jobs on.

    Args:
        records: of jobs.
        jobs: do them.
        folder: of their results.
        feed: is told of changes.
        check: refuses a task, as plain values, that may not be done any more.
    """

    def __init__(
        self, records: Records, jobs: Jobs, folder: Path, feed: Feed, check: Callable[[Any], None]
    ) -> None:
        self._records, self._jobs, self._folder, self._feed = records, jobs, folder, feed
        self._check = check
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True, name="queueing")

    def start(self) -> None:
        """Begin, with what was recorded and not handed on."""
        for row in self._records.all(
            "SELECT id FROM jobs WHERE core IS NULL AND state = 'queued' AND kind != 'batch' "
            "ORDER BY created_s"
        ):
            self._waiting.put(row["id"])
        self._thread.start()

    def stop(self) -> None:
        """End; what is not handed on yet is at the next start."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(_STOP_S)

    def put(self, job: str) -> None:
        """Hand a recorded job on soon."""
        self._waiting.put(job)

    def run(self) -> None:
        """Hand on what was put, until `stop`."""
        while (job := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                row = self._records.one("SELECT * FROM jobs WHERE id = ?", job)
                if row is not None and row["state"] == "queued" and row["core"] is None:
                    self.hand_on(row)
            except Exception as error:
                self._failed(job, error)

    def hand_on(self, row: sqlite3.Row) -> None:
        """Hand one on; also if it had come there before and has ended: then it is another try."""
        task = json.loads(row["task"])
        self._check(task)
        request = self._jobs.kinds.read(row["kind"], task)
        (self._folder / row["id"]).mkdir(parents=True, exist_ok=True)
        known = self._jobs.submit(request)
        if known.state in ("failed", "cancelled"):
            self._jobs.retry(known.id)
        with self._records.write() as connection:
            changed = connection.execute(
                "UPDATE jobs SET core = ? WHERE id = ? AND state = 'queued'", (known.id, row["id"])
            ).rowcount
        if not changed:  # cancelled or deleted meanwhile
            self._jobs.cancel(known.id)
        self._feed.look()

    def cancel(self, row: sqlite3.Row) -> None:
        """End a job where it is now: still here, or where it is done."""
        if row["core"] is None and self._end(row["id"], "cancelled", None):
            return
        now = self._records.one("SELECT core FROM jobs WHERE id = ?", row["id"])
        if now is not None and now["core"] is not None:
            self._jobs.cancel(now["core"])

    def again(self, job: str) -> None:
        """Try a job again that has failed or was cancelled; first one transaction says so."""
        if self._feed.requeue(job):
            self.put(job)

    def _failed(self, job: str, error: Exception) -> None:
        """The job ends, unless it is the machine that cannot now: a database that is away, a full disk."""
        problem = problem_of(error)
        if problem.status not in _PASSING:
            _log.error("a job cannot be queued", extra={"job": job}, exc_info=error)
            try:
                self._end(job, "failed", problem)
                return
            except Exception as again:
                error = again
        _log.warning("a job cannot be queued now", extra={"job": job}, exc_info=error)
        self._stopping.wait(_AGAIN_S)
        self.put(job)

    def _end(self, job: str, state: str, problem: Problem | None) -> bool:
        """End a job that is not where jobs are done; whether it was not."""
        error = None
        if problem is not None:
            error = {"code": problem.code, "message": problem.detail, "hint": problem.hint}
        end = {"state": state, "error": error, "finished_at": iso(time.time())}
        return self._feed.change(job, end, only_unqueued=True)
