"""Errors as problem+json (RFC 9457), with the codes and hints of the command line."""

from __future__ import annotations

import errno
import http
import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response

from mastering.errors import (
    AudioFileError,
    EnvironmentProblem,
    ModelError,
    ParameterError,
    PluginForbidden,
    PluginNotFound,
    PresetError,
    TonmeisterError,
)
from mastering.failure import describe
from mastering.report.wording import clean

__all__ = ["MEDIA_TYPE", "Problem", "answer", "discreet", "problem_of"]

MEDIA_TYPE = "application/problem+json"

_TITLES = {460: "Checksum Mismatch"}
"""Of status codes that only the tus protocol knows."""

_STATUS_BY_CODE = {
    "job_unknown": 404,
    "job_state": 409,
    "disk_full": 507,
    "file_exists": 409,
    "out_of_memory": 503,
}
_STATUS_BY_CLASS: tuple[tuple[type[TonmeisterError], int], ...] = (
    (PluginForbidden, 403),
    (PluginNotFound, 404),
    (EnvironmentProblem, 503),
    (ModelError, 503),
    (ParameterError, 422),
    (PresetError, 422),
    (AudioFileError, 422),
    (TonmeisterError, 422),
)


class Problem(Exception):
    """What an answer that is an error says.

    Args:
        status: of HTTP.
        code: stable identifier for machines.
        detail: one sentence.
        hint: the way out.
        field: of the request, where one is to blame.
        headers: to send along.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str = "",
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.hint = status, code, detail, hint
        self.field, self.headers = field, dict(headers or {})

    def document(self, folder: Path | None = None) -> dict[str, Any]:
        """The body; the service's folder is not named in it."""
        plain: dict[str, Any] = {
            "type": f"urn:tonmeister:problem:{self.code}",
            "title": _TITLES.get(self.status) or http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": clean(discreet(self.detail, folder)),
            "code": self.code,
            "hint": clean(discreet(self.hint, folder)),
        }
        return plain if self.field is None else {**plain, "field": self.field}


def problem_of(error: BaseException) -> Problem:
    """The problem that an exception means; a bug is one of status 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full()
    if _is_database(error):
        return _full() if "full" in str(error) else _away()
    failure = describe(error)
    status = _status(error) if isinstance(error, TonmeisterError) else 500
    if isinstance(error, (OSError, MemoryError)):
        status = 503
    detail = failure.message if status != 500 else "the service met an error of its own"
    hint = failure.hint if status != 500 else "It is in the service's log; please report it."
    return Problem(status, failure.code, detail, hint=hint)


def discreet(text: str, folder: Path | None = None) -> str:
    """A text for people elsewhere: where our user's files lie is nothing to them, nor where the service's do.

    Args:
        text: for them.
        folder: of the service.
    """
    for known in dict.fromkeys((folder.absolute(), folder.resolve())) if folder is not None else ():
        text = text.replace(f"{known}/", "").replace(str(known), "the service's folder")
    home = os.path.expanduser("~")  # noqa: PTH111 - Path raises where there is none
    return text.replace(f"{home}/", "~/") if home != "/" else text


def answer(problem: Problem, folder: Path | None = None) -> Response:
    """A problem as an answer; the service's folder is not named in it."""
    body = json.dumps(problem.document(folder), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _status(error: TonmeisterError) -> int:
    if error.code in _STATUS_BY_CODE:
        return _STATUS_BY_CODE[error.code]
    return next(status for kind, status in _STATUS_BY_CLASS if isinstance(error, kind))


def _is_database(error: BaseException) -> bool:
    """Whether a database did not do its part; only `mastering.jobs` knows SQLAlchemy."""
    if isinstance(error, sqlite3.OperationalError):
        return True
    return type(error).__module__.partition(".")[0] in ("sqlalchemy", "psycopg")


def _full() -> Problem:
    return Problem(
        507, "disk_full", "the service's disk is full", hint="Try later, or ask whoever runs the service."
    )


def _away() -> Problem:
    return Problem(
        503,
        "database_away",
        "the service's database does not answer",
        hint="Try again in a moment.",
        headers={"Retry-After": "5"},
    )
