"""What follows from a job that has ended: its file leaves, waits, or is free to be taken anew."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from mastering.failure import Failure
from mastering.jobs.model import Job
from mastering.jobs.service import Jobs
from mastering.watch.claims import Claim, Claims
from mastering.watch.inbox import Inbox
from mastering.watch.leaving import Leaving
from mastering.watch.ledger import Ledger, Row
from mastering.watch.taking import VANISHED, now
from mastering.watch.values import Setup, Tell

__all__ = ["Concluding"]

_POLL_S = 2.0
_MOST_TAKES = 50
_ENVIRONMENT = 3
"""Exit code of failures that are the machine's: a full disk, a folder that cannot be written."""
_OF_THE_FILE = frozenset({"file_too_large"})


class Concluding:
    """Concludes what is under way.

    Args:
        setup: what and how.
        jobs: where the work is done.
        ledger: of this inbox.
        inbox, claims, leaving: where files lie, are held, and go.
        tell: hears of "replaced" and "gone".
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
        tell: Tell,
    ) -> None:
        self._setup, self._jobs, self._ledger = setup, jobs, ledger
        self._inbox, self._claims, self._leaving = inbox, claims, leaving
        self._tell = tell
        self._count: dict[Any, int] = {}
        self._polled_s = float("-inf")

    def conclude_ended(self) -> None:
        """Conclude all whose jobs have ended, if any may have."""
        if not (self._claims.under_way or self._claims.orphans) or not self._may_have_ended():
            return
        for claim in list(self._claims.under_way.values()):
            job = self._claims.find(claim.job)
            if job is None or job.ended:
                self._conclude(claim, job)
        for key, name in list(self._claims.orphans.items()):
            job = self._claims.find(name)
            if job is None or job.ended:
                self._claims.void(key, job)
                del self._claims.orphans[key]

    def _may_have_ended(self) -> bool:
        now_s, count = time.monotonic(), self._jobs.count()
        same = count == self._count and not self._claims.changed
        if same and now_s - self._polled_s < _POLL_S:
            return False
        self._count, self._polled_s, self._claims.changed = dict(count), now_s, False
        return True

    def _conclude(self, claim: Claim, job: Job | None) -> None:
        row = self._ledger.get(claim.key)
        if not claim.ending and (became := now(self._setup, claim.item)) != "same":
            self._tell(became, file=str(claim.item.path))
            claim = replace(claim, ending=True)
        leads = self._claims.leads(claim, row)
        if job is None or row is None or claim.ending or row.state == "void":
            self._free(claim, job, void=leads)
        elif job.state == "done":
            if not self._may_go_on(claim, job):
                self._leaving.leave(claim.item, claim.plan, row=row, job=job if leads else None)
                self._claims.release(claim)
        elif not leads:
            self._free(claim, job, void=False)
        elif _is_the_machines(job):
            self._wait(claim, job)
        elif _vanished(job) and row.take < _MOST_TAKES:
            self._free(claim, job, void=True)
        else:
            self._fail(claim, row, job)

    def _free(self, claim: Claim, job: Job | None, *, void: bool) -> None:
        if void:
            self._claims.void(claim.key, job)
        self._claims.release(claim)

    def _wait(self, claim: Claim, job: Job) -> None:
        """Keep what is not to blame in the inbox, and try it again later."""
        self._free(claim, job, void=True)
        self._inbox.hold(claim.item)
        why = _failure(job)
        self._inbox.say(claim.item.path, "waiting", why.message, why.hint)

    def _fail(self, claim: Claim, row: Row, job: Job) -> None:
        self._leaving.leave(claim.item, claim.plan, row=row, job=job, failure=_failure(job))
        self._claims.release(claim)

    def _may_go_on(self, claim: Claim, job: Job) -> bool:
        """Whether a file that ended too early may still be in the making."""
        entries = job.outcome.entries if job.outcome is not None else ()
        codes = {notice["code"] for entry in entries for notice in entry.get("notices", ())}
        return "truncated" in codes and not self._inbox.is_final(claim.item)


def _is_the_machines(job: Job) -> bool:
    why = job.failure
    failed = job.state == "failed" and why is not None
    return failed and why is not None and why.exit_code == _ENVIRONMENT and why.code not in _OF_THE_FILE


def _vanished(job: Job) -> bool:
    return job.failure is not None and job.failure.code in VANISHED


def _failure(job: Job) -> Failure:
    if job.state == "cancelled" or job.failure is None:
        message = f"the job {job.id[:10]} was cancelled"
        return Failure(code="cancelled", message=message, hint="Drop the file again.", exit_code=1)
    why = job.failure
    return Failure(code=why.code, message=why.message, hint=why.hint, exit_code=why.exit_code)
