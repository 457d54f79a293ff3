"""What went wrong, as a value that crosses processes, and the exit code it leads to."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass

import click

from mastering.errors import TonmeisterError
from mastering.report.wording import clean

__all__ = ["EXIT_CODES_HELP", "MISSED_CODE", "Failure", "describe", "exit_code_of", "sentence", "show"]

MISSED_CODE = 4
"""Exit code of --strict when a check failed."""

_ENVIRONMENT_CODE = 3
_BUG_CODE = 70

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed piece of work.

    Attributes:
        code: stable identifier for machines.
        message: one sentence.
        hint: what to do about it.
        exit_code: of the run, if every failure has the same.
        trace: the traceback, for --debug.
    """

    code: str
    message: str
    hint: str
    exit_code: int
    trace: str = ""


def describe(error: BaseException) -> Failure:
    """The Failure that an exception means."""
    code, message, hint, exit_code = _meaning(error)
    trace = "".join(traceback.format_exception(error))
    return Failure(code=code, message=message, hint=hint, exit_code=exit_code, trace=trace)


def _meaning(error: BaseException) -> tuple[str, str, str, int]:
    """Code, message, hint and exit code of an exception."""
    if isinstance(error, TonmeisterError):
        return error.code, error.message, error.hint, error.exit_code
    if isinstance(error, MemoryError):
        hint = "Close other programs, or use a smaller --jobs."
        return "out_of_memory", "the machine ran out of memory", hint, _ENVIRONMENT_CODE
    if isinstance(error, ImportError):
        hint = "Run `tonmeister doctor` to see what is missing."
        return "environment", f"a library does not load: {error}", hint, _ENVIRONMENT_CODE
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror.lower() if error.strerror else error}"
        return (
            "environment",
            message,
            "Check the path, its permissions and the free space.",
            _ENVIRONMENT_CODE,
        )
    hint = "This is a bug, please report it; --debug shows the traceback."
    return "bug", f"unexpected {type(error).__name__}: {error}", hint, _BUG_CODE


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
