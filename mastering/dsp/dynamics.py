"""Compression: a stereo-linked, soft-knee compressor at control rate.

Detector: the mean square over all channels, in control steps of 0.7 ms, smoothed with 5 ms so that
the gain does not follow the waveform of the bass; gain computer after
Giannoulis, Massberg, Reiss, "Digital Dynamic Range Compressor Design", JAES 60 (6), 2012;
attack and release are time constants (63 %) of the gain in dB; the gain is ramped linearly
over each step. Everything keeps its own state, so blocks may be cut anywhere.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel

__all__ = ["CompressorCore", "control_frames", "static_gain_db"]

RMS_MS = 5.0
"""Time constant of the detector's mean square; shorter for attacks under 10 ms."""


def control_frames(sample_rate: int) -> int:
    """Frames of one control step, about 0.7 ms and a power of two: 32 at 44.1 and 48 kHz."""
    return max(4, 1 << round(math.log2(sample_rate / 1_500)))


@kernel
def static_gain_db(level_db: float, threshold_db: float, ratio: float, knee_db: float) -> float:
    """Gain in dB (<= 0) of the static curve for a steady level; quadratic inside the knee.

    >>> round(static_gain_db(-10.0, -20.0, 2.0, 0.0), 3)
    -5.0
    """
    over = level_db - threshold_db
    slope = 1.0 / ratio - 1.0
    if 2.0 * over <= -knee_db:
        return 0.0
    if 2.0 * over < knee_db:
        return slope * (over + 0.5 * knee_db) ** 2 / (2.0 * knee_db)
    return slope * over


@kernel
def _compress(
    samples: Samples,
    step: int,
    curve: npt.NDArray[np.float64],
    state: npt.NDArray[np.float64],
    out: Samples,
) -> float:
    """Add the compressed `samples` to `out`; whole control steps but for the last one.

    curve: threshold_db, ratio, knee_db, attack and release coefficient, make-up factor, power smoothing.
    state: gain in dB, last ramp end, smoothed power. Returns the deepest gain in dB.
    """
    channels, frames = samples.shape
    gain_db, ramp, power = state[0], state[1], state[2]
    deepest = 0.0
    start = 0
    while start < frames:
        stop = min(start + step, frames)
        square_sum = 0.0
        for channel in range(channels):
            for i in range(start, stop):
                square_sum += samples[channel, i] * samples[channel, i]
        power = square_sum / (channels * (stop - start)) * (1.0 - curve[6]) + curve[6] * power
        level_db = 10.0 * math.log10(power + 1e-20)
        wanted = static_gain_db(level_db, curve[0], curve[1], curve[2])
        keep = curve[3] if wanted < gain_db else curve[4]
        gain_db = wanted + keep * (gain_db - wanted)
        end = 10.0 ** (0.05 * gain_db) * curve[5]
        slope = (end - ramp) / (stop - start)
        for channel in range(channels):
            for i in range(start, stop):
                out[channel, i] += samples[channel, i] * np.float32(ramp + slope * (i - start + 1))
        ramp = end
        deepest = min(deepest, gain_db)
        start = stop
    state[0], state[1], state[2] = gain_db, ramp, power
    return deepest


class CompressorCore:
    """One compressor with its state; adds its output to a given array.

    Args:
        threshold_dbfs, ratio, knee_db, attack_ms, release_ms, makeup_db: as in `chain.Compressor`.
        sample_rate: in Hz.
    """

    def __init__(
        self,
        *,
        threshold_dbfs: float,
        ratio: float,
        knee_db: float,
        attack_ms: float,
        release_ms: float,
        makeup_db: float,
        sample_rate: int,
    ) -> None:
        self._step = control_frames(sample_rate)
        makeup = 10.0 ** (makeup_db / 20.0)
        self._curve = np.array(
            [
                threshold_dbfs,
                ratio,
                knee_db,
                math.exp(-1e3 * self._step / (attack_ms * sample_rate)),
                math.exp(-1e3 * self._step / (release_ms * sample_rate)),
                makeup,
                math.exp(-1e3 * self._step / (min(RMS_MS, 0.5 * attack_ms) * sample_rate)),
            ]
        )
        self._state = np.array([0.0, makeup, 0.0])

    def add(self, samples: Samples, out: Samples) -> float:
        """Add the compressed samples [channels, frames] to `out`; returns the deepest gain in dB.

        Frames must be whole control steps, except in the last call.
        """
        return float(_compress(samples, self._step, self._curve, self._state, out))
