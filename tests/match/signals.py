"""A signal with loud and soft moments in every band, made from noise with a seed."""

from __future__ import annotations

import numpy as np

from mastering.audio import Audio


def beats(duration_s: float, sample_rate: int = 44_100) -> Audio:
    """Pink-ish stereo noise struck four times a second, decaying, over a softer bed; -20 dBFS RMS."""
    frames = round(duration_s * sample_rate)
    rng = np.random.default_rng(11)
    white = rng.standard_normal((2, frames))
    spectrum = np.fft.rfft(white, axis=-1)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(frames, 1.0 / sample_rate), 20.0))
    pink = np.fft.irfft(spectrum, n=frames, axis=-1)
    pink[1] = 0.7 * pink[0] + 0.3 * pink[1]
    since_s = (np.arange(frames) / sample_rate) % 0.25
    pink *= 0.15 + np.exp(-since_s / 0.05) * (1.0 + 0.5 * np.sin(np.arange(frames) / sample_rate * 3.0))
    pink *= 0.1 / np.sqrt(np.mean(pink**2))
    return Audio(samples=pink.astype(np.float32), sample_rate=sample_rate)
