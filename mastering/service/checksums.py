"""Files read in small steps, few at a time, and their CRC-32, each of which is calculated once."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

from mastering.errors import TonmeisterError
from mastering.io.atomic import write_text_atomic

__all__ = ["STEP_BYTES", "Checksums"]

STEP_BYTES = 512 * 1024
"""Read at once: whoever goes away is gone after as much."""

_READERS = 4
_SUFFIX = ".crc32"

T = TypeVar("T")


class Checksums:
    """CRC-32 of files.

    Args:
        folder: where they are kept, in folders that are called as those of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers = ThreadPoolExecutor(_READERS, "reading")
        self._locks: weakref.WeakValueDictionary[Path, asyncio.Lock] = weakref.WeakValueDictionary()

    def close(self) -> None:
        """End its threads."""
        self._readers.shutdown(cancel_futures=True)

    async def step(self, work: Callable[..., T], *arguments: object) -> T:
        """Do a small piece of reading in one of a few threads, which nothing else needs."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    async def of(self, path: Path) -> int:
        """The CRC-32 of a file; who asks meanwhile waits for the same, and whoever goes away ends it.

        Raises:
            OSError: it cannot be read.
        """
        lock = self._locks.setdefault(path, asyncio.Lock())
        async with lock:
            known = await self.step(self._known, path)
            if known is not None:
                return known
            value = 0
            with await self.step(path.open, "rb") as file:
                more = True
                while more:
                    more, value = await self.step(_step, file, value)
            await self.keep(path, value)
        return value

    async def keep(self, path: Path, value: int) -> None:
        """Note what was calculated elsewhere; where there is no room for it, it is calculated again."""
        with contextlib.suppress(OSError, TonmeisterError):
            await self.step(self._write, path, value)

    def _known(self, path: Path) -> int | None:
        try:
            state, _, value = self._place(path).read_text("ascii").partition(" ")
            return int(value) if state == _state(path) else None
        except (FileNotFoundError, ValueError):
            return None

    def _write(self, path: Path, value: int) -> None:
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(place, f"{_state(path)} {value}", force=True)

    def _place(self, path: Path) -> Path:
        return self._folder / path.parent.name / f"{path.name}{_SUFFIX}"


def _step(file: BinaryIO, value: int) -> tuple[bool, int]:
    chunk = file.read(STEP_BYTES)
    return bool(chunk), zlib.crc32(chunk, value)


def _state(path: Path) -> str:
    """What changes with a file's content."""
    found = path.stat()
    return f"{found.st_size}-{found.st_mtime_ns}"
