"""The corruption of DeepAFx-ST: a random parametric equaliser and a random compressor.

Steinmetz, Bryan, Reiss, "Style Transfer of Audio Effects with Differentiable Signal Processing",
JAES 70 (9), 2022; ranges and odds as in its public data loader (frequency_corruption and
dynamic_range_compression there, run by sox): four peaks (each with 80 %) in 200..2000, 800..4000,
2000..8000 and 4000..0.45 fs Hz, Q 0.1..10.1, up to 48 dB either way as long as the running sum of
their gains stays under 24 dB; low shelf 20..200 Hz and high shelf 4000..0.45 fs Hz (each with 80 %),
up to 24 dB either way; then, at a peak of -12 dBFS and with 75 %, a compressor with threshold
-64..-12 dB, ratio 1..11, knee 0..12 dB, attack 0.5..50.5 ms, release up to 200 ms longer.
"""

from __future__ import annotations

import numpy as np
from envelopes import peak_follow
from scipy import signal

RATE = 44_100
PEAK = 10.0 ** (-12.0 / 20.0)


def deepafx(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Samples [frames, 2] corrupted, at a peak of -12 dBFS."""
    samples = equalised(samples, rng)
    samples = samples * (PEAK / np.abs(samples).max())
    if rng.random() < 0.75:
        samples = compressed(samples, rng)
        samples = samples * (PEAK / np.abs(samples).max())
    return samples.astype(np.float32)


def equalised(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Through the random equaliser."""
    sections = []
    total_db = 0.0
    for low_hz, high_hz in ((200, 2_000), (800, 4_000), (2_000, 8_000), (4_000, 0.45 * RATE)):
        if rng.random() > 0.2:
            frequency_hz, q = rng.uniform(low_hz, high_hz), rng.uniform(0.1, 10.1)
            gain_db = rng.uniform(0.0, 48.0) * rng.choice((1.0, -1.0))
            total_db += gain_db
            if abs(total_db) < 24.0:
                sections.append(_section("peak", frequency_hz, gain_db, q))
    for shape, low_hz, high_hz in (("low", 20.0, 200.0), ("high", 4_000.0, 0.45 * RATE)):
        if rng.random() > 0.2:
            gain_db = rng.uniform(0.0, 24.0) * rng.choice((1.0, -1.0))
            sections.append(_section(shape, rng.uniform(low_hz, high_hz), gain_db, 0.707))
    return signal.sosfilt(sections, samples.astype(np.float64), axis=0) if sections else samples


def _section(shape: str, frequency_hz: float, gain_db: float, q: float) -> list[float]:
    """Second-order section by the RBJ cookbook."""
    a, w = 10.0 ** (gain_db / 40.0), 2.0 * np.pi * frequency_hz / RATE
    alpha, cos = np.sin(w) / (2.0 * q), np.cos(w)
    if shape == "peak":
        row = [1 + alpha * a, -2 * cos, 1 - alpha * a, 1 + alpha / a, -2 * cos, 1 - alpha / a]
    else:
        sign, root = (1.0 if shape == "low" else -1.0), 2.0 * np.sqrt(a) * alpha
        row = [
            a * ((a + 1) - sign * (a - 1) * cos + root),
            sign * 2 * a * ((a - 1) - sign * (a + 1) * cos),
            a * ((a + 1) - sign * (a - 1) * cos - root),
            (a + 1) + sign * (a - 1) * cos + root,
            sign * -2 * ((a - 1) + sign * (a + 1) * cos),
            (a + 1) + sign * (a - 1) * cos - root,
        ]
    return [value / row[3] for value in row]


def compressed(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Through the random compressor: one peak detector for both channels, as sox compand ties them."""
    attack_s = rng.uniform(0.0005, 0.0505)
    release_s = attack_s + rng.uniform(0.0, 0.2)
    knee_db, threshold_db = rng.uniform(0.0, 12.0), rng.uniform(-64.0, -12.0)
    ratio = rng.uniform(1.0, 11.0)
    rise, fall = (1.0 - np.exp(-1.0 / (RATE * time)) for time in (attack_s, release_s))
    level = 20.0 * np.log10(peak_follow(np.abs(samples).max(axis=1), rise, fall) + 1e-7)
    over = level - threshold_db
    soft = np.square(np.clip(over + knee_db / 2.0, 0.0, knee_db)) / (2.0 * max(knee_db, 1e-9))
    gain_db = (1.0 / ratio - 1.0) * (soft + np.maximum(0.0, over - knee_db / 2.0))
    return samples * 10.0 ** (gain_db / 20.0)[:, None]
