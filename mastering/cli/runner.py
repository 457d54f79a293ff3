"""Run many pieces of work, here or in worker processes; one failure never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from mastering.cli.failures import Failure, describe
from mastering.cli.progress import Board
from mastering.cli.signals import Interrupted, Interrupts
from mastering.cli.submit import tray_of

__all__ = ["Collected", "Result", "Task", "collect", "run_one"]


class Task(Protocol):
    """A piece of work that can be sent to another process: a picklable value that knows how to run."""

    @property
    def label(self) -> str:
        """What a person calls it: the input's name."""
        ...

    def run(self, progress: Callable[[str, float], None]) -> Any:
        """Do it and answer with plain values."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of the task at `index`: a value, or a failure."""

    index: int
    value: Any = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """All results in the order of the tasks; fewer than tasks if the run was interrupted."""

    results: tuple[Result, ...]
    interrupted: Interrupted | None = None


def run_one(index: int, task: Task, progress: Callable[[str, float], None]) -> Result:
    """Run a task in this process; an exception becomes its failure."""
    try:
        return Result(index=index, value=task.run(progress))
    except Exception as error:
        return Result(index=index, failure=describe(error))


def collect(
    tasks: Sequence[Task],
    *,
    jobs: int,
    board: Board,
    interrupts: Interrupts,
    each: Callable[[Result], None] = lambda result: None,
) -> Collected:
    """Run all tasks, at most `jobs` at a time, and keep what is finished if a signal comes.

    Args:
        tasks: what to do.
        jobs: worker processes; with 1 everything runs in this process.
        board: shows progress.
        interrupts: tells of a signal whose exception was lost.
        each: called with every result as it comes, in order of completion.

    Under `jobs submit` the tasks are laid aside and nothing runs.
    """
    tray = tray_of()
    if tray is not None:
        tray.take(tasks)
        return Collected(results=())
    results: dict[int, Result] = {}
    interrupted = None
    try:
        with closing(_stream(tasks, jobs, board, interrupts)) as stream:
            for result in stream:
                results[result.index] = result
                each(result)
    except Interrupted as signal:
        interrupted = signal
    return Collected(results=tuple(results[index] for index in sorted(results)), interrupted=interrupted)


def _stream(
    tasks: Sequence[Task], jobs: int, board: Board, interrupts: Interrupts
) -> Generator[Result, None, None]:
    if min(jobs, len(tasks)) <= 1:
        return _in_turn(tasks, board, interrupts)
    from mastering.cli.pool import run_in_workers

    return run_in_workers(tasks, jobs=jobs, board=board)


def _in_turn(tasks: Sequence[Task], board: Board, interrupts: Interrupts) -> Generator[Result, None, None]:
    for index, task in enumerate(tasks):

        def progress(stage: str, fraction: float, index: int = index) -> None:
            interrupts.raise_if_received()
            board.update(index, stage, fraction)

        board.start(index, task.label)
        result = run_one(index, task, progress)
        if result.failure is not None:
            interrupts.raise_if_received()  # the signal is the reason, not what it broke
        board.finish(index)
        yield result
        interrupts.raise_if_received()
