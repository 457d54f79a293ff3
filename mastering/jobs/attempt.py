"""One attempt at a job: in a worker, under watch; and what follows from how it ended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mastering.codec import from_plain
from mastering.errors import EnvironmentProblem
from mastering.failure import Failure, describe
from mastering.jobs.executor import EXECUTOR_LOST, Executor, Running
from mastering.jobs.journal import Busy, Finished, settled
from mastering.jobs.kinds import Kinds
from mastering.jobs.model import RETRIED_CODES, JobFailure, Limits, Retries
from mastering.jobs.store import JobStore, Taken
from mastering.jobs.worker import Order, Work, read_note

__all__ = ["Attempts"]

_LOOK_S = 0.1
_WRITE_S = 0.5
_RESTLESS_S = 5.0
_LOST_S = 5.0
"""After which an attempt is made again whose executor was not there."""
_SETTLE_S = 15.0
"""How long a killed worker may take to be gone: Pebble asks for 3 s before it kills."""


class Attempts:
    """Makes attempts, and takes over those of processes that died.

    Args:
        store: the records.
        kinds: of work.
        executor: the workers.
        folder: of the journals.
        owner: this process.
        limits, retries: of every job.
        changed: called whenever a job is in another state.
    """

    def __init__(
        self,
        store: JobStore,
        kinds: Kinds,
        executor: Executor,
        folder: Path,
        owner: str,
        *,
        limits: Limits,
        retries: Retries,
        changed: Callable[[], None],
    ) -> None:
        self._store, self._kinds, self._executor = store, kinds, executor
        self._folder, self._owner = folder, owner
        self._limits, self._retries, self._changed = limits, retries, changed
        self._draining = threading.Event()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._active: set[tuple[str, int]] = set()
        self._last_s = time.monotonic()
        self._idle = threading.Condition()

    def make(self, job: str, run: int) -> None:
        """Make an attempt, if this run is the job's valid one."""
        if self._draining.is_set():
            self._stopped.wait()  # an entry that is not begun any more: `give_back` is told of it
            return
        with self._counted(job, run):
            taken = self._store.take(job, run, self._owner)
            if taken is None:
                return
            self._changed()
            try:
                self._attempt(taken)
            except Exception as error:
                self._store.fail(job, run, _recorded(describe(error)))
            self._changed()

    @property
    def busy(self) -> bool:
        """Something runs, or did a moment ago."""
        return bool(self._active) or time.monotonic() - self._last_s < _RESTLESS_S

    def drain(self, timeout_s: float) -> None:
        """Begin nothing more, and let what runs end."""
        self._draining.set()
        with self._idle:
            self._idle.wait_for(lambda: not self._active, timeout_s)

    def stop(self, timeout_s: float) -> None:
        """End all attempts and queue them again."""
        self._draining.set()
        self._stopping.set()
        with self._idle:
            self._idle.wait_for(lambda: not self._active, timeout_s)

    def unbegun(self, entries: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of the entries that this process was handed that it does not work on."""
        with self._idle:
            return set(entries) - self._active

    def give_back(self, entries: Iterable[tuple[str, int]]) -> None:
        """Queue entries again that were handed out and not begun."""
        for job, run in entries:
            self._store.again(job, run, uncounted=True)
        if self._stopping.is_set():
            self._stopped.set()

    def take_over(self, job: str, run: int, *, cancelling: bool) -> bool:
        """Conclude an attempt whose main process is gone; False if its worker is not gone yet."""
        try:
            with settled(self._journal(job, run), wait_s=_LOOK_S) as finished:
                if finished is not None:
                    self._store.finish(job, run, finished)
                elif cancelling:
                    self._store.drop(job, run)
                elif self._store.interruptions(job) + 1 >= self._retries.interruptions:
                    self._store.fail(job, run, _INTERRUPTED)
                else:
                    self._store.again(job, run, interrupted=True)
        except Busy:
            return False
        self._note(job, run).unlink(missing_ok=True)
        self._changed()
        return True

    def tidy(self) -> None:
        """Undo what attempts have left whose processes took longer to die than anybody waited."""
        left = dict(self._run_of(path) for path in self._folder.glob("*.journal"))
        if not left:
            return
        valid = self._store.valid_runs([job for job, _ in left.values()])
        for path, (job, run) in left.items():
            if job not in valid:
                continue
            latest, state = valid[job]
            if run > latest or (run == latest and state == "running"):
                continue
            given_up = run < latest or state not in ("done", "running")
            with contextlib.suppress(Busy), settled(path, keep_finished=not given_up):
                self._note(job, run).unlink(missing_ok=True)

    @staticmethod
    def _run_of(journal: Path) -> tuple[Path, tuple[str, int]]:
        job, _, run = journal.stem.rpartition(".")
        return journal, (job, int(run))

    @contextlib.contextmanager
    def _counted(self, job: str, run: int) -> Iterator[None]:
        with self._idle:
            self._active.add((job, run))
        try:
            yield
        finally:
            with self._idle:
                self._active.discard((job, run))
                self._last_s = time.monotonic()
                self._idle.notify_all()

    def _attempt(self, taken: Taken) -> None:
        job, run = taken.job, taken.run
        try:
            order = self._order(taken)
        except Exception as error:  # of a request that cannot be read, or that no machine here can do
            self._failed(taken, describe(error))
            return
        try:
            self._settle_earlier(job.id, run)
            work = self._watch(taken, self._executor.start(job.lane, order))
            if work is None:
                self._undo(job.id, run)
                if self._stopping.is_set():
                    self._store.again(job.id, run, uncounted=True)
                else:
                    self._store.drop(job.id, run)
            elif work.finished is not None:
                self._finish(taken, from_plain(Finished, work.finished, order.where))
            else:
                self._undo(job.id, run)
                self._failed(taken, work.failure or _LOST)
        except EnvironmentProblem as problem:
            self._failed(taken, describe(problem))
        finally:
            order.note.unlink(missing_ok=True)

    def _order(self, taken: Taken) -> Order:
        job, run = taken.job, taken.run
        kind = self._kinds.named(job.kind)
        needs = self._kinds.about(self._kinds.read(job.kind, job.request)).needs
        self._executor.check(needs)
        return Order(
            request=kind.request,
            run=kind.run,
            plain=dict(job.request),
            where=f"{job.kind} job",
            journal=self._journal(job.id, run),
            note=self._note(job.id, run),
            memory_mb=self._limits.memory_mb,
            needs=needs,
        )

    def _watch(self, taken: Taken, running: Running) -> Work | None:
        """What came of the attempt; None if it was ended because nobody wants it any more."""
        started_s = written_s = time.monotonic()
        last = None
        while (work := running.wait(_LOOK_S)) is None:
            now_s = time.monotonic()
            if not running.begun:
                started_s = now_s
            if self._stopping.is_set():
                running.end()
                return None
            if self._limits.time_s is not None and now_s - started_s > self._limits.time_s:
                running.end()
                return Work(failure=_late(self._limits.time_s))
            note = read_note(self._note(taken.job.id, taken.run))
            if now_s - written_s >= _WRITE_S or (note and (last is None or note[0] != last[0])):
                written_s, last = now_s, note
                if not self._store.progress(taken.job.id, taken.run, *(note or ("", 0.0))):
                    running.end()
                    return None
        return work

    def _finish(self, taken: Taken, finished: Finished) -> None:
        if self._store.finish(taken.job.id, taken.run, finished):
            self._journal(taken.job.id, taken.run).unlink(missing_ok=True)
        else:
            self._undo(taken.job.id, taken.run)

    def _failed(self, taken: Taken, failure: Failure) -> None:
        job, recorded = taken.job, _recorded(failure)
        if failure.code == EXECUTOR_LOST:
            self._store.again(job.id, taken.run, failure=recorded, delay_s=_LOST_S, uncounted=True)
        elif failure.code in RETRIED_CODES and job.attempts < self._retries.attempts:
            delay_s = self._retries.wait_s * 2.0 ** (job.attempts - 1)
            self._store.again(job.id, taken.run, failure=recorded, delay_s=delay_s)
        else:
            self._store.fail(job.id, taken.run, recorded)

    def _settle_earlier(self, job: str, run: int) -> None:
        """Undo what earlier attempts at a job have left where it could not be undone at once.

        Raises:
            EnvironmentProblem: it still cannot be.
        """
        for path in self._folder.glob(f"{job}.*.journal"):
            if path == self._journal(job, run):
                continue
            try:
                with settled(path, wait_s=_SETTLE_S, keep_finished=False):
                    pass
            except Busy as busy:
                raise EnvironmentProblem(
                    "what an earlier attempt has left cannot be removed yet",
                    hint="Is the storage that it goes to reachable?",
                    code="remote_unreachable",
                ) from busy

    def _undo(self, job: str, run: int) -> None:
        with (
            contextlib.suppress(Busy),
            settled(self._journal(job, run), wait_s=_SETTLE_S, keep_finished=False),
        ):
            pass

    def _journal(self, job: str, run: int) -> Path:
        return self._folder / f"{job}.{run}.journal"

    def _note(self, job: str, run: int) -> Path:
        return self._folder / f"{job}.{run}.note"


_LOST = Failure(
    code="worker_died", message="the process that worked on it gave no answer", hint="", exit_code=1
)

_INTERRUPTED = JobFailure(
    code="interrupted",
    message="the program has died each time this job ran",
    hint="It may need more memory than there is; try it alone, then `tonmeister jobs retry`.",
)


def _late(time_s: float) -> Failure:
    return Failure(
        code="timed_out",
        message=f"it was not done after {time_s:g} s",
        hint="Allow more time, or give it a shorter input.",
        exit_code=1,
    )


def _recorded(failure: Failure) -> JobFailure:
    return JobFailure(
        code=failure.code,
        message=failure.message,
        hint=failure.hint,
        exit_code=failure.exit_code,
        trace=failure.trace,
    )
