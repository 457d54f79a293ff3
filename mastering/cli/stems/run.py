"""Run separations, tell the user, and end the command with an exit code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from mastering.cli.app import debug_wanted
from mastering.cli.documents import document, write
from mastering.cli.failures import Failure, exit_code_of, sentence
from mastering.cli.inputs import Input
from mastering.cli.progress import Board, open_board
from mastering.cli.runner import Result, collect
from mastering.cli.stems.tasks import StemsTask, failed_separation

__all__ = ["Order", "separate_all", "threads_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to run and what to say: worker processes, a document, no summaries."""

    jobs: int
    as_json: bool
    quiet: bool


def threads_for(jobs: int, inputs: int) -> int | None:
    """Threads of PyTorch in each worker: the cores, shared; None where there is one worker."""
    workers = min(jobs, inputs)
    if workers <= 1:
        return None
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores // workers)


class _Ledger:
    """What became of each input so far."""

    def __init__(self, order: Order, board: Board, *, debug: bool) -> None:
        self._order = order
        self._board = board
        self._debug = debug
        self._failures: list[Failure] = []
        self._entries: dict[int, dict[str, Any]] = {}

    def fail(self, place: int, item: Input, failure: Failure) -> None:
        """Note that an input failed, and say why."""
        self._failures.append(failure)
        self._entries[place] = failed_separation(item.path, failure)
        self._board.write(sentence(failure, debug=self._debug, where=f"{item.path}: "))

    def enter(self, place: int, result: Result) -> None:
        """Note what was written."""
        self._entries[place] = result.value.entry
        if not (self._order.quiet or self._order.as_json):
            self._board.write(result.value.text)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Of the JSON document, in the order of the inputs."""
        return [self._entries[place] for place in sorted(self._entries)]

    @property
    def exit_code(self) -> int:
        """Of the run, had it not been interrupted."""
        return exit_code_of(self._failures)


def separate_all(
    ctx: click.Context, inputs: Sequence[Input], tasks: Sequence[StemsTask | None], order: Order
) -> NoReturn:
    """Run the tasks, and end the command with the exit code of it all.

    Args:
        ctx: of the command; its `obj` is the run's Interrupts.
        inputs: in the order of the document.
        tasks: of each input; None for one that has failed already.
        order: how.
    """
    places = [place for place, task in enumerate(tasks) if task is not None]
    with open_board(quiet=order.quiet or order.as_json) as board:
        ledger = _Ledger(order, board, debug=debug_wanted(ctx))
        for place, item in enumerate(inputs):
            if item.failure is not None:
                ledger.fail(place, item, item.failure)

        def each(result: Result) -> None:
            place = places[result.index]
            if result.failure is None:
                ledger.enter(place, result)
            else:
                ledger.fail(place, inputs[place], result.failure)

        ready = [task for task in tasks if task is not None]
        collected = collect(ready, jobs=order.jobs, board=board, interrupts=ctx.obj, each=each)
    if order.as_json:
        write(document(ledger.entries))
    if collected.interrupted is not None:
        done = f"{len(ledger.entries)} of {len(inputs)} inputs finished"
        click.echo(f"Interrupted: {done}; the same command goes on from here.", err=True)
        ctx.exit(collected.interrupted.exit_code)
    ctx.exit(ledger.exit_code)
