"""What went wrong, as a value that crosses processes and outlives them."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from mastering.errors import EnvironmentProblem, TonmeisterError

__all__ = ["Failure", "describe"]

_ENVIRONMENT_CODE = EnvironmentProblem.exit_code
_BUG_CODE = 70


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
