"""Rate conversion: no aliases, no delay, exact lengths, and no dependence on the block size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.audio import Samples
from mastering.dsp.resample import Resampler, resample, resampled_frames
from mastering.errors import ParameterError


def sine(frequency_hz: float, sample_rate: int, seconds: float, amplitude: float = 0.5) -> Samples:
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)[None]


def in_blocks(samples: Samples, rate_in: int, rate_out: int, sizes: list[int]) -> Samples:
    resampler = Resampler(rate_in, rate_out, samples.shape[0])
    parts, start, turn = [], 0, 0
    while start < samples.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(resampler.push(samples[:, start : start + size]))
        start, turn = start + size, turn + 1
    return np.concatenate([*parts, resampler.flush()], axis=1)


@pytest.mark.parametrize("frequency_hz", [24_500.0, 27_000.0, 35_000.0, 46_000.0])
def test_what_the_new_rate_cannot_hold_is_120_db_down(frequency_hz: float) -> None:
    converted = resample(sine(frequency_hz, 96_000, 1.0), 96_000, 44_100)[0, 4_410:-4_410]
    rms = np.sqrt(np.mean(converted.astype(np.float64) ** 2))
    assert 20 * np.log10(rms / (0.5 / np.sqrt(2))) < -120.0


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(44_100, 48_000), (48_000, 44_100), (96_000, 44_100), (44_100, 96_000)]
)
def test_a_tone_stays_at_its_place_in_time(rate_in: int, rate_out: int) -> None:
    """Against the same sine computed at the new rate: level, frequency and delay in one subtraction."""
    converted = resample(sine(997.0, rate_in, 1.0), rate_in, rate_out)
    middle = slice(rate_out // 10, -rate_out // 10)
    error = converted[0, middle] - sine(997.0, rate_out, 1.0)[0, middle]
    assert 20 * np.log10(np.abs(error).max() / 0.5) < -120.0


def test_an_impulse_does_not_move() -> None:
    impulse = np.zeros((1, 44_100), np.float32)
    impulse[0, 22_050] = 1.0
    converted = resample(impulse, 44_100, 88_200)[0]
    assert int(np.argmax(converted)) == 44_100
    np.testing.assert_allclose(
        converted[44_100 - 400 : 44_100], converted[44_100 + 400 : 44_100 : -1], atol=1e-7
    )


@given(
    frames=st.integers(0, 3_000),
    rates=st.permutations([8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 384_000]),
)
@settings(max_examples=60, deadline=None)
def test_length_is_the_rounded_ratio(frames: int, rates: list[int]) -> None:
    rate_in, rate_out = rates[0], rates[1]
    converted = resample(np.ones((2, frames), np.float32), rate_in, rate_out)
    assert converted.shape == (2, round(frames * rate_out / rate_in))
    assert converted.shape[1] == resampled_frames(frames, rate_in, rate_out)
    assert converted.dtype == np.float32


@given(
    sizes=st.lists(st.integers(1, 5_000), min_size=1, max_size=6),
    rate_out=st.sampled_from([22_050, 48_000, 96_000]),
)
@settings(max_examples=25, deadline=None)
def test_blocks_do_not_change_a_bit(sizes: list[int], rate_out: int) -> None:
    noise = np.random.default_rng(1).standard_normal((2, 20_000)).astype(np.float32)
    whole = resample(noise, 44_100, rate_out)
    np.testing.assert_array_equal(in_blocks(noise, 44_100, rate_out, sizes), whole)


def test_a_round_trip_gives_the_signal_back() -> None:
    rng = np.random.default_rng(2)
    spectrum = np.fft.rfft(rng.standard_normal(44_100))
    spectrum[12_000:] = 0.0
    signal = (0.05 * np.fft.irfft(spectrum)).astype(np.float32)[None]
    back = resample(resample(signal, 44_100, 48_000), 48_000, 44_100)
    error = (back - signal)[0, 2_000:-2_000].astype(np.float64)
    assert 10 * np.log10(np.mean(error**2) / np.mean(signal.astype(np.float64) ** 2)) < -140.0


def test_the_pass_band_is_flat_to_20_khz() -> None:
    converted = resample(sine(20_000.0, 44_100, 1.0), 44_100, 48_000)[0, 4_800:-4_800].astype(np.float64)
    assert 20 * np.log10(np.sqrt(2 * np.mean(converted**2)) / 0.5) == pytest.approx(0.0, abs=0.01)


def test_equal_rates_pass_the_bits_through() -> None:
    noise = np.random.default_rng(3).standard_normal((2, 1_000)).astype(np.float32)
    np.testing.assert_array_equal(in_blocks(noise, 44_100, 44_100, [333]), noise)


def test_the_end_does_not_vanish_in_the_filter() -> None:
    """A constant reaches the last frame (the filter rings towards the silence that follows it)."""
    converted = resample(np.full((1, 44_100), 0.5, np.float32), 44_100, 48_000)
    assert converted[0, -200:-100] == pytest.approx(0.5, abs=2e-3)
    assert converted[0, -1] > 0.2


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "channels"), [(0, 44_100, 2), (44_100, 400_000, 2), (44_100, 48_000, 0)]
)
def test_what_is_not_allowed_is_refused(rate_in: int, rate_out: int, channels: int) -> None:
    with pytest.raises(ParameterError, match="allowed"):
        Resampler(rate_in, rate_out, channels)


def test_a_block_of_another_layout_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"shape \(1, 10\)"):
        Resampler(44_100, 48_000, 2).push(np.zeros((1, 10), np.float32))
