"""What is under way: songs and albums whose jobs have not ended, and jobs that nobody waits for any more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mastering.errors import ParameterError
from mastering.io.files import sha256
from mastering.jobs.model import Job
from mastering.jobs.service import Jobs
from mastering.watch.ledger import Ledger, Row
from mastering.watch.values import Item, Plan

__all__ = ["Claim", "Claims"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A song or an album whose job is under way.

    Args:
        key: of its row.
        job: id.
        item: as it was taken.
        plan: its settings then.
        ending: it is not that any more; its job is ended.
    """

    key: str
    job: str
    item: Item
    plan: Plan
    ending: bool = False


class Claims:
    """By path; with the jobs behind them.

    Args:
        jobs: where the work is done.
        ledger: of the inbox.
    """

    def __init__(self, jobs: Jobs, ledger: Ledger) -> None:
        self._jobs, self._ledger = jobs, ledger
        self.under_way: dict[Path, Claim] = {}
        self.orphans: dict[str, str] = {}
        """Key -> job, of rows whose input is gone: what was made of it is taken back in the end."""
        self.changed = True
        """Since somebody who waits for ends has last looked."""

    def add(self, claim: Claim) -> None:
        """A job is under way."""
        self.under_way[claim.item.path] = claim
        self.changed = True

    def release(self, claim: Claim) -> None:
        """It is free to be taken again, or gone."""
        self.under_way.pop(claim.item.path, None)

    def leads(self, claim: Claim, row: Row | None) -> bool:
        """Whether the job works on this very file, not on one with the same content."""
        return row is not None and row.source == claim.item.path

    def give_up(self, claim: Claim) -> None:
        """Its file is gone, or another one."""
        if self.leads(claim, self._ledger.get(claim.key)):
            self.cancel(claim.job)
            self.under_way[claim.item.path] = replace(claim, ending=True)
            self.changed = True
        else:
            self.release(claim)

    def orphan(self, row: Row) -> None:
        """Nobody waits for a row's job any more."""
        self.cancel(row.job)
        self.orphans[row.key] = row.job
        self.changed = True

    def find(self, job: str) -> Job | None:
        """A job, if it is known."""
        try:
            return self._jobs.get(job) if job else None
        except ParameterError:
            return None

    def cancel(self, job: str) -> None:
        """End a job, if it is known."""
        if self.find(job) is not None:
            self._jobs.cancel(job)

    def void(self, key: str, job: Job | None) -> None:
        """Take back what was done for something that is not there any more."""
        for file in job.files if job is not None and job.state == "done" else ():
            path = Path(file.path)
            if path.is_file() and sha256(path) == file.sha256:
                path.unlink()
        row = self._ledger.get(key)
        if row is not None and row.state == "open":
            self._ledger.put(replace(row, state="void"))
