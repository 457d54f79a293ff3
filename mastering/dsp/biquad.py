"""Biquads: design, magnitude, and a streaming cascade.

Peak and shelf designs are the RBJ Audio EQ Cookbook's, the ones Pedalboard renders with, so a
curve fitted on these magnitudes is the curve that is heard. High and low passes are 2nd order.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel

__all__ = ["BiquadCascade", "Sections", "design", "magnitude_db"]

Sections: TypeAlias = npt.NDArray[np.float64]
"""[sections, 5]: b0, b1, b2, a1, a2 with a0 = 1."""


def design(shape: str, frequency_hz: float, gain_db: float, q: float, sample_rate: int) -> Sections:
    """One RBJ biquad as [1, 5].

    Args:
        shape: "peak", "low_shelf", "high_shelf", "high_pass" or "low_pass".
        frequency_hz: centre, midpoint or corner; held below 0.49 of the sample rate.
        gain_db: ignored by the passes.
        q: quality; 0.707 makes a pass Butterworth.
        sample_rate: in Hz.
    """
    w0 = 2.0 * math.pi * min(frequency_hz, 0.49 * sample_rate) / sample_rate
    cos, alpha = math.cos(w0), math.sin(w0) / (2.0 * q)
    a = 10.0 ** (gain_db / 40.0)
    if shape == "peak":
        b = (1 + alpha * a, -2 * cos, 1 - alpha * a)
        d = (1 + alpha / a, -2 * cos, 1 - alpha / a)
    elif shape in ("low_shelf", "high_shelf"):
        b, d = _shelf(a, cos, alpha, 1.0 if shape == "low_shelf" else -1.0)
    elif shape == "high_pass":
        b, d = ((1 + cos) / 2, -(1 + cos), (1 + cos) / 2), (1 + alpha, -2 * cos, 1 - alpha)
    else:
        b, d = ((1 - cos) / 2, 1 - cos, (1 - cos) / 2), (1 + alpha, -2 * cos, 1 - alpha)
    return np.asarray(np.array([[b[0], b[1], b[2], d[1], d[2]]]) / d[0])


def _shelf(
    a: float, cos: float, alpha: float, low: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """RBJ shelf; `low` is 1 for the low shelf, -1 for the high shelf (its mirror image)."""
    root = 2.0 * math.sqrt(a) * alpha
    plus, minus = (a + 1), (a - 1)
    c = low * cos
    b = (a * (plus - minus * c + root), low * 2 * a * (minus - plus * c), a * (plus - minus * c - root))
    d = (plus + minus * c + root, low * -2 * (minus + plus * c), plus + minus * c - root)
    return b, d


def magnitude_db(
    sections: Sections, frequencies_hz: npt.ArrayLike, sample_rate: int
) -> npt.NDArray[np.float64]:
    """Magnitude of a cascade in dB at each frequency.

    >>> peak = design("peak", 1_000.0, 6.0, 1.0, 48_000)
    >>> magnitude_db(peak, [1_000.0], 48_000).round(3).tolist()
    [6.0]
    """
    z = np.exp(-2j * np.pi * np.asarray(frequencies_hz, dtype=np.float64) / sample_rate)
    response = np.ones_like(z)
    for b0, b1, b2, a1, a2 in sections:
        response *= (b0 + b1 * z + b2 * z * z) / (1.0 + a1 * z + a2 * z * z)
    return np.asarray(20.0 * np.log10(np.maximum(np.abs(response), 1e-12)))


_SILENCE = 1e-15
"""-300 dB: a decaying tail is ended here, before it reaches denormals, which are a hundred times slower."""


@kernel
def _run(samples: Samples, sections: Sections, state: npt.NDArray[np.float64], out: Samples) -> None:
    """Transposed direct form II in float64; `state` [channels, sections, 2] is updated in place."""
    count = sections.shape[0]
    for channel in range(samples.shape[0]):
        for section in range(count):
            b0, b1, b2, a1, a2 = sections[section]
            s0 = state[channel, section, 0]
            s1 = state[channel, section, 1]
            for i in range(samples.shape[1]):
                x = float(samples[channel, i]) if section == 0 else float(out[channel, i])
                y = b0 * x + s0
                s0 = b1 * x - a1 * y + s1
                s1 = b2 * x - a2 * y
                out[channel, i] = y
            if abs(s0) + abs(s1) < _SILENCE:
                s0 = s1 = 0.0
            state[channel, section, 0] = s0
            state[channel, section, 1] = s1


class BiquadCascade:
    """Streaming cascade of biquads; zero latency.

    Args:
        sections: [sections, 5] from `design` and friends.
        channels: number of channels, each with its own state.
    """

    def __init__(self, sections: Sections, channels: int) -> None:
        self._sections = np.ascontiguousarray(sections, dtype=np.float64)
        self._state = np.zeros((channels, len(sections), 2))

    def process(self, samples: Samples) -> Samples:
        """Filter the next block, float32 [channels, frames]."""
        out = np.empty_like(samples)
        _run(samples, self._sections, self._state, out)
        return out

    def flush(self) -> Samples:
        """Nothing is held back."""
        return np.empty((self._state.shape[0], 0), dtype=np.float32)
