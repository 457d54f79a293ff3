"""Plain levels: peak and power of each 100 ms, and over the whole correlation, DC offset, noise floor.

Conventions
    Power is the mean square, averaged over the channels (a full-scale sine has -3.01 dBFS).
    Correlation is the normalised product of left and right, DC included: 1 equal, 0 unrelated,
    -1 inverted; mono and silence read 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.bands import SILENCE_POWER
from mastering.measure.blocks import HopGrid, checked_block
from mastering.units import power_to_db

__all__ = ["LevelMeter", "Levels", "correlation"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What LevelMeter reads; see `mastering.measure.features.Features` for the fields."""

    correlation: float
    dc_offset: float
    noise_floor_dbfs: float


class LevelMeter:
    """Levels of a stream on the 100 ms grid of the loudness meters.

    Args:
        sample_rate: in Hz.
        channels: 1 to 8.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._grid = HopGrid(Fraction(sample_rate, 10))
        self._frames = 0
        self._sums = np.zeros(channels)
        self._squares = np.zeros(channels)
        self._pending = np.zeros((2, channels))
        self._product = 0.0
        self._parts: list[Doubles] = []

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        block = checked_block(samples, len(self._sums))
        edges = self._grid.advance(block.shape[1])
        hops = np.zeros((2, len(edges) - 1))
        _accumulate(block, edges, self._sums, self._squares, self._pending, hops)
        if len(block) > 1:
            self._product = _product(block, self._product)
        self._frames += block.shape[1]
        self._parts.append(hops)

    def peaks_100ms(self) -> Doubles:
        """Largest |sample| of any channel in each completed 100 ms."""
        return np.asarray(self._hops()[0])

    def result(self) -> Levels:
        """The readings so far; more blocks may follow."""
        means = self._sums / max(1, self._frames)
        return Levels(
            correlation=self._correlation(),
            dc_offset=float(means[np.argmax(np.abs(means))]),
            noise_floor_dbfs=_noise_floor(self._hops()[1]),
        )

    def _correlation(self) -> float:
        if len(self._squares) == 1:
            return 1.0
        squares = self._squares + self._pending[1]
        return correlation(self._product, float(squares[0]), float(squares[1]))

    def _hops(self) -> Doubles:
        self._parts = [np.concatenate([np.zeros((2, 0)), *self._parts], axis=1)]
        return self._parts[0]


def _noise_floor(powers_100ms: Doubles) -> float:
    """Level of the quietest 400 ms none of whose 100 ms is digital silence; -inf where there is none."""
    if len(powers_100ms) < 4:
        return -math.inf
    windows = np.lib.stride_tricks.sliding_window_view(powers_100ms, 4)
    sounding = windows[windows.min(axis=1) > SILENCE_POWER]
    return power_to_db(float(sounding.mean(axis=1).min())) if len(sounding) else -math.inf


def correlation(product: float, left: float, right: float) -> float:
    """Correlation -1..1 of two channels from their summed product and summed squares.

    Two silent channels are equal: 1. A sounding and a silent one have nothing in common: 0.
    """
    if max(left, right) <= 0.0:
        return 1.0
    if min(left, right) <= 1e-14 * max(left, right):
        return 0.0
    return max(-1.0, min(1.0, product / math.sqrt(left * right)))


@kernel
def _accumulate(
    samples: Samples,
    edges: npt.NDArray[np.int64],
    sums: Doubles,
    squares: Doubles,
    pending: Doubles,
    hops: Doubles,
) -> None:
    # Strictly in order, so that the cuts between blocks change no bit.
    channels = samples.shape[0]
    for channel in range(channels):
        total, peak, square = sums[channel], pending[0, channel], pending[1, channel]
        for hop in range(len(edges)):
            completes = hop < hops.shape[1]
            stop = edges[hop + 1] if completes else samples.shape[1]
            for i in range(max(0, edges[hop]), stop):
                x = np.float64(samples[channel, i])
                total += x
                square += x * x
                peak = max(peak, abs(x))
            if completes:
                hops[0, hop] = max(hops[0, hop], peak)
                hops[1, hop] += square / ((stop - edges[hop]) * channels)
                squares[channel] += square
                peak = square = 0.0
        sums[channel], pending[0, channel], pending[1, channel] = total, peak, square


@kernel
def _product(samples: Samples, total: float) -> float:
    for i in range(samples.shape[1]):
        total += np.float64(samples[0, i]) * np.float64(samples[1, i])
    return total
