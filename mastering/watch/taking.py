"""What has come to rest is taken: probed, known by its content and settings, written down, submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from mastering.errors import AudioFileError, TonmeisterError
from mastering.failure import Failure, describe
from mastering.io.files import sha256
from mastering.jobs.service import Jobs
from mastering.watch.claims import Claim, Claims
from mastering.watch.inbox import Inbox
from mastering.watch.leaving import Leaving
from mastering.watch.ledger import Ledger, Row
from mastering.watch.outputs import output_of, pairs_of
from mastering.watch.scan import item_at
from mastering.watch.values import Item, Plan, Setup, Signature, Tell

__all__ = ["VANISHED", "Taking", "now"]

VANISHED = frozenset({"input_replaced", "file_changed", "file_missing"})
"""Codes of jobs whose input went away, or changed, under their hands."""


def now(setup: Setup, item: Item) -> Literal["same", "replaced", "gone"]:
    """What became of a song or an album since it was seen."""
    found = item_at(setup.inbox, item.path, setup.suffixes)
    if found is None:
        return "gone"
    return "same" if found.signature == item.signature else "replaced"


class Taking:
    """Takes songs and albums.

    Args:
        setup: what and how.
        jobs: where the work is done.
        ledger: of this inbox.
        inbox, claims, leaving: where they come from, are held, and go.
        probe: raises AudioFileError for what cannot be read.
        tell: hears of "taken".
    """

    def __init__(
        self,
        setup: Setup,
        jobs: Jobs,
        ledger: Ledger,
        inbox: Inbox,
        claims: Claims,
        leaving: Leaving,
        *,
        probe: Callable[[Path], object],
        tell: Tell,
    ) -> None:
        self._setup, self._jobs, self._ledger = setup, jobs, ledger
        self._inbox, self._claims, self._leaving = inbox, claims, leaving
        self._probe, self._tell = probe, tell
        self._bad: dict[Path, Signature] = {}

    def take(self, item: Item) -> None:
        """Take it, if it can be taken; what keeps it is said once, and it stays."""
        try:
            plan = self._inbox.plan(item)
            if self._is_clean(item, plan):
                contents = [sha256(self._setup.inbox / song.path) for song in item.songs]
                if now(self._setup, item) == "same":
                    self._begin(item, plan, contents)
        except (TonmeisterError, OSError) as error:
            if now(self._setup, item) == "same":
                failure = describe(error)
                self._inbox.say(item.path, "waiting", failure.message, failure.hint)

    def _is_clean(self, item: Item, plan: Plan) -> bool:
        """Whether all of it can be read; what cannot, and has been the same for long, goes to failed/."""
        final = self._inbox.is_final(item)
        if not final and self._bad.get(item.path) == item.signature:
            return False
        blamed = self._unreadable(item)
        if not blamed and not item.unfinished:
            self._bad.pop(item.path, None)
            return True
        if now(self._setup, item) != "same":
            return False
        failure = _whole(item, blamed) if item.is_album else blamed[item.path]
        if final:
            self._bad.pop(item.path, None)
            self._leaving.leave(item, plan, failure=failure, blamed=blamed)
        elif item.is_album:
            self._bad[item.path] = item.signature
            self._inbox.say(item.path, "waiting", failure.message)
        return False

    def _unreadable(self, item: Item) -> dict[Path, Failure]:
        blamed = {}
        for song in item.songs:
            try:
                self._probe(self._setup.inbox / song.path)
            except AudioFileError as error:
                blamed[song.path] = describe(error)
        return blamed

    def _begin(self, item: Item, plan: Plan, contents: Sequence[str]) -> None:
        key = _key(item, contents, plan.identity)
        if self._is_left_of(item, key):
            return  # what is left of its last time has to go first
        row = self._ledger.get(key)
        if row is not None and row.state == "done":
            self._leaving.leave(item, plan, row=row)
            return
        if row is not None and row.state == "open" and self._follows(item, plan, row):
            return
        resumed = row is not None and row.state == "open" and not row.job and row.source == item.path
        if row is None or not resumed:
            row = self._new_row(item, plan, key, row.take + 1 if row is not None else 0)
        self._submit(item, plan, contents, row, new=not resumed)

    def _is_left_of(self, item: Item, key: str) -> bool:
        """Whether something was begun with the same songs that is not theirs any more; it is ended."""
        near = {item.path, item.path.parent, *(song.path for song in item.songs)}
        rows = [row for row in self._ledger.open_rows() if row.source in near or row.key == key]
        for row in rows:
            if row.key not in {key, *self._claims.orphans} and row.source not in self._claims.under_way:
                self._claims.orphan(row)
        return any(row.key in self._claims.orphans for row in rows)

    def _follows(self, item: Item, plan: Plan, row: Row) -> bool:
        """Wait for the job that does the same already."""
        job = self._claims.find(row.job)
        if job is None or (job.failure is not None and job.ended and job.failure.code in VANISHED):
            return False
        self._claim(item, plan, row.key, job.id)
        return True

    def _submit(self, item: Item, plan: Plan, contents: Sequence[str], row: Row, *, new: bool) -> None:
        pairs = pairs_of(self._setup.inbox, item, plan, row.output)
        while True:
            self._ledger.put(row)
            request = plan.request(pairs=pairs, contents=contents, album=item.is_album, take=row.take)
            try:
                job = self._jobs.submit(request)
            except TonmeisterError:
                self._ledger.put(replace(row, state="void"))
                raise
            if not (new and job.ended):
                break
            row = replace(row, take=row.take + 1)  # done before this ledger began
        self._ledger.put(replace(row, job=job.id))
        self._claim(item, plan, row.key, job.id)

    def _claim(self, item: Item, plan: Plan, key: str, job: str) -> None:
        self._claims.add(Claim(key=key, job=job, item=item, plan=plan))
        self._inbox.unsaid(item)
        album = {"songs": len(item.songs)} if item.is_album else {}
        self._tell("taken", file=str(item.path), job=job[:10], **album)

    def _new_row(self, item: Item, plan: Plan, key: str, take: int) -> Row:
        return Row(
            key=key,
            take=take,
            state="open",
            job="",
            source=item.path,
            signature=item.signature,
            output=output_of(self._setup.outbox, item, plan, self._ledger.open_rows()),
        )


def _whole(item: Item, blamed: dict[Path, Failure]) -> Failure:
    """Why an album is not mastered."""
    bad = [path.name for path in (*blamed, *item.unfinished)]
    what = "is still being written" if not blamed else "cannot be read"
    others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    return Failure(
        code="album_incomplete",
        message=f"{item.path}: an album is mastered whole, and {bad[0]}{others} {what}",
        hint="Drop the folder again when all its songs are complete.",
        exit_code=1,
    )


def _key(item: Item, contents: Sequence[str], identity: str) -> str:
    what = "\0".join(("album", *contents)) if item.is_album else contents[0]
    return hashlib.sha256("\0".join((what, repr(str(item.path.parent)), identity)).encode()).hexdigest()
