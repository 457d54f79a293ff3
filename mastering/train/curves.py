"""Random gain curves over third octaves: degradations that are exact on band powers.

Every function draws from a Generator and gives gains in dB at the 31 centres (or at any
frequencies), so that the same draw can be applied to audio (as a FIR) and to measured bands.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.dsp.biquad import design, magnitude_db
from mastering.measure.features import THIRD_OCTAVES_HZ

__all__ = ["CENTRES_HZ", "passes", "resonances", "rough", "smooth", "tilt", "tone", "width"]

Curve = npt.NDArray[np.float64]

CENTRES_HZ: Curve = np.asarray(THIRD_OCTAVES_HZ)

_RATE = 96_000
"""Filters are designed high above the bands, so that none of them is warped near 20 kHz."""

_FINE = np.linspace(-0.5, 0.5, 9)[1::2]
"""Places inside a third octave, in third octaves, that its mean gain is taken from."""


def smooth(rng: np.random.Generator) -> Curve:
    """A smooth random curve: Gaussian process, 0.5 to 4 dB, length 1.5 to 7 third octaves."""
    band = np.arange(len(CENTRES_HZ))
    length = np.exp(rng.uniform(np.log(1.5), np.log(7.0)))
    covariance = np.exp(-0.5 * ((band[:, None] - band) / length) ** 2) + 1e-6 * np.eye(len(band))
    level_db = np.exp(rng.uniform(np.log(0.7), np.log(4.5)))
    return np.asarray(level_db * np.linalg.cholesky(covariance) @ rng.standard_normal(len(band)))


def rough(rng: np.random.Generator) -> Curve:
    """A curve that knows little of smoothness: length 0.3 to 1.5 third octaves, heavy tails, 0.5 to 3 dB.

    No device makes it; it stands for all those that none of the other families is like.
    """
    band = np.arange(len(CENTRES_HZ))
    length = rng.uniform(0.3, 1.5)
    weights = np.exp(-np.abs(band[:, None] - band) / length)
    values = weights @ np.clip(rng.standard_t(3.0, len(band)), -5.0, 5.0)
    level_db = np.exp(rng.uniform(np.log(0.5), np.log(3.0)))
    return np.asarray(level_db * values / (values.std() + 1e-9))


def tilt(rng: np.random.Generator) -> Curve:
    """A tilt of up to 1.5 dB an octave, or one that begins at a corner."""
    octaves = np.log2(CENTRES_HZ / np.exp(rng.uniform(np.log(150.0), np.log(4_000.0))))
    kind = rng.integers(3)
    if kind == 1:
        octaves = np.maximum(octaves, 0.0)
    elif kind == 2:
        octaves = np.minimum(octaves, 0.0)
    return np.asarray(rng.normal(0.0, 0.8) * octaves)


def resonances(rng: np.random.Generator) -> Curve:
    """One to four peaks, notches or shelves (RBJ), up to 10 dB, q 0.4 to 6."""
    total = np.zeros(len(CENTRES_HZ))
    for _ in range(rng.integers(1, 5)):
        shape = rng.choice(("peak", "peak", "peak", "low_shelf", "high_shelf"))
        frequency_hz = np.exp(rng.uniform(np.log(40.0), np.log(14_000.0)))
        gain_db = float(np.clip(rng.normal(0.0, 4.5), -10.0, 10.0))
        q = np.exp(rng.uniform(np.log(0.4), np.log(6.0))) if shape == "peak" else rng.uniform(0.4, 1.0)
        total += _mean_db(str(shape), frequency_hz, gain_db, q)
    return total


def passes(rng: np.random.Generator) -> Curve:
    """A high-pass of 25 to 200 Hz, a low-pass of 3.5 to 16 kHz, or both; 2nd or 4th order."""
    total = np.zeros(len(CENTRES_HZ))
    which = rng.integers(3)
    order = rng.integers(1, 3)
    if which != 1:
        total += order * _mean_db("high_pass", np.exp(rng.uniform(np.log(25.0), np.log(200.0))), 0.0, 0.707)
    if which != 0:
        total += order * _mean_db(
            "low_pass", np.exp(rng.uniform(np.log(3_500.0), np.log(16_000.0))), 0.0, 0.707
        )
    return total


def tone(rng: np.random.Generator) -> Curve:
    """One to three of the families above, passes seldom; scaled so that small changes are seen often."""
    families = (smooth, tilt, resonances, passes, rough)
    shares = (0.3, 0.18, 0.24, 0.08, 0.2)
    chosen = rng.choice(len(families), size=rng.integers(1, 4), replace=False, p=shares)
    total = np.zeros(len(CENTRES_HZ))
    for index in chosen:
        total += families[index](rng)
    return np.asarray(np.maximum(rng.uniform(0.4, 1.6) * total, -60.0))


def width(rng: np.random.Generator) -> Curve:
    """Side gain: a constant of -12 to 4 dB and a slope over frequency, or a mono bass."""
    octaves = np.log2(CENTRES_HZ / 1_000.0)
    gain = np.full(len(CENTRES_HZ), np.clip(rng.normal(-1.0, 3.0), -12.0, 5.0))
    gain = gain + rng.normal(0.0, 0.4) * octaves
    if rng.random() < 0.2:
        gain = gain - 12.0 * np.clip(-np.log2(CENTRES_HZ / rng.uniform(80.0, 250.0)), 0.0, 2.0)
    return np.asarray(gain)


def _mean_db(shape: str, frequency_hz: float, gain_db: float, q: float) -> Curve:
    """Mean power gain inside each third octave of a filter, in dB."""
    section = design(shape, frequency_hz, gain_db, q, _RATE)
    places = (CENTRES_HZ[:, None] * 10.0 ** (_FINE / 10.0)).ravel()
    gains = magnitude_db(section, places, _RATE).reshape(len(CENTRES_HZ), -1)
    return np.asarray(10.0 * np.log10(np.mean(10.0 ** (np.maximum(gains, -90.0) / 10.0), axis=1)))
