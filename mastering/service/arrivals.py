"""What has arrived of uploads: a file each, whose size is how far it is.

Nothing else says how far an upload is, so that a service that was killed knows after its next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from mastering.service.pace import Pace
from mastering.service.problems import Problem
from mastering.service.settings import Settings

__all__ = ["Arrivals"]

_WRITE_BYTES = 2**20


class _Digest:
    """SHA-256 of what was received without a gap from the start."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.size_bytes = 0


class Arrivals:
    """Files of what has arrived.

    Args:
        folder: of them.
        settings: how fast it must come.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._digests: dict[str, _Digest] = {}

    def path(self, upload: str) -> Path:
        """The file of an upload."""
        return self._folder / upload

    def ids(self) -> Iterator[str]:
        """Uploads of which there is a file."""
        return (path.name for path in self._folder.iterdir())

    def size_bytes(self, upload: str) -> int:
        """How much has arrived."""
        try:
            return self.path(upload).stat().st_size
        except FileNotFoundError:
            return 0

    async def add(
        self,
        upload: str,
        length_bytes: int,
        chunks: AsyncIterator[bytes],
        checksum: tuple[str, bytes] | None = None,
    ) -> int:
        """Add what arrives; what has arrived is kept even if the rest does not.

        Args:
            upload: to add to; by one caller at a time.
            length_bytes: of the whole.
            chunks: of the body.
            checksum: name of a hash and its value over these chunks; where it differs nothing is kept.

        Returns:
            how much there is now.

        Raises:
            Problem: more than was announced, too slow, or a wrong checksum.
        """
        start = self.size_bytes(upload)
        own = hashlib.new(checksum[0], usedforsecurity=False) if checksum is not None else None
        held, received, clock = bytearray(), 0, Pace(self._settings)
        with self.path(upload).open("ab", buffering=0) as file:
            try:
                async for chunk in clock.watched(chunks):
                    received += len(chunk)
                    if start + received > length_bytes:
                        raise Problem(
                            413, "upload_too_long", "more arrives than was announced", hint="Begin again."
                        )
                    held += chunk
                    if len(held) >= _WRITE_BYTES:
                        block, held = bytes(held), bytearray()
                        await asyncio.to_thread(self._write, upload, file, block, own)
            finally:
                if held and start + received <= length_bytes:
                    await asyncio.shield(asyncio.to_thread(self._write, upload, file, bytes(held), own))
            if own is not None and checksum is not None and own.digest() != checksum[1]:
                self._digests.pop(upload, None)
                os.truncate(file.fileno(), start)
                raise Problem(
                    460,
                    "checksum_mismatch",
                    "the checksum does not match",
                    hint="Send this part again.",
                )
        return start + received

    def sha256(self, upload: str) -> str:
        """The digest of all that has arrived; read again only if not all came to this process."""
        known = self._digests.get(upload)
        if known is not None and known.size_bytes == self.size_bytes(upload):
            return known.hash.hexdigest()
        with self.path(upload).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def move(self, upload: str, place: Path) -> None:
        """Give a file its place.

        Raises:
            FileNotFoundError: there is none.
        """
        self.path(upload).replace(place)
        self._digests.pop(upload, None)

    def remove(self, upload: str) -> None:
        """Remove what has arrived."""
        self._digests.pop(upload, None)
        self.path(upload).unlink(missing_ok=True)

    def _write(self, upload: str, file: Any, block: bytes, own: Any) -> None:
        view = memoryview(block)
        digest = self._digests.setdefault(upload, _Digest())
        if digest.size_bytes == os.fstat(file.fileno()).st_size:
            digest.hash.update(view)
            digest.size_bytes += len(view)
        if own is not None:
            own.update(view)
        while view:
            view = view[file.write(view) :]
