"""True peaks between the samples: truth from sines and from FFT resampling, pruning that loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.dsp.interpolate import CONTEXT_FRAMES, OVERSAMPLING, true_peak_per_frame


def _padded(samples: np.ndarray) -> np.ndarray:
    return np.pad(samples, ((0, 0), (CONTEXT_FRAMES, CONTEXT_FRAMES)))


@pytest.mark.parametrize(
    "frequency", [*np.linspace(0.01, 0.45, 34), 1 / 4, 1 / 6, 1 / 8, 1 / 3, 2 / 5, 4 / 9]
)
def test_sines_read_their_amplitude_at_any_phase(frequency: float) -> None:
    frames = np.arange(2048)
    for phase in np.linspace(0.0, np.pi, 9):
        sine = np.sin(2.0 * np.pi * frequency * frames + phase).astype(np.float32)[np.newaxis]
        reading_db = 20.0 * np.log10(true_peak_per_frame(sine, 0.0).max())
        assert -0.05 <= reading_db <= 0.02


def test_each_frame_agrees_with_fft_resampling() -> None:
    rng = np.random.default_rng(3)
    frames, factor = 4096, 2 * OVERSAMPLING
    spectrum = np.zeros(frames // 2 + 1, complex)
    used = int(0.45 * frames)
    spectrum[1:used] = rng.standard_normal(used - 1) + 1j * rng.standard_normal(used - 1)
    samples = np.fft.irfft(spectrum, frames)
    samples /= np.abs(samples).max()
    fine = np.zeros(frames * factor // 2 + 1, complex)
    fine[: len(spectrum)] = spectrum
    dense = np.fft.irfft(fine, frames * factor)
    dense = np.abs(dense * factor * samples[0] / (dense[0] * factor))
    around = np.roll(dense, factor // 2).reshape(frames, factor)
    truth = np.maximum(around.max(axis=1), np.roll(around[:, 0], -1))
    # The noise is periodic, so its own end is the context of its beginning.
    periodic = np.pad(samples, CONTEXT_FRAMES, mode="wrap").astype(np.float32)[np.newaxis]
    assert true_peak_per_frame(periodic, 0.0) == pytest.approx(truth, abs=0.008)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), threshold=st.floats(0.0, 3.0), channels=st.integers(1, 3))
def test_pruning_misses_no_point_above_the_threshold(seed: int, threshold: float, channels: int) -> None:
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.uniform(0.0, 1.0, 10), 70)
    samples = (rng.uniform(-1.0, 1.0, (channels, 700)) * envelope).astype(np.float32)
    everything = true_peak_per_frame(_padded(samples), 0.0)
    pruned = true_peak_per_frame(_padded(samples), threshold)
    above = everything > threshold
    assert np.array_equal(pruned[above], everything[above])
    assert (pruned[~above] <= everything[~above]).all()
    assert (pruned >= np.abs(samples).max(axis=0)).all()


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 900), length=st.integers(0, 900))
def test_values_do_not_depend_on_the_cut(start: int, length: int) -> None:
    samples = _padded(np.random.default_rng(1).uniform(-1.0, 1.0, (2, 1_000)).astype(np.float32))
    whole = true_peak_per_frame(samples, 0.5)
    cut = np.ascontiguousarray(samples[:, start : start + length + 2 * CONTEXT_FRAMES])
    part = true_peak_per_frame(cut, 0.5)
    expected = whole[start : start + len(part)]
    agree = (part == expected) | (np.maximum(part, expected) <= 0.5)
    assert agree.all()


def test_silence_is_zero_and_too_little_context_is_no_frame() -> None:
    assert not true_peak_per_frame(np.zeros((2, 500), np.float32), 0.0).any()
    assert true_peak_per_frame(np.ones((2, 2 * CONTEXT_FRAMES), np.float32), 0.0).shape == (0,)
    assert true_peak_per_frame(np.ones((2, 3), np.float32), 0.0).shape == (0,)
