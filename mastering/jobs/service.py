"""Jobs: the door. Submit work, look at it, and have it done by this process."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mastering.codec import to_plain
from mastering.errors import ParameterError
from mastering.jobs.attempt import Attempts
from mastering.jobs.executor import Executor
from mastering.jobs.kinds import Kinds, absolute, content_key
from mastering.jobs.lanes import DEFAULT_LANES, Lanes
from mastering.jobs.model import ENDED, Job, Limits, Retries, State
from mastering.jobs.owners import Owner, dead_owners, forget
from mastering.jobs.place import Place
from mastering.jobs.store import JobStore, New

__all__ = ["Jobs"]

_BATCH = 200
_LOOK_S = 0.2
_HOUSEKEEPING_S = 1.0
_TIDY_ROUNDS = 30
_STOP_S = 20.0
_SHORTEST_PREFIX = 4


class Jobs:
    """Recorded work. Use it as a context manager, or `close` it.

    Args:
        place: where the records are; None is the user's (see Place).
        kinds: of work.

    Raises:
        EnvironmentProblem: the database cannot be opened.
    """

    def __init__(self, place: Place | None = None, *, kinds: Kinds) -> None:
        self.place = place or Place.of()
        self.kinds = kinds
        self._store = JobStore(self.place.url)
        self._changed = threading.Condition()
        self._executor: Executor | None = None

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def submit(self, request: Any) -> Job:
        """Record and queue a request; the same request on the same content is the same job.

        Raises:
            AudioFileError: an input cannot be read.
            ParameterError: no kind of job takes this request.
            EnvironmentProblem: this process works on jobs, and none of its workers can ever do this one.
        """
        return self.submit_all([request])[0]

    def submit_all(self, requests: Sequence[Any]) -> list[Job]:
        """`submit` for many; they are written 200 at a time."""
        jobs = [self._new(request) for request in requests]
        for start in range(0, len(jobs), _BATCH):
            self._store.add(jobs[start : start + _BATCH])
        known = self._store.of([job.id for job in jobs])
        return [known.get(job.id) or self._known(job.id) for job in jobs]

    def get(self, job: str) -> Job:
        """A job by its id, or by the beginning of its id.

        Raises:
            ParameterError: there is none, or several begin like this.
        """
        found = self._store.get(job)
        if found is not None:
            return found
        ids = self._store.find(job) if len(job) >= _SHORTEST_PREFIX else []
        if len(ids) == 1:
            return self._known(ids[0])
        what = f"several jobs begin with '{job}'" if ids else f"there is no job '{job}'"
        raise ParameterError(what, hint="See `tonmeister jobs list`.", code="job_unknown")

    def list(
        self,
        *,
        states: Iterable[State] = (),
        kinds: Iterable[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Job]:
        """Jobs, the newest first, without what only `get` reads: request, files, outcome."""
        return self._store.list(states=states, kinds=kinds, limit=limit, offset=offset)

    def count(self) -> dict[State, int]:
        """How many jobs there are in each state that has any."""
        return self._store.count()

    def cancel(self, job: str) -> Job:
        """End a job: what it has written so far is removed. One that has ended stays as it is."""
        known = self.get(job)
        self._store.cancel(known.id)
        self._tell()
        return self._known(known.id)

    def retry(self, job: str) -> Job:
        """Queue a job again that failed or was cancelled.

        Raises:
            ParameterError: it is in another state.
        """
        known = self.get(job)
        if not self._store.retry(known.id):
            raise ParameterError(
                f"the job {known.id[:10]} is {known.state}: only failed and cancelled ones are tried again",
                hint="Cancel it first, or submit other work.",
                code="job_state",
            )
        return self._known(known.id)

    def clear(self, states: Iterable[State] = ENDED, *, before_s: float | None = None) -> int:
        """Forget jobs that have ended; what they have written stays. Gives how many."""
        return self._store.clear(states, before_s=before_s)

    def forget(self, job: str) -> None:
        """Forget one job, if it has ended; what it has written stays."""
        self._store.clear(ENDED, only=job)

    def wait(self, jobs: Iterable[str], *, timeout_s: float | None = None) -> Sequence[Job]:
        """The jobs once they have all ended, or as they are after `timeout_s`.

        Raises:
            ParameterError: one was cleared meanwhile.
        """
        ids = list(jobs)
        deadline_s = time.monotonic() + (timeout_s if timeout_s is not None else float("inf"))
        while True:
            if self._store.have_ended(ids) or time.monotonic() >= deadline_s:
                known = self._store.of(ids)
                return [known.get(job) or self._known(job) for job in ids]
            with self._changed:
                self._changed.wait(min(_LOOK_S, max(0.0, deadline_s - time.monotonic())))

    def events(self, job: str) -> Iterator[Job]:
        """A job as it is now and whenever it has changed, until it has ended."""
        last = None
        while last is None or not last.ended:
            known = self.get(job)
            if known != last:
                last = known
                yield known
            else:
                with self._changed:
                    self._changed.wait(_LOOK_S)

    @contextlib.contextmanager
    def running(
        self,
        *,
        lanes: Mapping[str, int] = DEFAULT_LANES,
        executor: Executor | None = None,
        limits: Limits = Limits(),
        retries: Retries = Retries(),
        finish_s: float = 0.0,
    ) -> Iterator[None]:
        """While this is open, this process works on what is queued, whoever queued it.

        What other processes had begun when they died is finished or begun anew. At the end what is not
        done goes back to the queue.

        Args:
            lanes: lane -> how many worker processes on this machine.
            executor: does the work in their place; whoever made it stops it.
            limits, retries: of every job.
            finish_s: how long what runs at the end may still take.

        Raises:
            EnvironmentProblem: this process works on another database's jobs already.
        """
        owner = Owner(self._store.engine, self.place)
        with contextlib.ExitStack() as stack:
            stack.callback(owner.leave)
            if executor is None:
                executor = Lanes(lanes)
                stack.callback(executor.stop)
            attempts = Attempts(
                self._store,
                self.kinds,
                executor,
                self.place.journals,
                owner.id,
                limits=limits,
                retries=retries,
                changed=self._tell,
            )
            with self._serving(owner, executor, attempts, finish_s):
                yield

    @contextlib.contextmanager
    def _serving(
        self, owner: Owner, executor: Executor, attempts: Attempts, finish_s: float
    ) -> Iterator[None]:
        """While this is open, the queue hands out attempts; then what it handed out goes back."""
        stop, queue = threading.Event(), self._store.queue
        house = (owner, executor, attempts, stop)
        keeper = threading.Thread(target=self._keep_house, args=house, daemon=True)
        queue.serve(owner.id, executor.workers, attempts.make)
        self._executor = executor
        keeper.start()
        try:
            yield
        finally:
            attempts.drain(finish_s)
            self._executor = None
            attempts.stop(_STOP_S)
            stop.set()
            queue.stop()
            keeper.join(_STOP_S)
            left = queue.taken_by(owner.id)
            attempts.give_back(left)
            queue.remove(left)

    def _keep_house(
        self, owner: Owner, executor: Executor, attempts: Attempts, stop: threading.Event
    ) -> None:
        lost: set[tuple[str, int]] = set()
        for round_number in itertools.count():
            with contextlib.suppress(Exception):  # a database that is away comes back
                owner.beat()
                self._take_over(owner, attempts)
                self._store.queue.pace(executor.workers, busy=attempts.busy)
                unbegun = attempts.unbegun(self._store.queue.taken_by(owner.id))
                attempts.give_back(unbegun & lost)  # twice: not only about to be begun
                lost = unbegun
                if not attempts.busy:
                    self._store.queue.sweep()
                if not attempts.busy or round_number % _TIDY_ROUNDS == 0:
                    attempts.tidy()
            if stop.wait(_HOUSEKEEPING_S):
                return

    def _take_over(self, owner: Owner, attempts: Attempts) -> None:
        """Conclude what processes that are gone had in hand."""
        for gone in dead_owners(self._store.engine, self.place, but=owner.id):
            entries = dict.fromkeys(self._store.queue.taken_by(gone), False)
            entries |= {(job, run): cancelling for job, run, cancelling in self._store.owned(gone)}
            done = [
                attempts.take_over(job, run, cancelling=cancelling)
                for (job, run), cancelling in entries.items()
            ]
            if all(done):
                self._store.queue.remove(entries)
                forget(self._store.engine, gone)

    def _new(self, request: Any) -> New:
        request = absolute(request)
        kind, about = self.kinds.of(request), self.kinds.about(request)
        if self._executor is not None:
            self._executor.check(about.needs)
        return New(
            id=content_key(kind, request, about.inputs),
            kind=kind.name,
            label=about.label,
            lane=about.lane,
            request=to_plain(request),
        )

    def _known(self, job: str) -> Job:
        found = self._store.get(job)
        if found is None:
            raise ParameterError(f"the job {job[:10]} was cleared meanwhile", code="job_unknown")
        return found

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
