"""What `master` and `apply` share: run their tasks, tell the user, and end with an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from mastering.cli.app import debug_wanted
from mastering.cli.documents import document, failed_master, write
from mastering.cli.failures import MISSED_CODE, Failure, exit_code_of, sentence
from mastering.cli.inputs import Input
from mastering.cli.progress import Board, open_board
from mastering.cli.runner import Result, Task, collect
from mastering.cli.tasks import Done

__all__ = ["Order", "Pair", "Work", "deliver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An input and where its master goes."""

    source: Input
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A task and the pairs it answers for: one, or all songs of an album."""

    task: Task
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to run and what to say.

    Attributes:
        jobs: worker processes.
        as_json: write the document to standard output.
        quiet: no progress and no summaries.
        strict: a failed check is an exit code.
        debug: tracebacks too.
    """

    jobs: int
    as_json: bool
    quiet: bool
    strict: bool
    debug: bool

    @classmethod
    def of(cls, ctx: click.Context, options: dict[str, Any]) -> Order:
        """The order that a command's options (options.run_options) spell out."""
        return cls(
            jobs=options["jobs"],
            as_json=options["as_json"],
            quiet=options["quiet"],
            strict=options["strict"],
            debug=debug_wanted(ctx),
        )


class _Ledger:
    """What became of each pair so far."""

    def __init__(self, order: Order, board: Board, pairs: Sequence[Pair]) -> None:
        self._order = order
        self._board = board
        self._pairs = pairs
        self._entries: dict[Path, dict[str, Any]] = {}
        self._failures: list[Failure] = []
        self._missed = False

    def fail(self, pairs: Sequence[Pair], failure: Failure) -> None:
        """Note that a piece of work failed: say it once, and enter it for each of its pairs."""
        self._failures.append(failure)
        for pair in pairs:
            self._entries[pair.output] = failed_master(pair.source.path, pair.output, failure)
        where = f"{pairs[0].source.path}: " if len(pairs) == 1 else "album: "
        self._board.write(sentence(failure, debug=self._order.debug, where=where))

    def enter(self, pairs: Sequence[Pair], done: Sequence[Done]) -> None:
        """Note what was written."""
        for pair, one in zip(pairs, done, strict=True):
            self._entries[pair.output] = one.entry
            self._missed = self._missed or bool(one.missed)
            if not (self._order.quiet or self._order.as_json):
                self._board.write(one.text.rstrip("\n") if len(self._pairs) == 1 else one.line)

    def document(self) -> dict[str, Any]:
        """The JSON document of what is finished, in the order of the inputs."""
        return document([self._entries[p.output] for p in self._pairs if p.output in self._entries])

    def exit_code(self) -> int:
        """Of the run, had it not been interrupted."""
        return exit_code_of(self._failures) or (MISSED_CODE if self._order.strict and self._missed else 0)

    def count(self) -> str:
        """How far the run came."""
        return f"{len(self._entries)} of {len(self._pairs)} inputs finished"


def deliver(ctx: click.Context, pairs: Sequence[Pair], works: Sequence[Work], order: Order) -> NoReturn:
    """Run the works, and end the command with the exit code of it all.

    Args:
        ctx: of the command; its `obj` is the run's Interrupts.
        pairs: all inputs and outputs, in the order of the document; those that have failed already
            belong to no work.
        works: what to do.
        order: how.
    """
    with open_board(quiet=order.quiet or order.as_json) as board:
        ledger = _Ledger(order, board, pairs)
        for pair in pairs:
            if pair.source.failure is not None:
                ledger.fail([pair], pair.source.failure)

        def each(result: Result) -> None:
            if result.failure is None:
                ledger.enter(works[result.index].pairs, result.value)
            else:
                ledger.fail(works[result.index].pairs, result.failure)

        tasks = [work.task for work in works]
        collected = collect(tasks, jobs=order.jobs, board=board, interrupts=ctx.obj, each=each)
    if order.as_json:
        write(ledger.document())
    if collected.interrupted is not None:
        click.echo(f"Interrupted: {ledger.count()}.", err=True)
        ctx.exit(collected.interrupted.exit_code)
    ctx.exit(ledger.exit_code())
