"""The drop folder: files that have come to rest become jobs, and leave the inbox when those have ended.

What is done twice after a crash is done with the same effect: a job is known by its content and settings,
a move by its destination, a message by its id, and all are in the ledger before they happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mastering.jobs.service import Jobs
from mastering.watch.claims import Claims
from mastering.watch.concluding import Concluding
from mastering.watch.folders import Folders
from mastering.watch.inbox import Inbox
from mastering.watch.leaving import Leaving, Totals
from mastering.watch.ledger import Ledger
from mastering.watch.scan import item_at
from mastering.watch.taking import Taking
from mastering.watch.values import Item, Setup, Tell
from mastering.webhooks.message import Message

__all__ = ["Watcher"]


class Watcher:
    """Watches one inbox.

    Args:
        setup: what and how.
        jobs: where the work is done.
        ledger: of this inbox.
        folders: settings.
        probe: raises AudioFileError for what cannot be read.
        tell: hears of "taken", "mastered", "known", "failed", "replaced", "gone", "waiting", "passed_over".
        publish: takes messages for webhooks; None if there is nobody who sends.
        once: nothing more will come: what cannot be read is not given time.
    """

    def __init__(
        self,
        setup: Setup,
        jobs: Jobs,
        ledger: Ledger,
        folders: Folders,
        *,
        probe: Callable[[Path], object],
        tell: Tell,
        publish: Callable[[Message], None] | None = None,
        once: bool = False,
    ) -> None:
        self._setup, self._ledger, self._tell = setup, ledger, tell
        self._inbox = Inbox(setup, folders, tell=tell, once=once)
        self._claims = Claims(jobs, ledger)
        self._leaving = Leaving(setup, ledger, self._inbox, tell=tell, publish=publish)
        parts = (self._inbox, self._claims, self._leaving)
        self._taking = Taking(setup, jobs, ledger, *parts, probe=probe, tell=tell)
        self._more = False
        self._concluding = Concluding(setup, jobs, ledger, *parts, tell=tell)

    def recover(self) -> None:
        """Bring to an end what an earlier watcher had begun when it died."""
        self._leaving.resume()
        for row in self._ledger.open_rows():
            now = item_at(self._setup.inbox, row.source, self._setup.suffixes)
            if now is None or now.signature != row.signature:
                self._claims.orphan(row)

    def tick(self, *, hint: bool = False) -> None:
        """Conclude what has ended; look, if it is time; take what has come to rest."""
        self._leaving.resume()
        self._concluding.conclude_ended()
        if self._inbox.see(hint=hint):
            self._give_up_changed()
            self._more = True
        if self._more:
            self._take_ready()

    @property
    def totals(self) -> Totals:
        """How many songs came to which end."""
        return self._leaving.totals

    @property
    def under_way(self) -> int:
        """Songs whose job has not ended."""
        return sum(len(claim.item.songs) for claim in self._claims.under_way.values())

    @property
    def waiting(self) -> int:
        """Songs that lie in the inbox and are not worked on."""
        return max(0, self._inbox.count - self.under_way)

    @property
    def is_kept_waiting(self) -> bool:
        """Some may not be taken as things are."""
        return bool(self._leaving.stuck) or any(map(self._inbox.is_said, self._free()))

    @property
    def finished(self) -> bool:
        """All that had come to rest is done; what has not, or must not be taken, is left."""
        if self._inbox.looks < 2 or self._claims.under_way or self._claims.orphans:
            return False
        return not any(self._inbox.is_ready(item) or self._inbox.is_settling(item) for item in self._free())

    def _free(self) -> Iterator[Item]:
        return self._inbox.free(self._claims.under_way, self._leaving.stuck)

    def _give_up_changed(self) -> None:
        claims = [claim for claim in self._claims.under_way.values() if not claim.ending]
        now = self._inbox.now([claim.item for claim in claims])
        for claim in claims:
            item = now[claim.item.path]
            if item is None or item.signature != claim.item.signature:
                self._tell("gone" if item is None else "replaced", file=str(claim.item.path))
                self._claims.give_up(claim)

    def _take_ready(self) -> None:
        """Take what is ready, until enough is under way; the rest of a look is taken by later calls."""
        if len(self._claims.under_way) >= self._setup.most_open:
            return
        for item in list(self._free()):
            if self._inbox.is_ready(item):
                self._inbox.tried(item)
                self._taking.take(item)
                if len(self._claims.under_way) >= self._setup.most_open:
                    return
        self._more = False  # until the next look
