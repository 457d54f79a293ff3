"""Jobs of the service: whose they are, what was asked, where their files are."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mastering.errors import PluginForbidden
from mastering.jobs.service import Jobs
from mastering.service import documents
from mastering.service.feed import Feed
from mastering.service.hooks import Hooks
from mastering.service.keys import Caller
from mastering.service.ledger import Ledger
from mastering.service.plugins import AllowedPlugins
from mastering.service.ports import Workshop
from mastering.service.problems import Problem
from mastering.service.queueing import Queueing
from mastering.service.records import Records
from mastering.service.room import Room
from mastering.service.songs import Songs
from mastering.service.wishes import AnyBody, Wishes, work_of

__all__ = ["Work", "unknown_job"]


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
        plugins: that may be used.
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
        plugins: AllowedPlugins,
    ) -> None:
        self._records, self._songs, self._jobs = records, songs, jobs
        self._wishes = Wishes(songs, workshop, folder, hooks.check)
        self.folder, self._feed, self._room, self._plugins = folder, feed, room, plugins
        self._ledger = Ledger(records)
        self.queueing = Queueing(records, jobs, folder, feed, plugins.check_task)

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
        known = self._ledger.known(caller, work, key)
        if known is not None and key is not None:
            self._ledger.remember(caller, key, work, known["id"])
            known = self._ledger.known(caller, work, key)
        if known is not None:
            return known, False
        self._room.check(caller.owner, sum(song.size_bytes for song in songs))
        new = self._wishes.wish(body, songs, references)
        known = self._ledger.record(caller, new, key)
        if known is not None:
            return known, False
        self._songs.used([song.id for song in (*songs, *references)])
        for each in new.children or (new,):
            self.queueing.put(each.id)
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
                self.queueing.cancel(row)
        self._feed.look()
        return self.get(caller, job)

    def cancel_forbidden(self) -> None:
        """End jobs that wait or run with a plug-in that is not allowed any more."""
        waiting = "SELECT * FROM jobs WHERE state IN ('queued', 'running') AND kind != 'batch'"
        for row in self._records.all(waiting):
            try:
                self._plugins.check_task(json.loads(row["task"]))
            except PluginForbidden:
                self.queueing.cancel(row)
        self._feed.look()

    def retry(self, caller: Caller, job: str) -> dict[str, Any]:
        """Queue a job again that failed or was cancelled.

        Raises:
            Problem: it is in another state.
            PluginForbidden: it has a plug-in that is not allowed any more.
        """
        row = self.row(caller, job)
        if row["state"] not in ("failed", "cancelled"):
            raise Problem(
                409,
                "job_state",
                f"the job is {row['state']}: only failed and cancelled ones are tried again",
                hint="Cancel it first, or submit other work.",
            )
        again = [
            each
            for each in self._each(row)
            if each["kind"] != "batch" and each["state"] in ("failed", "cancelled")
        ]
        for each in again:
            self._plugins.check_task(json.loads(each["task"]))
        for each in again:
            self.queueing.again(each["id"])
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
        self._feed.remove(job)
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

    def _each(self, row: sqlite3.Row) -> list[sqlite3.Row]:
        """A job, and before it those of a batch."""
        return [*self._records.all("SELECT * FROM jobs WHERE parent = ?", row["id"]), row]


def unknown_job(job: str) -> Problem:
    """The answer for a job that is not there, or not the caller's: the same for both."""
    return Problem(
        404,
        "job_unknown",
        f"there is no job '{job[:40]}'",
        hint="GET /api/v1/jobs lists yours.",
        field="job",
    )
