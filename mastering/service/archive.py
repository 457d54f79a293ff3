"""Several results as one file: a zip that is made while it is sent, of a length that is known before.

Nothing is compressed, since audio hardly is, and nothing is written or held: a chunk is read and sent. The
same files give the same bytes, so a download that broke off goes on where it was. Only a file whose checksum
nobody has asked for before is read for it, in small steps, which end with the connection.
"""

from __future__ import annotations

import errno
import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mastering.service.checksums import STEP_BYTES, Checksums
from mastering.service.files import is_known
from mastering.service.problems import Problem
from mastering.service.zipped import Plan, Stored

__all__ = ["ARCHIVE", "Archive", "Entry", "archive_answer"]

_LAYOUT = b"2\n"
"""Another number for other bytes of the same files: then no broken download goes on with them."""

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
        checksums: of the files.

    Raises:
        Problem: somebody has removed a file.
    """

    def __init__(self, entries: Sequence[Entry], checksums: Checksums) -> None:
        self._checksums = checksums
        digest = hashlib.sha256(_LAYOUT)
        for entry in entries:
            try:
                digest.update(f"{entry.name}\0{entry.sha256}\0{entry.path.stat().st_mtime_ns}\n".encode())
            except FileNotFoundError:
                raise Problem(
                    404, "file_gone", f"{entry.name} is not there any more", hint="Make it again."
                ) from None
        self._plan = Plan([(entry.path, entry.name) for entry in entries])
        self.size_bytes = self._plan.size_bytes
        self.tag = digest.hexdigest()

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`; of files nothing else is read, where their checksums are known.

        Raises:
            OSError: a file cannot be read any more, or has become shorter.
        """
        for stored in self._plan.stored:
            if start < stored.end and stored.start < end:
                async for chunk in self._of(stored, start, end):
                    yield chunk
        first = self._plan.directory_start
        if end > first:
            crc32s = [await self._checksums.of(stored.path) for stored in self._plan.stored]
            yield self._plan.directory(crc32s)[max(0, start - first) : end - first]

    async def _of(self, stored: Stored, start: int, end: int) -> AsyncIterator[bytes]:
        first, last = stored.content
        if start < first:
            yield stored.header[max(0, start - stored.start) : end - stored.start]
        if start < last and first < end:
            async for chunk in self._content(stored, max(start, first) - first, min(end, last) - first):
                yield chunk
        if end > last:
            descriptor = stored.descriptor(await self._checksums.of(stored.path))
            yield descriptor[max(0, start - last) : end - last]

    async def _content(self, stored: Stored, start: int, end: int) -> AsyncIterator[bytes]:
        """A part of a file; of a whole one the checksum is noted in passing."""
        step, value = self._checksums.step, 0
        with await step(stored.path.open, "rb") as file:
            await step(file.seek, start)
            for at in range(start, end, STEP_BYTES):
                chunk, value = await step(_read, file, min(STEP_BYTES, end - at), value)
                yield chunk
        if start == 0 and end == stored.info.file_size:
            await self._checksums.keep(stored.path, value)


def _read(file: BinaryIO, size_bytes: int, value: int) -> tuple[bytes, int]:
    """The next bytes of a file, and the CRC-32 of all so far."""
    chunk = file.read(size_bytes)
    if len(chunk) < size_bytes:
        raise OSError(errno.EIO, "the file became shorter while it was sent")
    return chunk, zlib.crc32(chunk, value)


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
    if is_known(archive.tag, request.headers.getlist("If-None-Match")):
        return Response(status_code=304, headers=headers)
    ranged = request.method == "GET" and request.headers.get("If-Range", tag) == tag  # RFC 9110, 14.2
    wanted = request.headers.get("Range") if ranged else None
    span = _span(wanted, archive.size_bytes)
    start, end = span or (0, archive.size_bytes)
    headers["Content-Length"] = str(end - start)
    headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(name)}"
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{archive.size_bytes}"
    status = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(None, status, headers, media_type=_MEDIA_TYPE)
    return StreamingResponse(archive.chunks(start, end), status, headers, media_type=_MEDIA_TYPE)


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
