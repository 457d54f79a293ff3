"""Crest, level percentiles and PSR."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mastering.measure.dynamics import Dynamics, DynamicsMeter, psr_db
from mastering.measure.levels import LevelMeter
from mastering.measure.loudness import LoudnessMeter

RATE = 44_100


def _measure(samples: np.ndarray) -> Dynamics:
    samples = np.atleast_2d(samples).astype(np.float32)
    meter = DynamicsMeter(RATE, samples.shape[0])
    meter.push(samples)
    return meter.result()


def _sine(frequency_hz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE)) / RATE)


def _bursts(quiet_db: float, period_s: float = 1.0, on_s: float = 0.1, seconds: float = 20.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.where(time % period_s < on_s, 1.0, 10 ** (quiet_db / 20)) * 0.5


@pytest.mark.parametrize(("band", "frequency_hz"), [(0, 70.0), (1, 400.0), (2, 2_000.0), (3, 9_000.0)])
def test_a_steady_sine_has_its_level_and_no_crest(band: int, frequency_hz: float) -> None:
    sine = 0.5 * _sine(frequency_hz, 5.0)
    for samples in (sine, np.stack((sine, sine))):
        reading = _measure(samples)
        assert reading.level_percentiles_db[band] == pytest.approx((-9.03,) * 5, abs=0.1)
        assert reading.crest_db[band] == pytest.approx(0.0, abs=0.1)
    # Half of one channel's power is mid, half is side of half that: -3 dB in sum.
    left_only = _measure(np.stack((sine, 0.0 * sine)))
    assert left_only.level_percentiles_db[band][1] == pytest.approx(-12.04, abs=0.1)


def test_crest_of_bursts_is_their_duty_cycle() -> None:
    # A tenth of the time at 0 dB, the rest 20 dB down: RMS 9.6 dB under the bursts.
    reading = _measure(_sine(400.0, 20.0) * _bursts(-20.0))
    assert reading.crest_db[1] == pytest.approx(-10 * np.log10(0.1 + 0.9 * 0.01), abs=0.4)
    low, median, _, _, high = reading.level_percentiles_db[1]
    assert high == pytest.approx(-9.03, abs=0.2)
    assert (low, median) == pytest.approx((-29.03, -29.03), abs=0.2)


def test_pauses_are_not_dynamics() -> None:
    steady = 0.5 * _sine(400.0, 10.0)
    for pause in (0.0, 1e-3):
        reading = _measure(np.concatenate((steady, pause * steady)))
        assert reading.crest_db[1] == pytest.approx(0.0, abs=0.15)


def test_a_band_without_content_is_far_below() -> None:
    reading = _measure(0.5 * _sine(400.0, 2.0))
    assert reading.level_percentiles_db[3][2] < -80.0


def test_silence_reads_minus_infinity() -> None:
    for frames in (0, 1, 500, 2 * RATE):
        reading = _measure(np.zeros((2, frames)))
        assert reading.crest_db == (-math.inf,) * 4
        assert reading.level_percentiles_db == ((-math.inf,) * 5,) * 4


def _psr(samples: np.ndarray) -> float:
    loudness, levels = LoudnessMeter(RATE, 2), LevelMeter(RATE, 2)
    for meter in (loudness, levels):
        meter.push(samples.astype(np.float32))
    return psr_db(loudness.powers_100ms(), levels.peaks_100ms())


def test_psr() -> None:
    tone = np.tile(0.1 * _sine(1_000.0, 10.0), (2, 1))
    # A 1 kHz stereo tone peaks at its own loudness.
    assert _psr(tone) == pytest.approx(0.0, abs=0.05)
    clicks = tone.copy()
    clicks[:, ::RATE] = 1.0
    assert _psr(clicks) == pytest.approx(20.0, abs=0.2)
    # The densest part decides, pauses do not count.
    assert _psr(np.concatenate((clicks, tone, 0.0 * tone), axis=1)) == pytest.approx(0.0, abs=0.05)
    assert _psr(tone[:, : 2 * RATE]) == -math.inf
    assert _psr(0.0 * tone) == -math.inf
