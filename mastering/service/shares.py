"""Links that show one job to whoever has them: random, kept as digests, read only, and not for ever."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from mastering.service.keys import Caller, digest_of
from mastering.service.problems import Problem
from mastering.service.records import Records

__all__ = ["Guest", "Shares"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Whoever came by a link.

    Args:
        host: in whose name he looks.
        job: all he sees, with its songs.
        songs: that he may hear.
    """

    host: Caller
    job: str
    songs: frozenset[str]

    def check_job(self, job: str) -> None:
        """Refuse any other job.

        Raises:
            Problem: it is another one.
        """
        if job != self.job:
            raise _nothing()

    def check_song(self, song: str) -> None:
        """Refuse any other song.

        Raises:
            Problem: it is none of the job's.
        """
        if song not in self.songs:
            raise _nothing()


class Shares:
    """The links.

    Args:
        records: where they are.
        days: how long one works.
    """

    def __init__(self, records: Records, days: float) -> None:
        self._records, self._days = records, days

    def add(self, owner: str, job: str) -> tuple[str, float]:
        """Make a link; gives its token, which is kept nowhere, and when it ends (Unix time)."""
        token, now_s = secrets.token_urlsafe(32), time.time()
        expires_s = now_s + 86_400.0 * self._days
        with self._records.write() as connection:
            row = (digest_of(token), owner, job, now_s, expires_s)
            connection.execute("INSERT INTO shares VALUES (?, ?, ?, ?, ?)", row)
        return token, expires_s

    def remove(self, caller: Caller, token: str) -> None:
        """End a link.

        Raises:
            Problem: there is none of the caller's.
        """
        query, values = "DELETE FROM shares WHERE sha256 = ?", [digest_of(token)]
        if not caller.is_admin:
            query, values = f"{query} AND owner = ?", [*values, caller.owner]
        with self._records.write() as connection:
            if not connection.execute(query, values).rowcount:
                raise unknown_link()

    def guest(self, token: str) -> Guest:
        """Who came by a link.

        Raises:
            Problem: there is none, or not any more.
        """
        row = self._records.one(
            "SELECT jobs.owner, jobs.id FROM shares JOIN jobs ON jobs.id = shares.job "
            "WHERE shares.sha256 = ? AND shares.expires_s > ?",
            digest_of(token),
            time.time(),
        )
        if row is None:
            raise unknown_link()
        songs = self._records.all("SELECT song FROM job_songs WHERE job = ?", row["id"])
        return Guest(
            host=Caller(owner=row["owner"], role="submit"),
            job=row["id"],
            songs=frozenset(song["song"] for song in songs),
        )

    def expire(self) -> None:
        """Forget links whose time is over."""
        with self._records.write() as connection:
            connection.execute("DELETE FROM shares WHERE expires_s <= ?", (time.time(),))


def unknown_link() -> Problem:
    """The answer for a link that is none, or not any more."""
    return Problem(
        404,
        "share_unknown",
        "this link does not work, or not any more",
        hint="Ask whoever sent it for another.",
    )


def _nothing() -> Problem:
    return Problem(404, "not_shared", "this link does not show that")
