"""Fixtures shared by all tests: real music where it is at hand, and small signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mastering.audio import Audio

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def music_dir() -> Path:
    """Folder of real music beside the checkout (shared/data/music); tests skip where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data" / "music"
    if not folder.is_dir():
        pytest.skip("real music is not at hand: expected ../shared/data/music beside the checkout")
    return folder


@pytest.fixture
def noise() -> Audio:
    """Three seconds of pink-ish stereo noise at -20 dBFS RMS with some width, seeded."""
    rng = np.random.default_rng(7)
    white = rng.standard_normal((2, 3 * 44_100))
    spectrum = np.fft.rfft(white, axis=-1)
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[-1]), 20.0))
    pink = np.fft.irfft(spectrum, n=white.shape[-1], axis=-1)
    pink[1] = 0.7 * pink[0] + 0.3 * pink[1]
    pink *= 0.1 / np.sqrt(np.mean(pink**2))
    return Audio(samples=pink.astype(np.float32), sample_rate=44_100)
