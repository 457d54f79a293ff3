"""Loudness: K-weighting, gating and loudness range of a stream.

Conventions
    ITU-R BS.1770-5 (K-weighting, channel weights, gates), EBU Tech 3341 (momentary 400 ms and
    short-term 3 s, both looked at every 10 ms) and EBU Tech 3342 (loudness range, every 100 ms).
    Channel order: L R, L R C, L R Ls Rs, L R C Ls Rs, L R C LFE Ls Rs, and with 7 or 8 channels
    L R C LFE, back (1 or 2), side left, side right. LFE does not count.
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
from mastering.measure.blocks import checked_block
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
    "short_term_powers",
]

Doubles = npt.NDArray[np.float64]

_OFFSET_DB = -0.691
_ABSOLUTE_GATE = 10.0 ** ((-70.0 - _OFFSET_DB) / 10.0)
_SURROUND = 1.41
_WEIGHTS: dict[int, tuple[float, ...]] = {
    1: (1.0,),
    2: (1.0, 1.0),
    3: (1.0, 1.0, 1.0),
    4: (1.0, 1.0, _SURROUND, _SURROUND),
    5: (1.0, 1.0, 1.0, _SURROUND, _SURROUND),
    6: (1.0, 1.0, 1.0, 0.0, _SURROUND, _SURROUND),
    7: (1.0, 1.0, 1.0, 0.0, 1.0, _SURROUND, _SURROUND),
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, _SURROUND, _SURROUND),
}


def channel_weights(channels: int) -> Doubles:
    """Power weights of 1 to 8 channels (BS.1770-5, Annex 3: +1.5 dB between 60 and 120 degrees)."""
    return np.array(_WEIGHTS[channels])


def k_weighting_sos(sample_rate: int) -> Doubles:
    """The two sections [2, 6] (b0 b1 b2 a0 a1 a2) of K-weighting at any rate.

    The analogue prototypes behind the standard's 48 kHz table (De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement", AES 2018), taken through the bilinear
    transform: equal to the table at 48 kHz. The high-pass keeps its 48 kHz gain at every rate, as
    the standard asks ("the same frequency response"); with the table's bare 1, -2, 1 everywhere
    the reading would drift from +0.2 dB at 8 kHz to -0.04 dB at 384 kHz.
    """
    k = math.tan(math.pi * 1681.974450955533 / sample_rate)
    q = 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    a0 = 1.0 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        1.0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / q + k * k) / a0,
    ]
    k, a0 = _high_pass_terms(sample_rate)
    gain = _high_pass_terms(48_000)[1] / a0
    high_pass = [gain, -2.0 * gain, gain, 1.0, 2.0 * (k * k - 1.0) / a0, (2.0 + 2.0 * k * k - a0) / a0]
    return np.array([shelf, high_pass])


def _high_pass_terms(sample_rate: int) -> tuple[float, float]:
    k = math.tan(math.pi * 38.13547087602444 / sample_rate)
    return k, 1.0 + k / 0.5003270373238773 + k * k


class KPower:
    """K-weighted power of a stream, one number a hop.

    Args:
        sample_rate: in Hz.
        channels: 1 to 8, weighted as `channel_weights` says.
        hop_frames: frames in a hop, well below a second; a Fraction makes uneven hops on an even grid.
    """

    def __init__(self, sample_rate: int, channels: int, hop_frames: int | Fraction) -> None:
        self._sos = k_weighting_sos(sample_rate)
        self._weights = channel_weights(channels)
        self._hop = Fraction(hop_frames)
        self._state = np.zeros((channels, 4))
        self._pending = np.zeros(channels)
        self._position = 0

    def push(self, samples: Samples) -> Doubles:
        """Take a block [channels, frames]; the powers of the hops that it completes."""
        block = checked_block(samples, len(self._weights))
        end = self._position + block.shape[1]
        powers = np.zeros(self._completed(end) - self._completed(self._position))
        _advance(
            block,
            self._sos,
            self._weights,
            self._state,
            self._pending,
            self._position,
            self._completed(self._position),
            self._hop.numerator,
            self._hop.denominator,
            powers,
        )
        self._position = end
        return powers

    def _completed(self, position: int) -> int:
        return ((position + 1) * self._hop.denominator - 1) // self._hop.numerator


@kernel
def _advance(
    samples: Samples,
    sos: Doubles,
    weights: Doubles,
    state: Doubles,
    pending: Doubles,
    position: int,
    first_hop: int,
    numerator: int,
    denominator: int,
    powers: Doubles,
) -> None:
    b0, b1, b2, a1, a2 = sos[0, 0], sos[0, 1], sos[0, 2], sos[0, 4], sos[0, 5]
    c0, c1, c2, d1, d2 = sos[1, 0], sos[1, 1], sos[1, 2], sos[1, 4], sos[1, 5]
    frames = samples.shape[1]
    for channel in range(len(weights)):
        if weights[channel] == 0.0:
            continue
        p, q, r, s = state[channel, 0], state[channel, 1], state[channel, 2], state[channel, 3]
        square_sum = pending[channel]
        i = 0
        for hop in range(len(powers) + 1):
            start = (first_hop + hop) * numerator // denominator
            stop = (first_hop + hop + 1) * numerator // denominator
            until = min(frames, stop - position)
            while i < until:
                x = np.float64(samples[channel, i])
                y = b0 * x + p
                p = (b1 * x + q) - a1 * y
                q = b2 * x - a2 * y
                z = c0 * y + r
                r = (c1 * y + s) - d1 * z
                s = c2 * y - d2 * z
                square_sum += z * z
                i += 1
            if hop < len(powers):
                powers[hop] += weights[channel] * square_sum / (stop - start)
                square_sum = 0.0
                # -300 dB is silence: without this the decaying state ends in slow denormal numbers.
                if abs(p) + abs(q) + abs(r) + abs(s) < 1e-15:
                    p = q = r = s = 0.0
        pending[channel] = square_sum
        state[channel, 0], state[channel, 1], state[channel, 2], state[channel, 3] = p, q, r, s


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

    Keeps 800 bytes a second (17 MB for six hours).

    Args:
        sample_rate: in Hz.
        channels: 1 to 8.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._power = KPower(sample_rate, channels, Fraction(sample_rate, 100))
        self._parts: list[Doubles] = []

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        self._parts.append(self._power.push(samples))

    def powers_100ms(self) -> Doubles:
        """K-weighted power of each completed 100 ms so far."""
        return _powers_100ms(self._powers_10ms())

    def result(self) -> Loudness:
        """The readings so far; more blocks may follow."""
        fine = self._powers_10ms()
        coarse = _powers_100ms(fine)
        every_second = short_term_powers(coarse)[::10]
        return Loudness(
            integrated_lufs=gated_loudness(coarse),
            max_momentary_lufs=power_to_lufs(_largest(_moving_mean(fine, 40))),
            max_short_term_lufs=power_to_lufs(_largest(_moving_mean(fine, 300))),
            loudness_range_lu=loudness_range(coarse),
            short_term_lufs=tuple(power_to_lufs(float(power)) for power in every_second),
        )

    def _powers_10ms(self) -> Doubles:
        self._parts = [np.concatenate([np.zeros(0), *self._parts])]
        return self._parts[0]


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
    """Integrated loudness in LUFS (BS.1770-5, Annex 1): 400 ms blocks every 100 ms, gates at -70 LUFS and -10 LU.

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
    """Loudness range in LU (EBU Tech 3342): 10th to 95th percentile of the short-term loudness, gated at -20 LU.

    Args:
        powers_100ms: float64 [hops], K-weighted power of each 100 ms.

    Returns:
        LU; 0.0 below 3 s or where no window is above -70 LUFS.
    """
    windows = short_term_powers(powers_100ms)
    loud = windows[windows > _ABSOLUTE_GATE]
    if not len(loud):
        return 0.0
    gated = np.sort(loud[loud > 0.01 * loud.mean()])
    low, high = (float(gated[round((len(gated) - 1) * share)]) for share in (0.10, 0.95))
    return power_to_db(high) - power_to_db(low)


def _powers_100ms(powers_10ms: Doubles) -> Doubles:
    whole = len(powers_10ms) // 10
    means: Doubles = powers_10ms[: whole * 10].reshape(whole, 10).mean(axis=1)
    return means


def _moving_mean(values: Doubles, length: int) -> Doubles:
    if len(values) < length:
        return np.zeros(0)
    means: Doubles = np.lib.stride_tricks.sliding_window_view(values, length).mean(axis=1)
    return means


def _largest(values: Doubles) -> float:
    return float(values.max(initial=0.0))
