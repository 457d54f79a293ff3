"""The drop folder: files that have come to rest become jobs, and leave the inbox when those have ended.

What is done twice after a crash is done with the same effect: a job is known by its content and settings,
a move by its destination, and both are in the ledger before they happen.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from mastering.errors import AudioFileError, ParameterError, TonmeisterError
from mastering.failure import Failure, describe
from mastering.io.files import sha256
from mastering.jobs.model import Job
from mastering.jobs.service import Jobs
from mastering.watch import moves, scan
from mastering.watch.folders import Folders
from mastering.watch.ledger import Ledger, Row
from mastering.watch.names import free, output_name
from mastering.watch.values import REPLACED, Found, Plan, Setup, Signature

__all__ = ["Tell", "Totals", "Watcher"]

_VANISHED = frozenset({REPLACED, "file_changed", "file_missing"})
_POLL_S = 2.0
_MOST_TAKES = 50


class Tell(Protocol):
    """Hears of what happens."""

    def __call__(self, event: str, /, **fields: Any) -> None: ...


@dataclass(slots=True, kw_only=True)
class Totals:
    """How many files came to which end."""

    mastered: int = 0
    known: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A file whose job is under way; `ending`: it is not the file any more that the job is about."""

    key: str
    job: str
    found: Found
    ending: bool = False


