"""Filters: a resonant low-pass whose cutoff moves per sample, and fixed shaping of short noises.

The low-pass is the trapezoidal state variable filter of Zavalishin, "The Art of VA Filter
Design" (2012), chapter 4: stable while its cutoff moves.
"""

from __future__ import annotations

import math

import numpy as np

from generation.synth.oscillators import Signal
from mastering.dsp.jit import kernel

__all__ = ["band_pass", "fast_size", "low_pass"]


@kernel
def _low_pass(signal: Signal, cutoff: Signal, damping: float) -> Signal:
    out = np.empty(signal.shape[0])
    first = 0.0
    second = 0.0
    for i in range(signal.shape[0]):
        g = math.tan(math.pi * cutoff[i])
        band = (first + g * (signal[i] - second)) / (1.0 + g * (g + damping))
        low = second + g * band
        first = 2.0 * band - first
        second = 2.0 * low - second
        out[i] = low
    return out


def low_pass(signal: Signal, cutoff_hz: Signal, sample_rate: int, *, q: float = 0.707) -> Signal:
    """12 dB/octave low-pass with a cutoff per sample, kept below 0.45 of the sample rate."""
    cutoff = np.clip(cutoff_hz / sample_rate, 1e-5, 0.45)
    return _low_pass(signal, cutoff, 1.0 / q)


def band_pass(signal: Signal, sample_rate: int, *, low_hz: float, high_hz: float, order: int = 2) -> Signal:
    """Zero-phase Butterworth-shaped magnitude from `low_hz` to `high_hz`, for short noises."""
    size = fast_size(2 * signal.size)
    spectrum = np.fft.rfft(signal, n=size)
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1.0 / sample_rate), 1e-3)
    shape = 1.0 / np.sqrt(1.0 + (low_hz / frequency_hz) ** (2 * order))
    shape /= np.sqrt(1.0 + (frequency_hz / high_hz) ** (2 * order))
    return np.asarray(np.fft.irfft(spectrum * shape, n=size)[: signal.size])


def fast_size(frames: int) -> int:
    """The next length that is 8 to 16 times a power of two: an FFT without large primes."""
    step = 1 << max(0, frames.bit_length() - 4)
    return -(-frames // step) * step
