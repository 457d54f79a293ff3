"""What went wrong, told to people, and the exit code it leads to."""

from __future__ import annotations

from collections.abc import Iterable

import click

from mastering.failure import Failure, describe
from mastering.report.wording import clean

__all__ = ["EXIT_CODES_HELP", "MISSED_CODE", "Failure", "describe", "exit_code_of", "sentence", "show"]

MISSED_CODE = 4
"""Exit code of --strict when a check failed."""

EXIT_CODES_HELP = """\b
Exit codes:
  0    everything done
  1    some inputs failed, the others are done
  2    usage: an option, a style, a target or a recipe is wrong
  3    environment: something is missing, full or not permitted
  4    done, but a check failed and --strict was given
  70   a bug in tonmeister
  130  interrupted by Ctrl-C (143 by SIGTERM); what was finished stays

When all failed inputs failed for the same reason (2, 3 or 70), that code is used instead of 1."""


def exit_code_of(failures: Iterable[Failure]) -> int:
    """Exit code of a run with these failures: their common one, 1 where they differ, 0 without any."""
    codes = {failure.exit_code for failure in failures}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 else 1


def sentence(failure: Failure, *, debug: bool, where: str = "") -> str:
    """A failure for people: the error, its hint, and before them the traceback if `debug`."""
    message = failure.message if where and failure.message.startswith(where) else where + failure.message
    lines = [failure.trace.rstrip()] if debug and failure.trace else []
    lines.append(clean(f"Error: {message}"))
    if failure.hint:
        lines.append(clean(f"       {failure.hint}"))
    return "\n".join(lines)


def show(failure: Failure, *, debug: bool) -> int:
    """Write a failure to standard error; give its exit code."""
    click.echo(sentence(failure, debug=debug), err=True)
    return failure.exit_code
