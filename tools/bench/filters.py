"""Filters of the benchmark's own making: spectra are multiplied whole, nothing is shared with the product."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from scipy import fft

RATE = 44_100
TAIL_FRAMES = 32_768
"""Silence added before a whole-signal transform, so that tails do not wrap round."""

Response = Callable[[np.ndarray], np.ndarray]


def filtered(samples: np.ndarray, *responses: Response) -> np.ndarray:
    """Samples [frames, 2] through complex responses of the frequency in Hz; as long as before."""
    frames = len(samples)
    size = fft.next_fast_len(frames + TAIL_FRAMES, real=True)
    at = np.fft.rfftfreq(size, 1.0 / RATE)
    spectrum = fft.rfft(samples.astype(np.float32), size, axis=0)
    for response in responses:
        gain = response(at).astype(np.complex64)
        spectrum *= gain if gain.ndim == 2 else gain[:, None]
    return fft.irfft(spectrum, size, axis=0)[:frames].astype(np.float32)


def curve(points_hz: np.ndarray, gains_db: np.ndarray) -> Response:
    """Zero-phase magnitude, linear in dB over log frequency between points, held outside."""

    def response(at: np.ndarray) -> np.ndarray:
        octaves = np.log2(np.maximum(at, 1.0))
        return 10.0 ** (np.interp(octaves, np.log2(points_hz), gains_db) / 20.0)

    return response


def shaped(samples: np.ndarray, points_hz: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Samples with a smooth zero-phase gain curve."""
    fine = np.geomspace(points_hz[0], points_hz[-1], 400)
    raw = np.interp(np.log2(fine), np.log2(points_hz), gains_db)
    kernel = np.hanning(17)
    smooth = np.convolve(np.pad(raw, 8, mode="edge"), kernel / kernel.sum(), mode="valid")
    return filtered(samples, curve(fine, smooth))


def bell(frequency_hz: float, gain_db: float, q: float) -> Response:
    """Analogue second-order bell, not warped towards Nyquist."""
    root = 10.0 ** (gain_db / 40.0)

    def response(at: np.ndarray) -> np.ndarray:
        s = 1j * at / frequency_hz
        return (s * s + s * root / q + 1.0) / (s * s + s / (root * q) + 1.0)

    return response


def shelf(frequency_hz: float, low_db: float, high_db: float) -> Response:
    """First-order step from one gain to another (RC network); half of it in dB at its frequency."""
    low, high = 10.0 ** (low_db / 20.0), 10.0 ** (high_db / 20.0)
    centre = frequency_hz * np.sqrt(high / low)

    def response(at: np.ndarray) -> np.ndarray:
        s = 1j * at / centre
        return (low + high * s) / (1.0 + s)

    return response


def high_pass(frequency_hz: float, q: float) -> Response:
    """Analogue second-order high-pass, the alignment of a closed loudspeaker box."""

    def response(at: np.ndarray) -> np.ndarray:
        s = 1j * at / frequency_hz
        return s * s / (s * s + s / q + 1.0)

    return response


def pole(frequency_hz: float) -> Response:
    """First-order low-pass."""
    return lambda at: 1.0 / (1.0 + 1j * at / frequency_hz)


def zero(frequency_hz: float) -> Response:
    """Inverse of `pole`."""
    return lambda at: 1.0 + 1j * at / frequency_hz


def all_pass(frequency_hz: float, q: float) -> Response:
    """Second-order all-pass: turns the phase by 360 degrees."""

    def response(at: np.ndarray) -> np.ndarray:
        s = 1j * at / frequency_hz
        return (s * s - s / q + 1.0) / (s * s + s / q + 1.0)

    return response


def split(samples: np.ndarray, *crossovers_hz: float) -> list[np.ndarray]:
    """Zero-phase bands (24 dB an octave) that sum to the samples."""
    lows = [
        filtered(samples, lambda at, f=frequency: 1.0 / (1.0 + (at / f) ** 4)) for frequency in crossovers_hz
    ]
    edges = [np.zeros_like(samples), *lows, samples]
    return [high - low for low, high in itertools.pairwise(edges)]
