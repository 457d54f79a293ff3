"""Progress on a terminal's standard error; silence anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import click

__all__ = ["Board", "SilentBoard", "open_board"]

_STAGE_ENDS = {
    "read": 0.05,
    "measure": 0.25,
    "match": 0.27,
    "render": 0.6,
    "limit": 0.7,
    "write": 0.9,
    "verify": 1.0,
}
"""Where each stage of a master ends on its bar; roughly its share of the time."""


class Board(Protocol):
    """Shows how far each task is, and lets lines be written above the bars."""

    def start(self, index: int, label: str) -> None: ...

    def update(self, index: int, stage: str, fraction: float) -> None: ...

    def finish(self, index: int) -> None: ...

    def overall(self, text: str, share: float) -> None: ...

    def write(self, text: str) -> None: ...


class SilentBoard:
    """No bars; lines go to standard error as they come."""

    def start(self, index: int, label: str) -> None:
        """Nothing to show."""

    def update(self, index: int, stage: str, fraction: float) -> None:
        """Nothing to show."""

    def finish(self, index: int) -> None:
        """Nothing to show."""

    def overall(self, text: str, share: float) -> None:
        """Nothing to show."""

    def write(self, text: str) -> None:
        """Write a line to standard error."""
        click.echo(text, err=True)


class _RichBoard:
    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._ids: dict[int, Any] = {}
        self._places: dict[int, float] = {}
        self._whole: Any = None

    def start(self, index: int, label: str) -> None:
        self._places[index] = 0.0
        self._ids[index] = self._bars.add_task(_short(label), total=1.0, stage="")

    def update(self, index: int, stage: str, fraction: float) -> None:
        place = max(_position(stage, fraction), self._places[index])  # a second pass does not go back
        self._places[index] = place
        self._bars.update(self._ids[index], completed=place, stage=stage)

    def finish(self, index: int) -> None:
        self._bars.remove_task(self._ids.pop(index))

    def overall(self, text: str, share: float) -> None:
        """A bar of all tasks together, above theirs if it is the first that is shown."""
        if self._whole is None:
            self._whole = self._bars.add_task(text, total=1.0, stage="")
        self._bars.update(self._whole, description=text, completed=share)

    def write(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def open_board(*, quiet: bool) -> Iterator[Board]:
    """A board with bars if standard error is a terminal and nobody asked for quiet, else a silent one."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield SilentBoard()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[stage]:<8}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _RichBoard(bars)


def _position(stage: str, fraction: float) -> float:
    """Place on the whole bar of a stage that is done to `fraction` 0..1.

    Separating takes longer than all the rest: it fills a bar of its own before the others begin.

    >>> round(_position("write", 0.5), 3)
    0.8
    """
    if stage == "separate":
        return min(max(fraction, 0.0), 1.0)
    if stage not in _STAGE_ENDS:
        return 0.0
    ends = list(_STAGE_ENDS.values())
    place = list(_STAGE_ENDS).index(stage)
    start = ends[place - 1] if place else 0.0
    return start + (ends[place] - start) * min(max(fraction, 0.0), 1.0)


def _short(label: str, width: int = 32) -> str:
    return label if len(label) <= width else label[: width - 1] + "…"
