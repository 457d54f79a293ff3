"""What takes more than a moment of arithmetic, in processes of its own: the server only waits for it.

One process listens (peaks, spectrograms, analyses, copies that browsers play, curves), one renders previews
and keeps the songs it has decoded, one takes songs apart for them. Each is killed when it takes too long, and
a new one takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mastering.jobs.worker import prepare
from mastering.service.problems import Problem

__all__ = ["Desk"]

Place: TypeAlias = Literal["listening", "previews", "stems"]
_NICE: dict[Place, int] = {"listening": 5, "previews": 0, "stems": 5}
_TIMES: dict[Place, float] = {"listening": 1.0, "previews": 1.0, "stems": 12.0}
"""How much longer than others their work may take."""
_TASKS: dict[Place, int] = {"listening": 0, "previews": 0, "stems": 1}
"""After how many a new process takes its place, or 0: PyTorch is not kept in memory for nothing."""
_MOST_WAITING = 64
_STOP_S = 5.0

_log = logging.getLogger("tonmeister.desk")


class Desk:
    """The processes. `stop` ends them.

    Args:
        time_s: longest time of one piece of work.
    """

    def __init__(self, time_s: float = 300.0) -> None:
        self._time_s = time_s
        self._pools: dict[Place, Any] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._making: dict[Path, asyncio.Task[Any]] = {}
        self._waiting = dict.fromkeys(_NICE, 0)

    def stop(self) -> None:
        """End all processes, whatever they do, for good."""
        with self._lock:
            self._stopped = True
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            _end(pool)

    async def do(self, place: Place, work: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives that runs in a process of the desk.

        Args:
            place: which.
            work: found by import path; with its arguments and its answer it crosses processes.

        Raises:
            TonmeisterError: as the work does.
            Problem: too much is waiting, or the process died or took too long.
        """
        if self._waiting[place] >= _MOST_WAITING:
            raise Problem(
                503,
                "desk_busy",
                "too much is being measured",
                hint="Try again.",
                headers={"Retry-After": "5"},
            )
        self._waiting[place] += 1
        try:
            return await asyncio.wrap_future(self._schedule(place, work, arguments))
        except TimeoutError:
            raise Problem(
                503,
                "timed_out",
                f"it was not done after {_TIMES[place] * self._time_s:g} s",
                hint="Try a shorter song.",
            ) from None
        except Exception as error:
            if type(error).__name__ in ("ProcessExpired", "BrokenProcessPool"):
                _log.error("a process of the desk died", exc_info=error)
                raise Problem(
                    503, "worker_died", "the process that worked on it died", hint="Try again."
                ) from error
            raise
        finally:
            self._waiting[place] -= 1

    async def kept(
        self, path: Path, work: Callable[..., None], *arguments: Any, place: Place = "listening"
    ) -> Path:
        """A file that is made when it is first asked for; `work` gets a path to write and the arguments.

        Whoever asks meanwhile waits for the same work, which goes on even if all of them go away.
        """
        if await asyncio.to_thread(path.is_file):
            return path
        task = self._making.get(path)
        if task is None:
            task = asyncio.create_task(self._make(path, work, arguments, place))
            self._making[path] = task
            task.add_done_callback(lambda done: self._made(path, done))
        await asyncio.shield(task)
        return path

    async def _make(
        self, path: Path, work: Callable[..., None], arguments: tuple[Any, ...], place: Place
    ) -> None:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await self.do(place, work, path, *arguments)

    def _made(self, path: Path, task: asyncio.Task[Any]) -> None:
        self._making.pop(path, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody did, nobody needs it

    def _schedule(self, place: Place, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]:
        with self._lock:
            if self._stopped:  # a process that began now would outlive the service
                raise Problem(503, "ending", "the service is ending", hint="Ask its next start.")
            pool = self._pools.get(place)
            if pool is not None and not pool.active:
                _end(pool)
                pool = None
            if pool is None:
                pool = self._pools[place] = _pool(_NICE[place], _TASKS[place])
            limit_s = _TIMES[place] * self._time_s
            future: Future[Any] = pool.schedule(work, args=arguments, timeout=limit_s)
            return future


def _pool(nice: int, tasks: int) -> Any:
    from pebble import ProcessPool

    context: Any = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=1, max_tasks=tasks, initializer=prepare, initargs=(nice,), context=context)


def _end(pool: Any) -> None:
    with contextlib.suppress(Exception):  # what is broken already cannot be ended well
        pool.stop()
        pool.join(timeout=_STOP_S)
