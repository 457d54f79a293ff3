"""Dither: the error's mean and power do not depend on the signal, and the bits only on the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.audio import Samples
from mastering.dsp.dither import Dither
from mastering.errors import ParameterError

FRAMES = 400_000


def error_lsb(samples: Samples, bit_depth: int, seed: int | None = 1) -> np.ndarray:
    """What quantising did to the samples, in steps of the bit depth."""
    quantised = Dither(bit_depth, samples.shape[0], seed)(samples)
    return quantised - samples.astype(np.float64) * 2.0 ** (bit_depth - 1)


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("offset_lsb", [0.0625, 0.25, 0.5, 0.75, 1.0])
def test_mean_and_power_of_the_error_are_those_of_tpdf(bit_depth: int, offset_lsb: float) -> None:
    """For every constant input: mean 0, variance 1/4 LSB^2 (1/6 of the noise and 1/12 of the rounding)."""
    constant = np.full((1, FRAMES), offset_lsb / 2.0 ** (bit_depth - 1), np.float32)
    error = error_lsb(constant, bit_depth)
    # Five standard deviations of the two estimates (the error's kurtosis is below 3).
    assert abs(error.mean()) < 5 * 0.5 / np.sqrt(FRAMES)
    assert error.var() == pytest.approx(0.25, abs=5 * 0.25 * np.sqrt(2 / FRAMES))


def test_without_dither_the_error_depends_on_the_signal() -> None:
    """The counter-example that shows that the test above can fail."""
    constant = np.full((1, 1_000), 0.25 / 2.0**15, np.float32)
    assert error_lsb(constant, 16, seed=None).mean() == pytest.approx(-0.25)


def test_a_tone_below_one_step_survives_without_harmonics() -> None:
    """0.4 LSB of 1 kHz: rounding makes silence of it, dither keeps it and makes no third harmonic."""
    time_s = np.arange(48_000 * 8) / 48_000
    tone = (0.4 / 2**15 * np.sin(2 * np.pi * 1_000.0 * time_s)).astype(np.float32)[None]
    assert not Dither(16, 1, None)(tone).any()
    spectrum = np.abs(np.fft.rfft(Dither(16, 1, 5)(tone)[0].astype(np.float64))) * 2 / time_s.size
    assert spectrum[8_000] == pytest.approx(0.4, abs=0.01)
    # The noise has 2 * sqrt(0.25 / N) per line; harmonics must not rise above six times that.
    floor = 2 * np.sqrt(0.25 / time_s.size)
    assert max(spectrum[16_000], spectrum[24_000], spectrum[40_000]) < 6 * floor


def test_the_noise_is_white_and_independent_between_channels() -> None:
    error = error_lsb(np.full((2, FRAMES), 1e-4, np.float32), 16)
    limit = 5 / np.sqrt(FRAMES)
    assert abs(np.corrcoef(error)[0, 1]) < limit
    for lag in (1, 2, 7):
        assert abs(np.corrcoef(error[0, :-lag], error[0, lag:])[0, 1]) < limit


@given(cuts=st.lists(st.integers(0, 40_000), max_size=8), channels=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_blocks_do_not_change_a_bit(cuts: list[int], channels: int) -> None:
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal((channels, 40_000))).astype(np.float32)
    samples[:, 10_000:11_000] = 0.0
    whole = Dither(16, channels, 9)(samples)
    dither = Dither(16, channels, 9)
    parts = [dither(part) for part in np.split(samples, sorted(cuts), axis=1)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_the_seed_decides() -> None:
    samples = np.full((2, 1_000), 0.1, np.float32)
    np.testing.assert_array_equal(Dither(24, 2, 3)(samples), Dither(24, 2, 3)(samples))
    assert (Dither(24, 2, 3)(samples) != Dither(24, 2, 4)(samples)).any()


def test_digital_silence_stays_silent_frame_by_frame() -> None:
    samples = np.full((2, 3_000), 0.3 / 2**15, np.float32)
    samples[:, 1_000:2_000] = 0.0
    samples[0, 2_000:] = 0.0  # one silent channel is not a silent frame
    quantised = Dither(16, 2, 0)(samples)
    assert not quantised[:, 1_000:2_000].any()
    assert quantised[:, :1_000].any(axis=1).all()
    assert quantised[:, 2_000:].any(axis=1).all()
    # What follows the silence is what would have followed it anyway.
    loud = Dither(16, 2, 0)(np.full((2, 3_000), 0.3 / 2**15, np.float32))
    np.testing.assert_array_equal(quantised[1, 2_000:], loud[1, 2_000:])


@pytest.mark.parametrize(("bit_depth", "top"), [(16, 32_767), (24, 8_388_607)])
def test_full_scale_is_clipped_not_wrapped(bit_depth: int, top: int) -> None:
    for seed in (None, 0):
        quantised = Dither(bit_depth, 1, seed)(np.array([[1.0, 1.5, -1.0, -1.5]] * 1, np.float32))
        assert quantised.dtype == np.int32
        assert quantised.max() == top
        assert quantised.min() == -top - 1
        assert quantised[0, 0] >= top - 1


@pytest.mark.parametrize(
    ("bit_depth", "channels", "seed"), [(8, 1, 0), (32, 1, 0), (16, 0, 0), (16, 9, 0), (16, 1, -1)]
)
def test_what_is_not_allowed_is_refused(bit_depth: int, channels: int, seed: int) -> None:
    with pytest.raises(ParameterError, match="allowed"):
        Dither(bit_depth, channels, seed)


def test_a_block_of_another_layout_is_refused() -> None:
    with pytest.raises(ParameterError, match="shape"):
        Dither(16, 2, 0)(np.zeros((1, 4), np.float32))
