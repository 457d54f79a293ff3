"""Defects: flat tops left by clipping.

Conventions
    A clipped run is at least 3 equal samples in a row at the highest or at the lowest value its
    channel ever reaches, where that value is beyond -6 dBFS (0.5). The rails are found per channel
    and per sign: 16-bit files clip at +0.99997 and -1, and a quieter channel clips lower.
    Clipping that was filtered or lossily coded afterwards leaves no flat tops and is not seen; a
    clean bass tone of 16 bits, below about 40 Hz, can rest 3 samples on its peak and is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.blocks import checked_block

__all__ = ["Clipping", "ClippingMeter"]

_THRESHOLD = 0.5
_SHORTEST_RUN = 3
_RUNS, _FRAMES, _LENGTH = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipping:
    """Clipped runs and the frames in them, summed over the channels."""

    clipped_runs: int
    clipped_frames: int


class ClippingMeter:
    """Counts flat tops of a stream.

    Args:
        channels: of the stream.
    """

    def __init__(self, channels: int) -> None:
        # Per channel and sign: the rail; at it: runs so far, frames in them, length of the run at hand.
        self._rails = np.full((channels, 2), _THRESHOLD, np.float32)
        self._counts = np.zeros((channels, 2, 3), np.int64)

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        _count(checked_block(samples, len(self._rails)), self._rails, self._counts)

    def result(self) -> Clipping:
        """The counts so far; more blocks may follow."""
        beyond = self._rails > _THRESHOLD
        return Clipping(
            clipped_runs=int(self._counts[beyond, _RUNS].sum()),
            clipped_frames=int(self._counts[beyond, _FRAMES].sum()),
        )


@kernel
def _count(samples: Samples, rails: Samples, counts: npt.NDArray[np.int64]) -> None:
    for channel in range(samples.shape[0]):
        for i in range(samples.shape[1]):
            value = samples[channel, i]
            if -rails[channel, 1] < value < rails[channel, 0]:
                if counts[channel, 0, _LENGTH] or counts[channel, 1, _LENGTH]:
                    counts[channel, :, _LENGTH] = 0
                continue
            sign = 0 if value > 0.0 else 1
            counts[channel, 1 - sign, _LENGTH] = 0
            _touch(abs(value), rails[channel], counts[channel, sign], sign)


@kernel
def _touch(magnitude: np.float32, rails: Samples, count: npt.NDArray[np.int64], sign: int) -> None:
    if magnitude > rails[sign]:
        rails[sign] = magnitude
        count[:] = 0
    count[_LENGTH] += 1
    if count[_LENGTH] == _SHORTEST_RUN:
        count[_RUNS] += 1
        count[_FRAMES] += _SHORTEST_RUN
    elif count[_LENGTH] > _SHORTEST_RUN:
        count[_FRAMES] += 1