class Watcher:
    """Watches one inbox.

    Args:
        setup: what and how.
        jobs: where the work is done.
        ledger: of this inbox.
        folders: settings.
        probe: raises AudioFileError for what cannot be read.
        tell: hears of "taken", "mastered", "known", "failed", "replaced", "gone", "waiting", "passed_over".
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
        once: bool = False,
    ) -> None:
        self._setup, self._jobs, self._ledger, self._folders = setup, jobs, ledger, folders
        self._probe, self._tell, self._once = probe, tell, once
        self._stability = scan.Stability(setup.interval_s)
        self._look = scan.Look(songs={}, guides={}, passed_over=frozenset())
        self._claims: dict[Path, _Claim] = {}
        self._orphans: dict[str, str] = {}
        self._said: dict[Path, str] = {}
        self._count: dict[Any, int] = {}
        self._tried: set[Path] = set()
        self._looked_s = self._counted_s = self._polled_s = float("-inf")
        self._looks = 0
        self.totals = Totals()

    def recover(self) -> None:
        """Bring to an end what an earlier watcher had begun when it died."""
        for move in self._ledger.moves():
            moves.make(self._setup.inbox, move)
            self._ledger.made(move)
        for row in self._ledger.open_rows():
            if Signature.at(self._setup.inbox / row.source) != row.signature:
                self._cancel(row.job)
                self._orphans[row.key] = row.job

    def tick(self, *, hint: bool = False) -> None:
        """Conclude what has ended; look, if it is time or there was a hint; take what has come to rest."""
        self._conclude_ended()
        now_s = time.monotonic()
        if hint or now_s - self._looked_s >= self._setup.interval_s:
            self._looked_s = now_s
            self._see(now_s)
        self._take_ready()

    @property
    def under_way(self) -> int:
        """Files whose job has not ended."""
        return len(self._claims)

    @property
    def waiting(self) -> tuple[Path, ...]:
        """Files that lie in the inbox and are not worked on."""
        return tuple(path for path in self._look.songs if path not in self._claims)

    @property
    def waiting_for_settings(self) -> bool:
        """Some files may not be taken as things are."""
        return any(path in self._said for path in self.waiting)

    @property
    def finished(self) -> bool:
        """All that had come to rest is done; what has not, or must not be taken, is left."""
        left = any(map(self._is_ready, self.waiting))
        return self._looks >= 2 and not self._claims and not self._orphans and not left

    def _see(self, now_s: float) -> None:
        if now_s - self._counted_s >= self._setup.interval_s:
            self._counted_s = now_s
            self._looks += 1
        try:
            self._look = scan.look(self._setup.inbox, self._setup.suffixes)
        except OSError as error:
            if self._once:
                raise
            self._say(Path(), "waiting", f"the inbox cannot be read ({error.strerror})")
            return  # a share that is away comes back
        self._stability.see(self._look.all(), now_s)
        self._tried.clear()
        self._folders.forget_refusals()
        there = self._look.songs.keys() | self._look.passed_over
        self._said = {path: text for path, text in self._said.items() if path in there}
        for path in sorted(self._look.passed_over - self._said.keys()):
            self._say(path, "passed_over", "neither links nor files that are no audio are taken")
        for path, claim in list(self._claims.items()):
            now = self._look.songs.get(path)
            if not claim.ending and (now is None or now.signature != claim.found.signature):
                self._give_up(claim, "gone" if now is None else "replaced")

    def _is_ready(self, path: Path) -> bool:
        guides = self._look.guides_of(path.parent)
        return (
            path not in self._tried
            and self._stability.is_stable(path)
            and all(self._stability.is_stable(guide.path) for guide in guides)
        )

    def _take_ready(self) -> None:
        for path in self.waiting:
            if len(self._claims) >= self._setup.most_open:
                return
            if self._is_ready(path):
                self._tried.add(path)
                self._take(self._look.songs[path])

    def _take(self, found: Found) -> None:
        source = self._setup.inbox / found.path
        try:
            plan = self._folders.plan(self._look.guides_of(found.path.parent))
            if self._is_clean(found, source):
                content = sha256(source)
                if Signature.at(source) == found.signature:
                    self._begin(found, plan, content)
        except (TonmeisterError, OSError) as error:
            if Signature.at(source) == found.signature:
                failure = describe(error)
                self._say(found.path, "waiting", failure.message, failure.hint)

    def _is_clean(self, found: Found, source: Path) -> bool:
        """Whether a file can be read; one that cannot, and has been the same for long, goes to failed/."""
        try:
            self._probe(source)
        except AudioFileError as error:
            if Signature.at(source) == found.signature and self._is_final(found.path):
                self._move(found, describe(error))
            return False
        return True

    def _is_final(self, path: Path) -> bool:
        return self._once or self._stability.same_for_s(path) >= self._setup.patience_s

    def _begin(self, found: Found, plan: Plan, content: str) -> None:
        key = _key(content, found.path.parent, plan.identity)
        row = self._ledger.get(key)
        if key in self._orphans:
            return  # what is left of its last time has to go first
        if row is not None and row.state == "done":
            self._move(found, None, row=row)
            return
        if row is not None and row.state == "open" and self._follows(found, row):
            return
        resumed = row is not None and row.state == "open" and not row.job and row.source == found.path
        if row is None or not resumed:
            row = self._new_row(found, plan, key, row.take + 1 if row is not None else 0)
        self._submit(found, plan, content, row, new=not resumed)

    def _follows(self, found: Found, row: Row) -> bool:
        """Wait for the job that does the same already."""
        job = self._find(row.job)
        if job is None or (job.failure is not None and job.ended and job.failure.code in _VANISHED):
            return False
        self._claim(found, row.key, job.id)
        return True

    def _submit(self, found: Found, plan: Plan, content: str, row: Row, *, new: bool) -> None:
        source = self._setup.inbox / row.source
        while True:
            self._ledger.put(row)
            request = plan.request(source=source, output=row.output, content=content, take=row.take)
            try:
                job = self._jobs.submit(request)
            except TonmeisterError:
                self._ledger.put(replace(row, state="void"))
                raise
            if not (new and job.ended):
                break
            row = replace(row, take=row.take + 1)  # done before this ledger began
        self._ledger.put(replace(row, job=job.id))
        self._claim(found, row.key, job.id)

    def _new_row(self, found: Found, plan: Plan, key: str, take: int) -> Row:
        return Row(
            key=key,
            take=take,
            state="open",
            job="",
            source=found.path,
            signature=found.signature,
            output=self._output(found, plan),
        )

    def _output(self, found: Found, plan: Plan) -> Path:
        changed_s = found.signature.mtime_ns / 1e9
        fields = {
            **plan.fields,
            "stem": found.path.stem,
            "folder": found.path.parent.name,
            "date": time.strftime("%Y-%m-%d", time.localtime(changed_s)),
        }
        named = {str(row.output).casefold() for row in self._ledger.open_rows()}
        path = self._setup.outbox / found.path.parent / output_name(plan.template, fields)
        return free(path, lambda one: str(one).casefold() in named or _is_there(one))

    def _claim(self, found: Found, key: str, job: str) -> None:
        self._claims[found.path] = _Claim(key=key, job=job, found=found)
        self._said.pop(found.path, None)
        self._count = {}
        self._tell("taken", file=str(found.path), job=job[:10])

    def _conclude_ended(self) -> None:
        if not self._claims and not self._orphans:
            return
        now_s, count = time.monotonic(), self._jobs.count()
        if count == self._count and now_s - self._polled_s < _POLL_S:
            return
        self._count, self._polled_s = dict(count), now_s
        for claim in list(self._claims.values()):
            job = self._find(claim.job)
            if job is None or job.ended:
                self._conclude(claim, job)
        for key, name in list(self._orphans.items()):
            job = self._find(name)
            if job is None or job.ended:
                self._void(key, job)
                del self._orphans[key]

    def _conclude(self, claim: _Claim, job: Job | None) -> None:
        row = self._ledger.get(claim.key)
        if not claim.ending and Signature.at(self._setup.inbox / claim.found.path) != claim.found.signature:
            self._tell("replaced", file=str(claim.found.path))
            claim = replace(claim, ending=True)
        leads = row is not None and row.source == claim.found.path
        if job is None or row is None or claim.ending or row.state == "void":
            if leads:
                self._void(claim.key, job)
            self._release(claim)
        elif job.state == "done":
            if not self._may_go_on(claim, job):
                self._move(claim.found, None, row=row, job=job)
        elif leads and not (_vanished(job) and row.take < _MOST_TAKES):
            self._move(claim.found, _failure(job), row=row, job=job)
        else:
            if leads:
                self._void(claim.key, job)
            self._release(claim)

    def _may_go_on(self, claim: _Claim, job: Job) -> bool:
        """Whether a file that ended too early may still be in the making."""
        entries = job.outcome.entries if job.outcome is not None else ()
        codes = {notice["code"] for entry in entries for notice in entry.get("notices", ())}
        return "truncated" in codes and not self._is_final(claim.found.path)

    def _release(self, claim: _Claim) -> None:
        self._claims.pop(claim.found.path, None)

    def _void(self, key: str, job: Job | None) -> None:
        """Take back what was done for a file that is not there any more."""
        for file in job.files if job is not None and job.state == "done" else ():
            path = Path(file.path)
            if path.is_file() and sha256(path) == file.sha256:
                path.unlink()
        row = self._ledger.get(key)
        if row is not None and row.state == "open":
            self._ledger.put(replace(row, state="void"))

    def _give_up(self, claim: _Claim, event: str) -> None:
        row = self._ledger.get(claim.key)
        self._tell(event, file=str(claim.found.path))
        if row is not None and row.source == claim.found.path:
            self._cancel(claim.job)
            self._claims[claim.found.path] = replace(claim, ending=True)
            self._count = {}
        else:
            self._release(claim)

    def _move(
        self, found: Found, failure: Failure | None, *, row: Row | None = None, job: Job | None = None
    ) -> None:
        """Write down that and where a file goes, and move it."""
        document = None if failure is None else _document(found.path, failure)
        move = moves.planned(self._setup.inbox, found.path, found.signature, document)
        known = row is not None and row.state == "done"
        with self._ledger.together():
            self._ledger.plan(move)
            if row is not None:
                self._ledger.put(replace(row, state="done" if failure is None else "failed"))
        moves.make(self._setup.inbox, move)
        self._ledger.made(move)
        self._look.songs.pop(found.path, None)
        self._claims.pop(found.path, None)
        self._said.pop(found.path, None)
        self._told(found.path, move.destination, failure, row, job, known=known)

    def _told(
        self,
        path: Path,
        destination: Path,
        failure: Failure | None,
        row: Row | None,
        job: Job | None,
        *,
        known: bool,
    ) -> None:
        where = {"file": str(path), "moved_to": str(destination)}
        if failure is not None:
            self.totals.failed += 1
            self._tell("failed", **where, code=failure.code, message=failure.message, hint=failure.hint)
        elif row is not None and known:
            self.totals.known += 1
            self._tell("known", **where, output=str(row.output))
        elif row is not None:
            self.totals.mastered += 1
            missed = job is not None and job.outcome is not None and job.outcome.missed
            self._tell("mastered", **where, output=str(row.output), missed=missed)

    def _say(self, path: Path, event: str, message: str, hint: str = "") -> None:
        """Say once why a file is not taken."""
        if self._said.get(path) != message:
            self._said[path] = message
            self._tell(event, file=str(path), message=message, **({"hint": hint} if hint else {}))

    def _find(self, job: str) -> Job | None:
        try:
            return self._jobs.get(job) if job else None
        except ParameterError:
            return None

    def _cancel(self, job: str) -> None:
        if self._find(job) is not None:
            self._jobs.cancel(job)


def _key(content: str, folder: Path, identity: str) -> str:
    return hashlib.sha256("\0".join((content, repr(str(folder)), identity)).encode()).hexdigest()


def _is_there(output: Path) -> bool:
    """A master of that name, or what lies beside one."""
    beside = (output.with_suffix(suffix) for suffix in (".recipe.json", ".report.html"))
    return os.path.lexists(output) or any(map(os.path.lexists, beside))


def _vanished(job: Job) -> bool:
    return job.failure is not None and job.failure.code in _VANISHED


def _failure(job: Job) -> Failure:
    if job.state == "cancelled" or job.failure is None:
        message = f"the job {job.id[:10]} was cancelled"
        return Failure(code="cancelled", message=message, hint="Drop the file again.", exit_code=1)
    why = job.failure
    return Failure(code=why.code, message=why.message, hint=why.hint, exit_code=why.exit_code)


def _document(path: Path, failure: Failure) -> dict[str, Any]:
    return {
        "schema": 1,
        "file": str(path),
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
