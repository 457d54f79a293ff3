"""Rendered audio kept for later passes: in memory, or in a temporary file if it is long."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from typing import IO

import numpy as np

from mastering.audio import BLOCK_FRAMES, Samples

__all__ = ["Spool"]

MEMORY_BYTES = 192 * 1024 * 1024
"""A song up to this size is kept in memory."""


class Spool:
    """Blocks in the order they were written; a file has no name and goes with this object.

    Args:
        channels, frames: of what will be written.
    """

    def __init__(self, channels: int, frames: int) -> None:
        self._channels = channels
        self._held: list[Samples] = []
        self._file: IO[bytes] | None = None
        if 4 * channels * frames > MEMORY_BYTES:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this does
            weakref.finalize(self, self._file.close)

    def write(self, block: Samples) -> None:
        """Keep a block."""
        if self._file is None:
            self._held.append(block)
        else:
            self._file.write(np.ascontiguousarray(block.T).tobytes())

    def blocks(self) -> Iterator[Samples]:
        """What was written, in blocks of BLOCK_FRAMES."""
        if self._file is None:
            yield from self._held
            return
        position = 0
        while True:
            self._file.seek(position)
            data = self._file.read(4 * self._channels * BLOCK_FRAMES)
            if not data:
                return
            position += len(data)
            yield np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self._channels).T)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
