"""Loudness of small things: gates, windows that do not fit, the lean meter."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mastering.measure.loudness import (
    IntegratedMeter,
    LoudnessMeter,
    gated_loudness,
    loudness_range,
    power_to_lufs,
    short_term_powers,
)

RATE = 48_000


def _tone(seconds: float, peak_dbfs: float, channels: int = 2) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 10.0 ** (peak_dbfs / 20.0) * np.sin(2 * np.pi * 1_000.0 * time)
    return np.tile(tone.astype(np.float32), (channels, 1))


def _power(lufs: float) -> float:
    return 10.0 ** ((lufs + 0.691) / 10.0)


def test_gates() -> None:
    assert gated_loudness(np.full(10, _power(-20.0))) == pytest.approx(-20.0)
    # Blocks of -40 lie 20 LU below and are gated, those of -25 are not.
    steps = np.repeat([_power(-20.0), _power(-40.0)], 50)
    assert gated_loudness(steps) == pytest.approx(-20.0, abs=0.15)
    near = np.repeat([_power(-20.0), _power(-25.0)], 50)
    assert gated_loudness(near) == pytest.approx(power_to_lufs(near.mean()), abs=0.01)
    assert gated_loudness(np.full(10, _power(-70.1))) == -math.inf
    assert gated_loudness(np.full(10, _power(-69.9))) == pytest.approx(-69.9)
    assert gated_loudness(np.full(3, 1.0)) == -math.inf
    assert gated_loudness(np.zeros(0)) == -math.inf


def test_loudness_range_of_steps() -> None:
    steps = np.repeat([_power(-30.0), _power(-20.0)], 300)
    assert loudness_range(steps) == pytest.approx(10.0, abs=0.1)
    # What lies more than 20 LU below the mean does not widen the range.
    assert loudness_range(np.repeat([_power(-45.0), _power(-20.0)], 300)) < 10.0
    assert loudness_range(np.full(29, 1.0)) == 0.0
    assert loudness_range(np.full(90, _power(-75.0))) == 0.0


def test_windows_that_do_not_fit_have_no_loudness() -> None:
    meter = LoudnessMeter(RATE, 2)
    meter.push(_tone(0.39, -20.0))
    assert meter.result().integrated_lufs == -math.inf
    assert meter.result().max_momentary_lufs == -math.inf
    meter.push(_tone(0.61, -20.0))
    reading = meter.result()
    assert reading.integrated_lufs == pytest.approx(-20.0, abs=0.1)
    assert reading.max_momentary_lufs == pytest.approx(-20.0, abs=0.1)
    assert reading.max_short_term_lufs == -math.inf
    assert reading.loudness_range_lu == 0.0
    assert reading.short_term_lufs == ()


def test_short_term_once_a_second() -> None:
    meter = LoudnessMeter(RATE, 2)
    meter.push(np.concatenate((_tone(4.0, -20.0), _tone(4.0, -30.0)), axis=1))
    reading = meter.result()
    # Windows end at 3, 4, 5, 6, 7 and 8 s; the sixth lies wholly in the quiet half.
    assert len(reading.short_term_lufs) == 6
    assert reading.short_term_lufs[:2] == pytest.approx((-20.0, -20.0), abs=0.1)
    assert reading.short_term_lufs[4:] == pytest.approx((-30.0, -30.0), abs=0.1)
    assert len(short_term_powers(meter.powers_100ms())) == 51


def test_the_lean_meter_agrees() -> None:
    rng = np.random.default_rng(4)
    noise = (rng.standard_normal((2, 6 * RATE)) * np.repeat([0.3, 0.01, 0.1], 2 * RATE)).astype(np.float32)
    whole, lean = LoudnessMeter(RATE, 2), IntegratedMeter(RATE, 2)
    for block in np.array_split(noise, 7, axis=1):
        whole.push(block)
        lean.push(block)
    assert lean.result() == pytest.approx(whole.result().integrated_lufs, abs=1e-9)


def test_a_mono_file_reads_3_lu_below_the_same_in_stereo() -> None:
    mono, stereo = IntegratedMeter(RATE, 1), IntegratedMeter(RATE, 2)
    mono.push(_tone(2.0, -20.0, channels=1))
    stereo.push(_tone(2.0, -20.0))
    assert stereo.result() - mono.result() == pytest.approx(3.0103, abs=1e-4)
