"""Worker processes of `--jobs`: one pipe each, so that a worker that dies takes nobody with it.

Built on multiprocessing's Process, Pipe and wait, not on concurrent.futures: a ProcessPoolExecutor
breaks as a whole when one process dies, and one executor per worker would cure that alone. Before
Python 3.14 an executor has no way to end a task that runs (after Ctrl-C the program would wait for
it, at the latest when it exits), and progress needs a pipe from each worker anyway. That pipe also
carries the tasks and the results here, and its end is the death of the worker, which concerns its own
input only: it is tried once more, alone, after all others, because what killed it may have been the
memory they needed.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from mastering.cli.failures import Failure
from mastering.cli.progress import Board
from mastering.cli.signals import Interrupted, Interrupts

if TYPE_CHECKING:
    from mastering.cli.runner import Result, Task

__all__ = ["run_in_workers"]

_GRACE_S = 5.0
"""How long an interrupted worker may take to remove its temporary files."""

_PROGRESS_INTERVAL_S = 0.1


class _Worker:
    """One process and our end of its pipe; `index` is the task it works on."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,))
        with _ctrl_c_held_back():
            self.process.start()
        theirs.close()
        self.index = -1

    def give(self, index: int, task: Task) -> None:
        """Send a task; a worker that is already dead shows it when it is next listened to."""
        self.index = index
        with suppress(OSError):
            self.connection.send((index, task))

    def end(self, *, deadline_s: float | None = None) -> None:
        """Let go of the process: it leaves when its pipe closes, or is killed at the deadline."""
        self.connection.close()
        left_s = _GRACE_S if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        self.process.join(left_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """A process started in here never sees Ctrl-C (its parent ends it); ours comes afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_in_workers(tasks: Sequence[Task], *, jobs: int, board: Board) -> Generator[Result, None, None]:
    """Results in order of completion; see the module for what happens when a worker dies."""
    suspects: list[int] = []
    yield from _run(tasks, list(range(len(tasks))), jobs, board, suspects.append)
    lost: list[int] = []
    for index in suspects:
        yield from _run(tasks, [index], 1, board, lost.append)
    for index in lost:
        yield _died(index)


def _run(
    tasks: Sequence[Task], indices: Sequence[int], jobs: int, board: Board, on_death: Callable[[int], None]
) -> Iterator[Result]:
    waiting = deque(indices)
    busy: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                busy.append(_Worker())
                _next(busy[-1], waiting, tasks, board)
            for worker in _ready(busy):
                result = _listen(worker, board)
                if isinstance(result, Exception):
                    board.finish(worker.index)
                    busy.remove(worker)
                    worker.end()
                    on_death(worker.index)
                elif result is not None:
                    board.finish(worker.index)
                    if waiting:
                        _next(worker, waiting, tasks, board)
                    else:
                        busy.remove(worker)
                        worker.end()
                    yield result
    finally:
        _stop(busy)


def _next(worker: _Worker, waiting: deque[int], tasks: Sequence[Task], board: Board) -> None:
    index = waiting.popleft()
    board.start(index, tasks[index].label)
    worker.give(index, tasks[index])


def _ready(busy: Sequence[_Worker]) -> list[_Worker]:
    by_connection = {worker.connection: worker for worker in busy}
    return [
        by_connection[connection] for connection in wait(list(by_connection)) if connection in by_connection
    ]


def _listen(worker: _Worker, board: Board) -> Result | Exception | None:
    """The worker's result; None after a piece of progress; an exception if it is dead."""
    try:
        kind, payload = worker.connection.recv()
    except (EOFError, OSError) as error:
        return error
    if kind == "progress":
        board.update(worker.index, *payload)
        return None
    result: Result = payload
    return result


def _stop(busy: Sequence[_Worker]) -> None:
    """End workers in the middle of their tasks, giving them time to clean up."""
    for worker in busy:
        worker.process.terminate()
    deadline_s = time.monotonic() + _GRACE_S
    for worker in busy:
        worker.end(deadline_s=deadline_s)


def _died(index: int) -> Result:
    from mastering.cli.runner import Result

    return Result(
        index=index,
        failure=Failure(
            code="worker_died",
            message="the process that worked on it died, twice",
            hint="It may have run out of memory; try it alone, and report it if it dies again.",
            exit_code=1,
        ),
    )


def _serve(connection: Connection[Any, Any]) -> None:
    """Body of a worker process: tasks in, progress and results out, until the pipe closes."""
    from mastering.cli.runner import run_one

    try:
        with Interrupts(ignored=(signal.SIGINT,)) as interrupts:
            while True:
                index, task = connection.recv()
                result = run_one(index, task, _progress_to(connection, interrupts))
                if result.failure is not None:
                    interrupts.raise_if_received()  # the signal is the reason, not what it broke
                connection.send(("result", result))
                interrupts.raise_if_received()
    except (EOFError, OSError, Interrupted):
        return


def _progress_to(connection: Connection[Any, Any], interrupts: Interrupts) -> Callable[[str, float], None]:
    last_stage, last_s = "", 0.0

    def progress(stage: str, fraction: float) -> None:
        nonlocal last_stage, last_s
        interrupts.raise_if_received()
        now_s = time.monotonic()
        if stage != last_stage or now_s - last_s >= _PROGRESS_INTERVAL_S:
            last_stage, last_s = stage, now_s
            connection.send(("progress", (stage, fraction)))

    return progress
