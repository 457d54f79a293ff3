"""Audio between two processes: slots in a file that both have mapped.

The file lies in memory where the system has a folder for that, and loses its name as soon as both sides have
it open: whatever happens to either, nothing is left behind.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from mastering.audio import BLOCK_FRAMES, Samples

__all__ = [
    "AUTOMATION_FRAMES",
    "BUFFER_FRAMES",
    "CHANNELS",
    "INSTRUMENT_BUFFER_FRAMES",
    "SLOTS",
    "SharedAudio",
]

BUFFER_FRAMES = 2_048
"""What a plug-in is given at a time, as by a DAW with a generous buffer."""
INSTRUMENT_BUFFER_FRAMES = 256
"""The same for instruments, whose wrappers drop events of one buffer beyond some hundred."""
AUTOMATION_FRAMES = 256
"""How often an automated parameter moves: 5.8 ms at 44.1 kHz."""
SLOTS = 2
"""One is filled while the plug-in works on the other."""
CHANNELS = 2
_SLOT_BYTES = 4 * CHANNELS * (BLOCK_FRAMES + 2 * BUFFER_FRAMES)
"""A block, and what was held back of the one before."""
_MEMORY = Path("/dev/shm")


class SharedAudio:
    """Slots of float32 [channels, frames], at most CHANNELS x BLOCK_FRAMES each.

    Args:
        path: the file of the other side; None makes a new one.
    """

    def __init__(self, path: str | None = None) -> None:
        self._owner = path is None
        if path is None:
            folder = _MEMORY if os.access(_MEMORY, os.W_OK) else None
            handle, path = tempfile.mkstemp(prefix="tonmeister-plugin-", dir=folder)
            os.ftruncate(handle, SLOTS * _SLOT_BYTES)
        else:
            handle = os.open(path, os.O_RDWR)
        self.path = path
        try:
            self._map = mmap.mmap(handle, SLOTS * _SLOT_BYTES)
        finally:
            os.close(handle)

    def slot(self, number: int, channels: int, frames: int) -> Samples:
        """A writable view of a slot."""
        count = channels * frames
        flat = np.frombuffer(self._map, np.float32, count, number * _SLOT_BYTES)
        return flat.reshape(channels, frames)

    def forget_name(self) -> None:
        """Take the file's name away: what is mapped stays."""
        if self._owner:
            with contextlib.suppress(OSError):
                Path(self.path).unlink()

    def close(self) -> None:
        """Let go of the memory."""
        self.forget_name()
        with contextlib.suppress(BufferError):  # a view is still in use: it goes with that
            self._map.close()
