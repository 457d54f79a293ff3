"""Third-octave levels, tilt, mid and side, correlation per band: truths of tones and noises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.measure.spectrum import Spectrum, SpectrumMeter

RATE = 44_100
PINK_SECONDS = 30


def _measure(samples: np.ndarray, sample_rate: int = RATE) -> Spectrum:
    samples = np.atleast_2d(samples).astype(np.float32)
    meter = SpectrumMeter(sample_rate, samples.shape[0])
    meter.push(samples)
    return meter.result()


def _sine(frequency_hz: float, seconds: float, sample_rate: int = RATE, phase: float = 0.3) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * sample_rate)) / sample_rate + phase)


def _noise(exponent: float, seconds: float = PINK_SECONDS, seed: int = 1) -> np.ndarray:
    """Noise whose power falls as f ** -exponent, 0.1 RMS."""
    frames = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** (-exponent / 2)
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, frames)
    return 0.1 * noise / np.sqrt(np.mean(noise**2))


@pytest.mark.parametrize("sample_rate", [32_000, 44_100, 48_000, 96_000])
def test_a_sine_at_each_centre_reads_its_level(sample_rate: int) -> None:
    for band, centre_hz in enumerate(THIRD_OCTAVES_HZ):
        if centre_hz * 10**0.05 > sample_rate / 2 * 1.05:
            continue
        levels = _measure(0.5 * _sine(centre_hz, 4.0, sample_rate), sample_rate).band_levels_mid_db
        assert levels[band] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)
        others = [level for i, level in enumerate(levels) if abs(i - band) > 1]
        assert max(others) < -50.0


def test_pink_noise_is_flat_and_white_rises_3_db_per_octave() -> None:
    pink = _measure(_noise(1.0))
    levels = np.array(pink.band_levels_mid_db)
    assert levels[7:29] == pytest.approx(np.full(22, levels[7:29].mean()), abs=0.35)
    assert levels[:7] == pytest.approx(np.full(7, levels[7:29].mean()), abs=1.2)
    assert pink.tilt_db_per_octave == pytest.approx(0.0, abs=0.05)
    assert _measure(_noise(0.0)).tilt_db_per_octave == pytest.approx(3.01, abs=0.05)
    assert _measure(_noise(2.0)).tilt_db_per_octave == pytest.approx(-3.01, abs=0.05)


def test_the_bands_hold_the_whole_power() -> None:
    noise = _noise(1.0, 10.0)
    power = sum(10 ** (level / 10) for level in _measure(noise).band_levels_mid_db)
    inside = np.fft.rfft(noise)
    hz = np.fft.rfftfreq(len(noise), 1 / RATE)
    inside[hz < THIRD_OCTAVES_HZ[0] * 10**-0.05] = 0.0
    assert 10 * np.log10(power) == pytest.approx(
        10 * np.log10(np.mean(np.fft.irfft(inside, len(noise)) ** 2)), abs=0.15
    )


def test_mid_and_side_are_half_sum_and_half_difference() -> None:
    mid, side = 0.5 * _sine(1_000.0, 3.0), 0.05 * _sine(4_000.0, 3.0)
    spectrum = _measure(np.stack((mid + side, mid - side)))
    at_1k, at_4k = THIRD_OCTAVES_HZ.index(1_000.0), 23
    assert spectrum.band_levels_mid_db[at_1k] == pytest.approx(-9.03, abs=0.05)
    assert spectrum.band_levels_side_db[at_4k] == pytest.approx(-29.03, abs=0.05)
    assert spectrum.band_levels_side_db[at_1k] < -100.0
    assert spectrum.band_levels_mid_db[at_4k] < -100.0
    assert spectrum.side_to_mid_db[at_1k] == pytest.approx(
        spectrum.band_levels_side_db[at_1k] - spectrum.band_levels_mid_db[at_1k]
    )


def test_mono_has_silent_side() -> None:
    noise = _noise(1.0, 2.0)
    for spectrum in (_measure(noise), _measure(np.stack((noise, noise)))):
        assert set(spectrum.band_levels_side_db) == {-math.inf}
        assert set(spectrum.side_to_mid_db) == {-math.inf}
        assert spectrum.band_correlation == (1.0,) * 4
    # Inverted channels have no mid at all; the ratio stays a number.
    inverted = _measure(np.stack((noise, -noise)))
    assert set(inverted.side_to_mid_db) == {120.0}
    assert inverted.band_correlation == pytest.approx((-1.0,) * 4)


def test_correlation_per_band() -> None:
    hz = np.fft.rfftfreq(10 * RATE, 1 / RATE)
    left, other = (np.fft.rfft(_noise(1.0, 10.0, seed)) for seed in (1, 2))
    right = np.where(hz < 100.0, left, np.where(hz < 1_050.0, other, np.where(hz < 5_100.0, -left, 0.0)))
    spectrum = _measure(np.fft.irfft(np.stack((left, right)), 10 * RATE))
    assert spectrum.band_correlation == pytest.approx((0.9, 0.0, -1.0, 0.0), abs=0.12)
    independent = _measure(np.stack((_noise(1.0, seed=1), _noise(1.0, seed=2))))
    assert independent.band_correlation == pytest.approx((0.0,) * 4, abs=0.06)
    assert independent.side_to_mid_db[14:] == pytest.approx(np.zeros(17), abs=0.4)


def test_pauses_do_not_change_the_levels() -> None:
    noise = _noise(1.0, 20.0)
    plain = np.array(_measure(noise).band_levels_mid_db)
    for pause in (np.zeros(20 * RATE), 0.003 * noise):
        padded = np.array(_measure(np.concatenate((noise, pause))).band_levels_mid_db)
        assert padded[8:] == pytest.approx(plain[8:], abs=0.35)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.7431, 0.9])
def test_short_pieces_read_their_level(seconds: float) -> None:
    spectrum = _measure(0.5 * _sine(1_000.0, seconds))
    assert max(spectrum.band_levels_mid_db) == pytest.approx(-9.03, abs=0.1)


def test_the_end_of_the_piece_is_seen() -> None:
    quiet, loud = 1e-3 * _sine(1_000.0, 1.1), 0.5 * _sine(4_000.0, 0.2)
    assert _measure(np.concatenate((quiet, loud))).band_levels_mid_db[23] > -25.0


def test_silence_and_the_smallest_pieces() -> None:
    for frames in (0, 1, 2, 100, 3 * RATE):
        spectrum = _measure(np.zeros((2, frames)))
        assert set(spectrum.band_levels_mid_db) == {-math.inf}
        assert spectrum.tilt_db_per_octave == 0.0
        assert spectrum.bandwidth_hz == 0.0
        assert spectrum.band_correlation == (1.0,) * 4
    assert max(_measure(np.ones((1, 1))).band_levels_mid_db) > -math.inf
