"""Files as answers: ranges, entity tags, names of people's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse

from mastering.service.documents import media_type_of
from mastering.service.problems import Problem

__all__ = ["FILE", "file_answer", "file_gone", "is_known"]

_BINARY = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in ("application/octet-stream", "audio/*", "application/json", "text/html")
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": _BINARY},
    206: {"description": "The range that was asked for.", "content": _BINARY},
    304: {"description": "It has not changed."},
}
"""The documented answers of a file."""


def file_answer(
    path: Path, tag: str, *, name: str, inline: bool = False, media_type: str | None = None
) -> FileResponse:
    """A file, or the range of it that is asked for.

    Args:
        path: of the file.
        tag: what changes with its content.
        name: for whoever saves it.
        inline: to be shown, not saved.
        media_type: None is that of its suffix.

    Raises:
        Problem: somebody has removed it.
    """
    if not path.is_file():
        raise file_gone()
    return FileResponse(
        path,
        media_type=media_type or media_type_of(path),
        filename=name,
        content_disposition_type="inline" if inline else "attachment",
        headers={"ETag": f'"{tag}"', "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"},
    )


def file_gone() -> Problem:
    """The answer where somebody has removed a file that our records know."""
    return Problem(404, "file_gone", "the file is not there any more", hint="Send it, or make it, again.")


def is_known(tag: str, named: Iterable[str]) -> bool:
    """Whether an If-None-Match names a tag: any (`*`), or one of a list, weak or strong (RFC 9110, 13.1.2).

    Args:
        tag: without its quotes.
        named: values of the header.
    """
    known = {part.strip().removeprefix("W/") for value in named for part in value.split(",")}
    return bool(known & {"*", f'"{tag}"'})
