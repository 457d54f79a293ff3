"""`Workers`: a few threads that run one torch operation each at a time, and take pieces in turn.

torch's own way, one operation at a time split over all threads, waits for the slowest thread
after every operation. A layer has hundreds; with any other load on the machine each wait costs
a time slice. Here each thread carries its piece through a whole layer, and waits once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier, Lock
from typing import TypeVar

import torch

__all__ = ["Workers", "spans"]

R = TypeVar("R")


def spans(length: int, size: int) -> list[tuple[int, int]]:
    """Cut [0, length) into pieces of nearly equal size, none above `size`."""
    count = max(1, -(-length // max(1, size)))
    edges = [length * k // count for k in range(count + 1)]
    return list(pairwise(edges))


class Workers:
    """As many one-thread workers as torch may use threads in the caller (`torch.get_num_threads`)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def run(self, tasks: Iterable[Callable[[], R]]) -> list[R]:
        """Run all tasks without gradients and return their results in the order of the tasks."""
        count = torch.get_num_threads()
        if count == 1:
            return [_without_gradients(task) for task in tasks]
        pool = self._pools.get(count) or self._make(count)
        futures = [pool.submit(_without_gradients, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    def _make(self, count: int) -> ThreadPoolExecutor:
        with self._lock:
            if count not in self._pools:
                # The number of threads is each thread's own in torch, but the last one set is
                # also the default of threads to come: set it back when all workers have theirs.
                ready = Barrier(count + 1)
                pool = ThreadPoolExecutor(count, "tonmeister-engine", lambda: _single(ready))
                for _ in range(count):
                    pool.submit(int)
                ready.wait()
                torch.set_num_threads(count)
                self._pools[count] = pool
            return self._pools[count]


def _single(ready: Barrier) -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread's first look at its number would take the default of that moment
    ready.wait()


def _without_gradients(task: Callable[[], R]) -> R:
    with torch.no_grad():
        return task()
