"""Writing WAV: 16- and 24-bit PCM and 32-bit float; RF64 (EBU Tech 3306) beyond 4 GiB.

Written here and not by libsndfile, for four reasons: the place for 64-bit sizes and for the
bext chunk is kept before the samples, no time stamp gets in (libsndfile's PEAK chunk has
one), integers arrive exactly as they were dithered, and a full disk is an OSError.
Format tags: 1 (PCM) and 3 (IEEE float, with a fact chunk).
"""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mastering.dsp.jit import kernel
from mastering.io.riff import DS64_SIZE, UNKNOWN_SIZE, close_riff

__all__ = ["WavFile"]

_BEXT_ROOM = 1024
_BUFFER_BYTES = 2**20


class WavFile:
    """An open WAV file. Pass int32 samples for 16 and 24 bits, float32 for 32.

    Args:
        path: an existing file, which is overwritten.
        sample_rate: Hz.
        channels: 1 or 2.
        bit_depth: 16, 24, or 32 for float.
    """

    def __init__(self, path: Path, *, sample_rate: int, channels: int, bit_depth: int) -> None:
        self._bytes = bit_depth // 8
        self._frame_bytes = channels * self._bytes
        self._file = path.open("r+b", buffering=_BUFFER_BYTES)
        tag = 3 if bit_depth == 32 else 1
        layout = struct.pack(
            "<HHIIHH",
            tag,
            channels,
            sample_rate,
            sample_rate * self._frame_bytes,
            self._frame_bytes,
            bit_depth,
        )
        fact = struct.pack("<4sII", b"fact", 4, 0) if tag == 3 else b""
        head = b"RIFF\0\0\0\0WAVE" + _junk(DS64_SIZE) + _junk(_BEXT_ROOM)
        head += struct.pack("<4sI", b"fmt ", len(layout)) + layout + fact
        self._fact_at = len(head) - 4 if fact else None
        self._data_at = len(head) + 8
        self._file.write(head + struct.pack("<4sI", b"data", UNKNOWN_SIZE))

    def write(self, samples: npt.NDArray[np.int32] | npt.NDArray[np.float32]) -> None:
        """Append samples [channels, frames]."""
        self._file.write(interleaved_bytes(samples, self._bytes))

    def close(self) -> None:
        """Write the sizes and close; OSError where the disk is full."""
        with self._file as file:
            size = file.tell() - self._data_at
            file.write(b"\0" * (size % 2))
            if self._fact_at is not None:
                file.seek(self._fact_at)
                file.write(struct.pack("<I", min(size // self._frame_bytes, UNKNOWN_SIZE)))
            if size < UNKNOWN_SIZE:
                file.seek(self._data_at - 4)
                file.write(struct.pack("<I", size))
            close_riff(file)

    def abort(self) -> None:
        """Close without finishing, whatever the disk says."""
        with contextlib.suppress(OSError):
            self._file.close()


def interleaved_bytes(samples: npt.NDArray[np.int32] | npt.NDArray[np.float32], width: int) -> bytes:
    """Samples [channels, frames] as little-endian frames of `width` bytes per sample.

    >>> interleaved_bytes(np.array([[1, 2], [-1, 3]], np.int32), 3).hex()
    '010000ffffff020000030000'
    """
    if samples.dtype == np.float32:
        return samples.T.astype("<f4").tobytes()
    if width == 2:
        return samples.T.astype("<i2").tobytes()
    packed = np.empty((samples.shape[1], samples.shape[0], width), np.uint8)
    _pack(np.asarray(samples, dtype=np.int32), packed)
    return packed.tobytes()


@kernel
def _pack(samples: npt.NDArray[np.int32], packed: npt.NDArray[np.uint8]) -> None:
    """The low bytes of each sample, least significant first."""
    for channel in range(samples.shape[0]):
        for frame in range(samples.shape[1]):
            word = samples[channel, frame]
            for byte in range(packed.shape[2]):
                packed[frame, channel, byte] = (word >> (8 * byte)) & 0xFF


def _junk(size: int) -> bytes:
    return struct.pack("<4sI", b"JUNK", size) + bytes(size)
