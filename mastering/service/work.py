"""Jobs of the service: whose they are, what was asked, where their files are.

A wish is recorded first and queued then, by a thread of its own: asking takes no longer for a long song,
and a service that is killed in between queues it at its next start.
"""

from __future__ import annotations

import json
import logging
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mastering.codec import to_plain
from mastering.jobs.service import Jobs
from mastering.service import documents
from mastering.service.feed import Feed
from mastering.service.hooks import Hooks
from mastering.service.keys import Caller
from mastering.service.ports import Workshop
from mastering.service.problems import Problem, problem_of
from mastering.service.records import Records
from mastering.service.room import Room
from mastering.service.songs import Songs
from mastering.service.times import iso
from mastering.service.wishes import AnyBody, Wish, Wishes, work_of

__all__ = ["Work", "unknown_job"]

_log = logging.getLogger("tonmeister.work")


class Work:
    """All jobs.

    Args:
        records: whose they are.
        songs: they work on.
        jobs: do the work.
        workshop: makes the requests.
        folder: of their results.
        feed: is told of changes.
        hooks: which addresses may be told of a job.
        room: for what jobs write.
    """

    def __init__(
        self,
        records: Records,
        songs: Songs,
        jobs: Jobs,
        workshop: Workshop,
        folder: Path,
        feed: Feed,
        hooks: Hooks,
        room: Room,
    ) -> None:
        self._records, self._songs, self._jobs = records, songs, jobs
        self._wishes = Wishes(songs, workshop, folder, hooks.check)
        self.folder, self._feed, self._room = folder, feed, room
        self._waiting: queue.SimpleQueue[tuple[str, bool] | None] = queue.SimpleQueue()
        self._queueing = threading.Thread(target=self._queue_all, daemon=True, name="queueing")

    def start(self) -> None:
        """Queue what was recorded and not queued."""
        for row in self._records.all(
            "SELECT id FROM jobs WHERE core IS NULL AND state = 'queued' AND kind != 'batch' "
            "ORDER BY created_s"
        ):
            self._waiting.put((row["id"], False))
        self._queueing.start()

    def stop(self) -> None:
        """End the queueing; what is not queued yet is at the next start."""
        self._waiting.put(None)
        self._queueing.join(30.0)

    def submit(self, caller: Caller, body: AnyBody, key: str | None = None) -> tuple[dict[str, Any], bool]:
        """Record a wish; the same wish of the same caller is the same job as long as that has not failed.

        Args:
            caller: who asks.
            body: for what.
            key: Idempotency-Key.

        Returns:
            the job, and whether it is new.

        Raises:
            Problem: unknown songs, a key that was used for another wish, no room for what would be written
                (taken to be as large as the songs are).
            TonmeisterError: a wish that cannot be fulfilled.
        """
        songs, references = self._wishes.material(caller, body)
        work = work_of(body, songs, references)
        known = self._known(caller, work, key)
        if known is not None and key is not None:
            self._remember(caller, key, work, known["id"])
            known = self._known(caller, work, key)
        if known is not None:
            return known, False
        self._room.check(caller.owner, sum(song.size_bytes for song in songs))
        new = self._wishes.wish(body, songs, references)
        known = self._record(caller, new, key)
        if known is not None:
            return known, False
        self._songs.used([song.id for song in (*songs, *references)])
        for each in new.children or (new,):
            self._waiting.put((each.id, False))
        self._feed.tell(caller.owner, new.id)
        return self.get(caller, new.id), True

    def get(self, caller: Caller, job: str) -> dict[str, Any]:
        """A job of the caller's.

        Raises:
            Problem: there is none that the caller may know of.
        """
        return documents.document_of(self.row(caller, job))

    def row(self, caller: Caller, job: str) -> sqlite3.Row:
        """The record of a job of the caller's; raises as `get`."""
        row = self._records.one("SELECT * FROM jobs WHERE id = ?", job)
        if row is None or not (caller.is_admin or row["owner"] == caller.owner):
            raise unknown_job(job)
        return row

    def page(
        self,
        caller: Caller,
        *,
        states: Sequence[str] = (),
        kinds: Sequence[str] = (),
        before: tuple[float, str] | None = None,
        limit: int,
    ) -> list[tuple[float, dict[str, Any]]]:
        """Jobs that the caller may know of, the newest first, each with its time."""
        where = ["parent IS NULL"]
        values: list[Any] = []
        if not caller.is_admin:
            where.append("owner = ?")
            values.append(caller.owner)
        for column, chosen in (("state", states), ("kind", kinds)):
            if chosen:
                where.append(f"{column} IN ({', '.join('?' * len(chosen))})")
                values += chosen
        if before is not None:
            where.append("(created_s, id) < (?, ?)")
            values += before
        query = (
            f"SELECT created_s, document FROM jobs WHERE {' AND '.join(where)} "
            "ORDER BY created_s DESC, id DESC LIMIT ?"
        )
        rows = self._records.all(query, *values, limit)
        return [(row["created_s"], documents.document_of(row)) for row in rows]

    def cancel(self, caller: Caller, job: str) -> dict[str, Any]:
        """End a job; one that has ended stays as it is."""
        for row in self._each(self.row(caller, job)):
            if row["kind"] != "batch":
                self._cancel(row)
        self._feed.look()
        return self.get(caller, job)

    def retry(self, caller: Caller, job: str) -> dict[str, Any]:
        """Queue a job again that failed or was cancelled.

        Raises:
            Problem: it is in another state.
        """
        row = self.row(caller, job)
        if row["state"] not in ("failed", "cancelled"):
            raise Problem(
                409,
                "job_state",
                f"the job is {row['state']}: only failed and cancelled ones are tried again",
                hint="Cancel it first, or submit other work.",
            )
        for each in self._each(row):
            if each["kind"] != "batch" and each["state"] in ("failed", "cancelled"):
                self._again(each)
        self._feed.look()
        return self.get(caller, job)

    def remove(self, caller: Caller, job: str) -> None:
        """Forget a job that has ended, with its files.

        Raises:
            Problem: it has not ended.
        """
        row = self.row(caller, job)
        if row["state"] in ("queued", "running"):
            raise Problem(409, "job_state", f"the job is {row['state']}", hint="Cancel it first.")
        for each in self._each(row):
            self.forget(each["id"], each["core"])

    def forget(self, job: str, core: str | None) -> None:
        """Forget a job, with its files; what remains of one that is interrupted here goes at `sweep`."""
        with self._records.write() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
        if core is not None:
            self._jobs.forget(core)
        shutil.rmtree(self.folder / job, ignore_errors=True)

    def sweep(self) -> None:
        """Remove folders of jobs that are not known any more."""
        folders = list(self.folder.iterdir())  # before the ids: a job that is made meanwhile keeps its own
        known = {row["id"] for row in self._records.all("SELECT id FROM jobs")}
        for folder in folders:
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def result(self, caller: Caller, job: str, name: str) -> tuple[Path, dict[str, Any]]:
        """A file of a job; only names that its record knows are looked at.

        Raises:
            Problem: there is no such job or file.
        """
        row = self.row(caller, job)
        for result in documents.document_of(row)["results"]:
            if result["name"] == name and (path := self.folder / row["id"] / result["name"]).is_file():
                return path, result
        raise Problem(
            404,
            "result_unknown",
            f"the job has no result '{name[:80]}'",
            hint="The job's document lists its results.",
        )

    def recipe(self, caller: Caller, job: str, song: str | None = None) -> dict[str, Any]:
        """The recipe of a job; of an album that of one song.

        Raises:
            Problem: there is none.
        """
        for known in self.get(caller, job)["results"]:
            if known["role"] == "recipe" and song in (None, known["song"]):
                path, _ = self.result(caller, job, known["name"])
                document: dict[str, Any] = json.loads(path.read_text("utf-8"))
                return document
        raise Problem(
            404,
            "result_unknown",
            "the job has no recipe, or not yet",
            hint="Wait until it is done.",
            field="job",
        )

    def _known(self, caller: Caller, work: str, key: str | None) -> dict[str, Any] | None:
        """The job of the same wish, if there is one."""
        if key is not None:
            row = self._records.one(
                "SELECT jobs.document, idempotency.work FROM idempotency "
                "JOIN jobs ON jobs.id = idempotency.job WHERE idempotency.owner = ? AND idempotency.key = ?",
                caller.owner,
                key,
            )
            if row is not None and row["work"] != work:
                raise Problem(
                    409,
                    "idempotency_key",
                    "this Idempotency-Key was used for another request",
                    hint="Use a new key for each request.",
                    field="Idempotency-Key",
                )
            if row is not None:
                return documents.document_of(row)
        row = self._records.one(
            "SELECT document FROM jobs WHERE owner = ? AND work = ? "
            "AND state IN ('queued', 'running', 'done') ORDER BY created_s DESC LIMIT 1",
            caller.owner,
            work,
        )
        return documents.document_of(row) if row is not None else None

    def _remember(self, caller: Caller, key: str, work: str, job: str) -> None:
        """A key stands for a job that was there already, if it is still there and the key is new."""
        with self._records.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO idempotency SELECT ?, ?, ?, id, ? FROM jobs WHERE id = ?",
                (caller.owner, key, work, time.time(), job),
            )

    def _record(self, caller: Caller, new: Wish, key: str | None) -> dict[str, Any] | None:
        """Record a wish, unless the same came in at the same moment: then that one's job."""
        now_s = time.time()
        with self._records.write() as connection:
            known = self._known(caller, new.work, key)  # nobody else writes now
            for each in (new, *new.children) if known is None else ():
                self._insert(connection, caller, each, now_s)
            if key is not None:
                job = new.id if known is None else known["id"]
                connection.execute(
                    "INSERT OR IGNORE INTO idempotency VALUES (?, ?, ?, ?, ?)",
                    (caller.owner, key, new.work, job, now_s),
                )
        return known

    def _insert(self, connection: sqlite3.Connection, caller: Caller, new: Wish, now_s: float) -> None:
        document = documents.at_start(
            new.id,
            new.kind,
            new.label,
            songs=new.songs,
            references=new.references,
            request=json.loads(new.body),
            created_s=now_s,
        )
        document["jobs"] = [child.id for child in new.children]
        document["parts"] = [documents.part_at_start(c.id, c.songs[0], c.label) for c in new.children]
        connection.execute(
            "INSERT INTO jobs (id, owner, kind, work, parent, state, seq, created_s, used_s, body, task, "
            "document) VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
            (
                new.id,
                caller.owner,
                new.kind,
                new.work,
                new.parent,
                Records.next_seq(connection),
                now_s,
                now_s,
                new.body,
                "" if new.task is None else json.dumps(to_plain(new.task)),
                json.dumps(document, ensure_ascii=False),
            ),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO job_songs VALUES (?, ?)",
            [(new.id, song) for song in (*new.songs, *new.references)],
        )

    def _each(self, row: sqlite3.Row) -> list[sqlite3.Row]:
        """A job, and before it those of a batch."""
        return [*self._records.all("SELECT * FROM jobs WHERE parent = ?", row["id"]), row]

    def _queue_all(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            job, again = waiting
            row = self._records.one("SELECT * FROM jobs WHERE id = ?", job)
            if row is None or row["state"] != "queued" or row["core"] is not None:
                continue
            try:
                self._queue(row, again=again)
            except Exception as error:
                problem = problem_of(error)
                if problem.status == 503:  # the database comes back
                    _log.warning("a job cannot be queued now", extra={"job": job}, exc_info=error)
                    time.sleep(1.0)
                    self._waiting.put(waiting)
                else:
                    _log.error("a job cannot be queued", extra={"job": job}, exc_info=error)
                    self._end(job, "failed", problem)

    def _queue(self, row: sqlite3.Row, *, again: bool) -> None:
        """Hand a job on; `again`: also if it had come there before and was ended."""
        request = self._jobs.kinds.read(row["kind"], json.loads(row["task"]))
        (self.folder / row["id"]).mkdir(parents=True, exist_ok=True)
        known = self._jobs.submit(request)
        core = known.id
        if again and known.state in ("failed", "cancelled"):
            self._jobs.retry(core)
        with self._records.write() as connection:
            changed = connection.execute(
                "UPDATE jobs SET core = ? WHERE id = ? AND state = 'queued'", (core, row["id"])
            ).rowcount
        if not changed:  # cancelled or deleted meanwhile
            self._jobs.cancel(core)
        self._feed.look()

    def _cancel(self, row: sqlite3.Row) -> None:
        """End a job where it is now: still here, or where it is done."""
        if row["core"] is None and self._end(row["id"], "cancelled", None):
            return
        now = self._records.one("SELECT core FROM jobs WHERE id = ?", row["id"])
        if now is not None and now["core"] is not None:
            self._jobs.cancel(now["core"])

    def _again(self, row: sqlite3.Row) -> None:
        if row["core"] is not None:
            self._jobs.retry(row["core"])
        self._feed.change(row["id"], {"state": "queued", "error": None, "finished_at": None})
        if row["core"] is None:
            self._waiting.put((row["id"], True))

    def _end(self, job: str, state: str, problem: Problem | None) -> bool:
        """End a job that is not where jobs are done; whether it was not."""
        error = None
        if problem is not None:
            error = {"code": problem.code, "message": problem.detail, "hint": problem.hint}
        end = {"state": state, "error": error, "finished_at": iso(time.time())}
        return self._feed.change(job, end, only_unqueued=True)


def unknown_job(job: str) -> Problem:
    """The answer for a job that is not there, or not the caller's: the same for both."""
    return Problem(
        404,
        "job_unknown",
        f"there is no job '{job[:40]}'",
        hint="GET /api/v1/jobs lists yours.",
        field="job",
    )
