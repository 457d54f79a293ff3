"""Out of the inbox: written down, moved, counted and told."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mastering.errors import TonmeisterError
from mastering.failure import Failure, describe
from mastering.jobs.model import Job
from mastering.watch import moves
from mastering.watch.events import Ending, event_data
from mastering.watch.inbox import Inbox
from mastering.watch.ledger import Ledger, Move, Row
from mastering.watch.values import Item, Plan, Setup, Tell
from mastering.webhooks.message import Message, new_message

__all__ = ["Leaving", "Totals"]

_AGAIN_S = 5.0


@dataclass(slots=True, kw_only=True)
class Totals:
    """How many songs came to which end."""

    mastered: int = 0
    known: int = 0
    failed: int = 0


class Leaving:
    """Ends what was taken.

    Args:
        setup: what and how.
        ledger: where it is written down first.
        inbox: from where.
        tell: hears of "mastered", "known", "failed".
        publish: takes a message for a webhook, for good; None if there is nobody who sends.
    """

    def __init__(
        self,
        setup: Setup,
        ledger: Ledger,
        inbox: Inbox,
        *,
        tell: Tell,
        publish: Callable[[Message], None] | None,
    ) -> None:
        self._setup, self._ledger, self._inbox = setup, ledger, inbox
        self._tell, self._publish = tell, publish
        self._stuck: dict[Path, Move] = {}
        self._tried_s = float("-inf")
        self.totals = Totals()

    @property
    def stuck(self) -> Mapping[Path, Move]:
        """What could not be moved yet."""
        return self._stuck

    def resume(self) -> None:
        """Bring to an end what was written down: at the start, and now and then where something is stuck."""
        now_s = time.monotonic()
        if now_s - self._tried_s < _AGAIN_S:
            return
        self._tried_s = now_s
        for move in self._ledger.moves():
            self._make(move)
        for message in self._ledger.messages():
            self._hand_over(message)

    def leave(
        self,
        item: Item,
        plan: Plan,
        *,
        row: Row | None = None,
        job: Job | None = None,
        failure: Failure | None = None,
        blamed: Mapping[Path, Failure] | None = None,
    ) -> None:
        """End a song or an album, for good.

        Args:
            item: it goes to done/, or to failed/.
            plan: its settings.
            row: of the ledger, if it was taken.
            job: that has done it just now.
            failure: why it has failed.
            blamed: songs of an album with reasons of their own.
        """
        documents = None if failure is None else _documents(item, failure, blamed or {})
        planned = moves.planned(self._setup.inbox, item, documents)
        ending: Ending = "failed" if failure is not None else "known" if job is None else "mastered"
        message = self._message(item, plan, ending, row, job, failure)
        with self._ledger.together():
            for move in planned:
                self._ledger.plan(move)
            if row is not None:
                self._ledger.put(_ended(row, ending))
            if message is not None:
                self._ledger.tell(message)
        self._inbox.forget(item)
        for move in planned:
            self._make(move)
        if item.is_album:
            with contextlib.suppress(OSError):  # other files are left in it
                (self._setup.inbox / item.path).rmdir()
        self._say(item, ending, planned, row, job, failure)
        if message is not None:
            self._hand_over(message)

    def _make(self, move: Move) -> None:
        """Move a file; where that fails, a later `resume` does it."""
        try:
            moves.make(self._setup.inbox, move)
        except (OSError, TonmeisterError) as error:
            self._stuck[move.source] = move
            failure = describe(error)
            self._inbox.say(move.source, "waiting", failure.message, failure.hint)
        else:
            self._stuck.pop(move.source, None)
            self._ledger.made(move)

    def _hand_over(self, message: Message) -> None:
        if self._publish is not None:
            with contextlib.suppress(sqlite3.Error):  # then a later `resume` does it
                self._publish(message)
                self._ledger.told(message)

    def _message(
        self,
        item: Item,
        plan: Plan,
        ending: Ending,
        row: Row | None,
        job: Job | None,
        failure: Failure | None,
    ) -> Message | None:
        if plan.webhook is None:
            return None
        data = event_data(
            item,
            inbox=self._setup.inbox,
            outbox=self._setup.outbox,
            output=row.output if row is not None and failure is None else None,
            job=job if failure is None else None,
            failure=failure,
        )
        return new_message(plan.webhook, f"{'album' if item.is_album else 'song'}.{ending}", data)

    def _say(
        self,
        item: Item,
        ending: Ending,
        planned: list[Move],
        row: Row | None,
        job: Job | None,
        failure: Failure | None,
    ) -> None:
        count = len(item.songs)
        setattr(self.totals, ending, getattr(self.totals, ending) + count)
        moved = planned[0].destination.parent if item.is_album else planned[0].destination
        where: dict[str, Any] = {"file": str(item.path), "moved_to": str(moved)}
        if item.is_album:
            where["songs"] = count
        if failure is not None:
            why = {"code": failure.code, "message": failure.message, "hint": failure.hint}
            self._tell("failed", **where, **why)
        elif row is not None:
            missed = job is not None and job.outcome is not None and job.outcome.missed
            extra = {} if job is None else {"missed": missed}
            self._tell(ending, **where, output=str(row.output), **extra)


def _ended(row: Row, ending: Ending) -> Row:
    return replace(row, state="failed" if ending == "failed" else "done")


def _documents(item: Item, failure: Failure, blamed: Mapping[Path, Failure]) -> dict[Path, Mapping[str, Any]]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    documents: dict[Path, Mapping[str, Any]] = {}
    for song in item.songs:
        why = blamed.get(song.path, failure)
        documents[song.path] = {
            "schema": 1,
            "file": str(song.path),
            "code": why.code,
            "message": why.message,
            "hint": why.hint,
            "time": now,
        }
    return documents
