"""Worker processes on this machine: warm, killable one by one, and so many for each lane.

Pebble keeps them: one that is cancelled is ended without harm to its neighbours. One that dies while it
has nothing to do makes Pebble give its whole pool up (measured with 5.2); such a pool is replaced.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, TimeoutError
from dataclasses import dataclass
from typing import Any

from mastering.jobs import machine
from mastering.jobs.executor import ENDED_BY_US, Running, refuse_absent, worker_died
from mastering.jobs.model import Needs
from mastering.jobs.worker import Order, Work, prepare, work

__all__ = ["DEFAULT_LANES", "Lanes"]

DEFAULT_LANES: Mapping[str, int] = {"short": max(1, os.cpu_count() or 1), "long": 1}
"""Workers of each lane: a separation, which takes minutes, never waits in front of a master."""

_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class _Running:
    """An attempt that a worker has, or will have in a moment."""

    future: Future[Work]

    @property
    def begun(self) -> bool:
        """A worker has it."""
        return self.future.running() or self.future.done()

    def wait(self, timeout_s: float) -> Work | None:
        """What came of it; None if it still runs after `timeout_s`.

        A worker that died is a failure ("worker_died"), a job that was ended one of "cancelled".
        """
        try:
            return self.future.result(timeout=timeout_s)
        except TimeoutError:
            return None
        except CancelledError:
            return ENDED_BY_US
        except Exception as error:
            return _died(error)

    def end(self) -> None:
        """Kill the worker that has it."""
        self.future.cancel()


class Lanes:
    """Pools of worker processes, one for each lane, started when they are first needed: an `Executor`.

    Args:
        workers: lane -> how many processes.
        nice: how much less urgent than this process they are, where the system knows that.
    """

    def __init__(self, workers: Mapping[str, int] = DEFAULT_LANES, *, nice: int = 0) -> None:
        self._workers = dict(workers)
        self._nice = nice
        self._pools: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def workers(self) -> Mapping[str, int]:
        """Lane -> how many."""
        return self._workers

    def check(self, needs: Needs) -> None:
        """Refuse what this machine can never do."""
        gpus = machine.gpus() if needs.gpu == "required" else 0
        refuse_absent(needs, gpus=gpus, memory_mb=machine.memory_mb(), where="this machine")

    def start(self, lane: str, order: Order) -> Running:
        """Give an attempt to a worker; of a lane that is not known to the first one there is."""
        lane = lane if lane in self._workers else next(iter(self._workers))
        with self._lock:
            pool = self._pools.get(lane)
            if pool is not None and not pool.active:
                _end(pool)
                pool = None
            if pool is None:
                pool = self._pools[lane] = self._pool(lane)
            return _Running(pool.schedule(work, args=(order,)))

    def stop(self) -> None:
        """End all workers, whatever they do."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            _end(pool)

    def _pool(self, lane: str) -> Any:
        from pebble import ProcessPool

        context: Any = multiprocessing.get_context("spawn")
        return ProcessPool(
            max_workers=self._workers[lane], initializer=prepare, initargs=(self._nice,), context=context
        )


def _end(pool: Any) -> None:
    with contextlib.suppress(Exception):  # what is broken already cannot be ended well
        pool.stop()
        pool.join(timeout=_STOP_S)


def _died(error: Exception) -> Work:
    code = getattr(error, "exitcode", None)
    return worker_died(f" (exit status {code})" if code is not None else "")
