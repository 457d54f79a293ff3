"""`jobs submit`: what a command would do is laid on a tray instead of done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from mastering.errors import ParameterError

__all__ = ["Tray", "check_line", "lay_out", "tray_of"]

_COMMANDS = (
    ("master",),
    ("apply",),
    *(("stems", name) for name in ("separate", "karaoke", "acapella", "remix")),
    ("plugins", "render"),
)
_TRAY = "tonmeister.tray"


class Tray:
    """Takes the tasks that a command would run."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def take(self, tasks: Sequence[Any]) -> None:
        """Keep tasks.

        Raises:
            ParameterError: they only say what they would do.
        """
        if any(getattr(task, "dry_run", False) for task in tasks):
            raise ParameterError(
                "--dry-run writes nothing, there is nothing to submit", hint="Leave it out.", code="dry_run"
            )
        self.tasks += tasks


def tray_of() -> Tray | None:
    """Where the command that runs is to lay its tasks; None if it is to run them."""
    ctx = click.get_current_context(silent=True)
    return None if ctx is None else ctx.meta.get(_TRAY)


def check_line(line: Sequence[str]) -> None:
    """Refuse a command line that makes no jobs.

    Raises:
        ParameterError: it is another command.
    """
    if not any(tuple(line[: len(known)]) == known for known in _COMMANDS):
        allowed = ", ".join(map(" ".join, _COMMANDS))
        raise ParameterError(f"`{' '.join(line[:2])}` makes no jobs, allowed {allowed}", code="kind_unknown")


def lay_out(ctx: click.Context, line: Sequence[str], tray: Tray) -> int:
    """Run a command line of the program with a tray for its tasks; gives its exit code."""
    program = ctx.find_root()
    try:
        with program.command.make_context(program.info_name, list(line), obj=program.obj) as inner:
            inner.meta[_TRAY] = tray
            program.command.invoke(inner)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0
