"""Loudness of a stream: momentary, short-term, integrated, and loudness range.

Conventions
    ITU-R BS.1770-5 (gates), EBU Tech 3341 (momentary 400 ms and short-term 3 s, both looked at
    every 10 ms) and EBU Tech 3342 (loudness range, from short-term loudness every 100 ms, as
    its version of 2016 asks; meters that look once a second, libebur128 among them, differ by up to
    a few LU in pieces under a minute).
    Power: mean square of the K-weighted signal, weighted and summed over the channels.
    What is shorter than its window (400 ms, 3 s) has no loudness: -inf.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.kweighting import KPower, channel_weights, k_weighting_sos
from mastering.units import power_to_db

__all__ = [
    "IntegratedMeter",
    "KPower",
    "Loudness",
    "LoudnessMeter",
    "channel_weights",
    "gated_loudness",
    "k_weighting_sos",
    "loudness_range",
    "power_to_lufs",
    "programme",
    "short_term_powers",
]

Doubles = npt.NDArray[np.float64]

_OFFSET_DB = -0.691
_ABSOLUTE_GATE = 10.0 ** ((-70.0 - _OFFSET_DB) / 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """What LoudnessMeter reads; see `mastering.measure.features.Features` for the fields."""

    integrated_lufs: float
    max_momentary_lufs: float
    max_short_term_lufs: float
    loudness_range_lu: float
    short_term_lufs: tuple[float, ...]


class LoudnessMeter:
    """Integrated, momentary and short-term loudness and loudness range of a stream.

    Keeps 80 bytes a second.

    Args:
        sample_rate: in Hz.
        channels: 1 to 8.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._power = KPower(sample_rate, channels, Fraction(sample_rate, 100))
        self._recent = np.zeros(0)
        self._hops = 0
        self._max_momentary = 0.0
        self._max_short_term = 0.0
        self._parts: list[Doubles] = []

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        new = self._power.push(samples)
        # Powers of 10 ms: the newest, and before them as many as a window can still reach back to.
        powers = np.concatenate((self._recent, new))
        self._max_momentary = max(self._max_momentary, _highest_mean(powers, len(new), 40))
        self._max_short_term = max(self._max_short_term, _highest_mean(powers, len(new), 300))
        first = len(powers) - len(new) - self._hops % 10
        whole = (len(powers) - first) // 10
        self._parts.append(powers[first : first + 10 * whole].reshape(whole, 10).mean(axis=1))
        self._hops += len(new)
        self._recent = powers[-299:]

    def powers_100ms(self) -> Doubles:
        """K-weighted power of each completed 100 ms so far."""
        self._parts = [np.concatenate([np.zeros(0), *self._parts])]
        return self._parts[0]

    def result(self) -> Loudness:
        """The readings so far; more blocks may follow."""
        powers = self.powers_100ms()
        every_second = short_term_powers(powers)[::10]
        return Loudness(
            integrated_lufs=gated_loudness(powers),
            max_momentary_lufs=power_to_lufs(self._max_momentary),
            max_short_term_lufs=power_to_lufs(self._max_short_term),
            loudness_range_lu=loudness_range(powers),
            short_term_lufs=tuple(power_to_lufs(power) for power in every_second.tolist()),
        )


@kernel
def _highest_mean(powers: Doubles, count: int, length: int) -> float:
    """Highest mean of the windows of `length` powers that end with one of the last `count`."""
    highest = 0.0
    for end in range(max(length, len(powers) - count + 1), len(powers) + 1):
        total = 0.0
        for i in range(end - length, end):
            total += powers[i]
        highest = max(highest, total / length)
    return highest


class IntegratedMeter:
    """Integrated loudness alone, for loops that measure again and again.

    Args:
        sample_rate: in Hz.
        channels: 1 to 8.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._power = KPower(sample_rate, channels, Fraction(sample_rate, 10))
        self._parts: list[Doubles] = []

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        self._parts.append(self._power.push(samples))

    def result(self) -> float:
        """Integrated loudness in LUFS so far; -inf below 400 ms or where all is gated."""
        return gated_loudness(np.concatenate([np.zeros(0), *self._parts]))


def power_to_lufs(power: float) -> float:
    """Loudness of a K-weighted power; -inf for zero."""
    return _OFFSET_DB + power_to_db(power)


def gated_loudness(powers_100ms: Doubles) -> float:
    """Integrated loudness: 400 ms blocks every 100 ms, gates at -70 LUFS and -10 LU (BS.1770-5, Annex 1).

    Args:
        powers_100ms: float64 [hops], K-weighted power of each 100 ms.

    Returns:
        LUFS; -inf for fewer than four hops or where no block is above -70 LUFS.
    """
    blocks = _moving_mean(powers_100ms, 4)
    loud = blocks[blocks > _ABSOLUTE_GATE]
    if not len(loud):
        return -math.inf
    # The relative gate lies below the mean, so the loudest block always remains.
    return power_to_lufs(float(loud[loud > 0.1 * loud.mean()].mean()))


def short_term_powers(powers_100ms: Doubles) -> Doubles:
    """K-weighted power of every 3 s window, one each 100 ms; empty below 3 s."""
    return _moving_mean(powers_100ms, 30)


def loudness_range(powers_100ms: Doubles) -> float:
    """Loudness range: 10th to 95th percentile of the gated short-term loudness (EBU Tech 3342).

    Args:
        powers_100ms: float64 [hops], K-weighted power of each 100 ms.

    Returns:
        LU; 0.0 below 3 s or where no window is above -70 LUFS.
    """
    windows = short_term_powers(powers_100ms)
    gated = np.sort(windows[programme(windows)])
    if not len(gated):
        return 0.0
    # Halves round up, as in the standard's reference code; Python's round would take the even one.
    low, high = (float(gated[((len(gated) - 1) * percent + 50) // 100]) for percent in (10, 95))
    return power_to_db(high) - power_to_db(low)


def programme(windows: Doubles) -> npt.NDArray[np.bool_]:
    """Which short-term powers belong to the programme: above -70 LUFS and above 20 LU below their mean."""
    loud = np.asarray(windows > _ABSOLUTE_GATE)
    if not loud.any():
        return loud
    return np.asarray(loud & (windows > 0.01 * windows[loud].mean()))


def _moving_mean(values: Doubles, length: int) -> Doubles:
    if len(values) < length:
        return np.zeros(0)
    means: Doubles = np.lib.stride_tricks.sliding_window_view(values, length).mean(axis=1)
    return means
