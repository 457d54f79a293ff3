"""Several results as one file: a zip that is made while it is sent, of a length that is known before.

Nothing is compressed, since audio hardly is, and nothing is written or held: a chunk is read and sent. The
same files give the same bytes, so a download that broke off goes on: what came before is read again for its
checksums, and not sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mastering.service.problems import Problem

__all__ = ["ARCHIVE", "Archive", "Entry", "archive_answer"]

_CHUNK_BYTES = 512 * 1024
"""Each costs a turn of a thread; the library's own are 64 kB."""

_MEDIA_TYPE = "application/zip"
_BINARY = {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The archive.", "content": _BINARY},
    206: {"description": "The range that was asked for.", "content": _BINARY},
    304: {"description": "It has not changed."},
}
"""The documented answers of an archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of an archive.

    Args:
        path: of it.
        name: in the archive.
        sha256: of its content.
    """

    path: Path
    name: str
    sha256: str


class Archive:
    """A zip of some files.

    Args:
        entries: in their order; no two names the same.

    Raises:
        Problem: somebody has removed a file.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        from zipstream import ZipStream

        self._stream = ZipStream(sized=True)
        digest = hashlib.sha256()
        for entry in entries:
            try:
                self._stream.add_path(entry.path, entry.name, recurse=False)
                digest.update(f"{entry.name}\0{entry.sha256}\0{entry.path.stat().st_mtime_ns}\n".encode())
            except FileNotFoundError:
                raise Problem(
                    404, "file_gone", f"{entry.name} is not there any more", hint="Make it again."
                ) from None
        self.size_bytes = len(self._stream)
        self.tag = digest.hexdigest()

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`; an archive gives them once."""
        held: list[bytes] = []
        at = 0
        for piece in self._stream:
            if at + len(piece) > start:
                held.append(piece[max(0, start - at) : end - at])
            at += len(piece)
            if sum(map(len, held)) >= _CHUNK_BYTES:
                yield b"".join(held)
                held.clear()
            if at >= end:
                break
        if held:
            yield b"".join(held)


def archive_answer(request: Request, archive: Archive, name: str) -> Response:
    """An archive, or the range of it that a request asks for.

    Args:
        request: its headers Range, If-Range and If-None-Match are looked at.
        archive: to be sent.
        name: for whoever saves it.

    Raises:
        Problem: the range begins behind its end.
    """
    tag = f'"{archive.tag}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("Range") if request.headers.get("If-Range", tag) == tag else None
    span = _span(wanted, archive.size_bytes)
    start, end = span or (0, archive.size_bytes)
    headers["Content-Length"] = str(end - start)
    headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{archive.size_bytes}"
    return StreamingResponse(
        archive.chunks(start, end), 200 if span is None else 206, headers, media_type=_MEDIA_TYPE
    )


def _span(wanted: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a Range; None is everything, also for what is no single range.

    Raises:
        Problem: it begins behind the end.
    """
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", (wanted or "").strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size_bytes - int(found[2])), size_bytes
    else:
        start, end = int(found[1]), min(size_bytes, int(found[2] or size_bytes) + 1)
        if found[2] and int(found[2]) < start:
            return None
    if start < size_bytes:
        return start, end
    raise Problem(
        416,
        "range",
        f"the archive has {size_bytes} bytes",
        hint="Ask for bytes that it has.",
        headers={"Content-Range": f"bytes */{size_bytes}"},
    )
