"""Peaks: the largest sample, and the largest value of the signal between the samples.

Conventions
    True peak: ITU-R BS.1770-5, Annex 2, read from 16x interpolation (`mastering.dsp.interpolate`),
    so closer to the truth than the standard's 4x. Before its first and after its last sample a
    piece is silent: a hard cut can ring above its samples.
    Silence reads -inf.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mastering.audio import Samples
from mastering.dsp.interpolate import CONTEXT_FRAMES, true_peak_per_frame
from mastering.measure.blocks import checked_block
from mastering.units import gain_to_db

__all__ = ["Peaks", "TruePeakMeter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Highest peaks of any channel."""

    true_peak_dbtp: float
    sample_peak_dbfs: float


class TruePeakMeter:
    """True and sample peak of a stream; works the same at every sample rate.

    Args:
        channels: of the stream.
    """

    def __init__(self, channels: int) -> None:
        self._held = np.zeros((channels, 2 * CONTEXT_FRAMES), np.float32)
        self._sample_peak = 0.0
        self._true_peak = 0.0

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        block = checked_block(samples, self._held.shape[0])
        if not block.shape[1]:
            return
        self._sample_peak = max(self._sample_peak, float(block.max()), -float(block.min()))
        stretch = np.concatenate((self._held, block), axis=1)
        self._true_peak = self._over(stretch)
        self._held = stretch[:, -2 * CONTEXT_FRAMES :]

    def result(self) -> Peaks:
        """The readings if the stream ended here; more blocks may follow."""
        silence = np.zeros_like(self._held)
        true_peak = self._over(np.concatenate((self._held, silence), axis=1))
        return Peaks(
            true_peak_dbtp=gain_to_db(true_peak),
            sample_peak_dbfs=gain_to_db(self._sample_peak),
        )

    def _over(self, stretch: Samples) -> float:
        # Only what can beat the highest peak so far is interpolated.
        highest = max(self._true_peak, self._sample_peak)
        return max(highest, float(true_peak_per_frame(stretch, highest).max(initial=0.0)))
