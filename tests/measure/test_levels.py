"""DC offset, correlation and noise floor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mastering.measure.levels import LevelMeter, Levels, correlation

RATE = 44_100


def _measure(samples: np.ndarray) -> Levels:
    meter = LevelMeter(RATE, samples.shape[0])
    meter.push(samples.astype(np.float32))
    return meter.result()


def _noise(channels: int, seconds: float = 2.0, seed: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE)))


def test_dc_is_that_of_the_worst_channel_with_its_sign() -> None:
    noise = _noise(2)
    noise -= noise.mean(axis=1, keepdims=True)
    assert _measure(noise + np.array([[0.01], [-0.02]])).dc_offset == pytest.approx(-0.02, abs=1e-6)
    assert _measure(noise).dc_offset == pytest.approx(0.0, abs=1e-6)


def test_correlation_of_equal_inverted_and_unrelated_channels() -> None:
    left, right = _noise(2)
    assert _measure(np.stack((left, left))).correlation == 1.0
    assert _measure(np.stack((left, -0.5 * left))).correlation == pytest.approx(-1.0)
    assert _measure(np.stack((left, right))).correlation == pytest.approx(0.0, abs=0.01)
    # Half the power shared: 0.5.
    assert _measure(np.stack((left, left + right))).correlation == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert _measure(np.stack((left, 0.0 * left))).correlation == 0.0
    assert _measure(np.zeros((2, 100))).correlation == 1.0
    assert _measure(left[np.newaxis]).correlation == 1.0


def test_rounding_never_leaves_the_unit_interval() -> None:
    assert correlation(1.0 + 1e-12, 1.0, 1.0) == 1.0
    assert correlation(-1.0 - 1e-12, 1.0, 1.0) == -1.0


def test_noise_floor_is_the_quietest_400_ms() -> None:
    level = np.repeat([1.0, 0.001, 1.0], RATE)
    noise = _noise(2, 3.0) * level
    assert _measure(noise).noise_floor_dbfs == pytest.approx(-80.0, abs=0.3)


def test_digital_silence_is_no_noise_floor() -> None:
    noise = _noise(2, 3.0)
    noise[:, RATE : 2 * RATE] = 0.0
    assert _measure(noise).noise_floor_dbfs == pytest.approx(-20.0, abs=0.3)
    assert _measure(np.zeros((2, RATE))).noise_floor_dbfs == -math.inf
    assert _measure(noise[:, :17_000]).noise_floor_dbfs == -math.inf


def test_peaks_of_each_100_ms() -> None:
    samples = np.zeros((2, RATE), np.float32)
    samples[0, 4_410] = 0.25
    samples[1, 8_819] = -0.5
    samples[1, 8_820] = 0.125
    meter = LevelMeter(RATE, 2)
    for block in np.array_split(samples, 13, axis=1):
        meter.push(block)
    assert meter.peaks_100ms().tolist() == [0.0, 0.5, 0.125, *[0.0] * 7]
