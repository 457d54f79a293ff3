"""Bandwidth: codec cliffs, low-passes, noise floors and natural roll-off."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.measure.spectrum import SpectrumMeter

RATE = 44_100
FRAMES = 8 * RATE


def _bandwidth(samples: np.ndarray, sample_rate: int = RATE) -> float:
    meter = SpectrumMeter(sample_rate, 1)
    meter.push(samples.astype(np.float32)[np.newaxis])
    return meter.result().bandwidth_hz


def _music(
    slope_db_per_octave: float, cut_hz: float = 1e9, steepness_db_per_octave: float = 1e9
) -> np.ndarray:
    """Noise that falls by `slope` per octave and, from `cut_hz` on, by `steepness` more; 0.1 RMS."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(FRAMES))
    hz = np.maximum(np.fft.rfftfreq(FRAMES, 1 / RATE), 20.0)
    gain_db = -(slope_db_per_octave + 0.0) * np.log2(hz / 100.0)
    gain_db -= np.minimum(200.0, steepness_db_per_octave * np.maximum(0.0, np.log2(hz / cut_hz)))
    music = np.fft.irfft(spectrum * 10 ** (gain_db / 20), FRAMES)
    return 0.1 * music / np.sqrt(np.mean(music**2))


def _in_16_bits(samples: np.ndarray) -> np.ndarray:
    dither = np.random.default_rng(2).uniform(-0.5, 0.5, (2, len(samples))).sum(axis=0)
    return np.round(samples * 32_768 + dither) / 32_768


@pytest.mark.parametrize("cut_hz", [4_000.0, 11_025.0, 16_000.0, 19_000.0])
@pytest.mark.parametrize("slope", [0.0, 3.0, 6.0])
@pytest.mark.parametrize("bits", [16, 32])
def test_a_cliff_is_found_where_it_is(cut_hz: float, slope: float, bits: int) -> None:
    music = _music(slope, cut_hz)
    reading = _bandwidth(_in_16_bits(music) if bits == 16 else music)
    assert reading == pytest.approx(cut_hz, rel=0.045)


@pytest.mark.parametrize("cut_hz", [4_000.0, 12_000.0])
def test_a_steep_filter_is_no_wall_but_still_found(cut_hz: float) -> None:
    reading = _bandwidth(_music(3.0, cut_hz, 96.0))
    assert cut_hz < reading < 1.4 * cut_hz


@pytest.mark.parametrize("slope", [0.0, 3.0, 6.0, 10.0])
def test_full_band_music_reaches_nyquist(slope: float) -> None:
    assert _bandwidth(_music(slope)) == pytest.approx(RATE / 2, rel=0.01)


@pytest.mark.parametrize("gain", [1e-4, 1.0, 30.0])
def test_gain_does_not_matter(gain: float) -> None:
    assert _bandwidth(gain * _music(3.0, 15_000.0)) == pytest.approx(15_000.0, rel=0.045)


def test_tones_reach_as_far_as_the_highest() -> None:
    time = np.arange(FRAMES) / RATE
    low, high = (0.3 * np.sin(2 * np.pi * hz * time) for hz in (100.0, 9_000.0))
    assert _bandwidth(low + high) == pytest.approx(9_000.0, rel=0.05)
    assert _bandwidth(low) < 300.0
