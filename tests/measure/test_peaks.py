"""Peaks of a stream."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.measure.peaks import Peaks, TruePeakMeter


def _measure(samples: np.ndarray) -> Peaks:
    meter = TruePeakMeter(samples.shape[0])
    meter.push(samples)
    return meter.result()


def test_the_loudest_sample_of_any_channel_and_sign() -> None:
    samples = np.zeros((3, 1_000), np.float32)
    samples[1, 500] = -0.5
    assert _measure(samples).sample_peak_dbfs == pytest.approx(-6.0206, abs=1e-4)
    # A single sample is the top of its own sinc: nothing between the samples is higher.
    assert _measure(samples).true_peak_dbtp == _measure(samples).sample_peak_dbfs


@pytest.mark.parametrize("period", [4, 6, 8, 12])
def test_peaks_between_samples_are_seen(period: int) -> None:
    frames = np.arange(4_096)
    fade = np.minimum(1.0, np.minimum(frames, frames[::-1]) / 400.0)
    half_step = np.pi / period
    sine = (fade * np.cos(2 * np.pi * frames / period + half_step)).astype(np.float32)
    reading = _measure(sine[np.newaxis])
    assert reading.sample_peak_dbfs == pytest.approx(20 * np.log10(np.cos(half_step)), abs=0.01)
    assert reading.true_peak_dbtp == pytest.approx(0.0, abs=0.03)


def test_a_piece_is_silent_before_and_after_itself() -> None:
    # One full-scale sample beside its inverse: the band-limited step between silence and +1.
    assert _measure(np.ones((1, 2_000), np.float32)).true_peak_dbtp == pytest.approx(0.9, abs=0.3)
    assert _measure(np.ones((1, 1), np.float32)).true_peak_dbtp == 0.0


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 3_000), max_size=8), early=st.booleans())
def test_blocks_do_not_matter(cuts: list[int], early: bool) -> None:
    samples = np.random.default_rng(6).standard_normal((2, 3_000)).astype(np.float32)
    meter = TruePeakMeter(2)
    for block in np.split(samples, sorted(cuts), axis=1):
        meter.push(block)
        if early:
            meter.result()
    if not early:
        assert meter.result() == _measure(samples)
    assert meter.result().sample_peak_dbfs == _measure(samples).sample_peak_dbfs


def test_silence_and_nothing() -> None:
    nothing = Peaks(true_peak_dbtp=-math.inf, sample_peak_dbfs=-math.inf)
    assert _measure(np.zeros((2, 100), np.float32)) == nothing
    assert TruePeakMeter(2).result() == nothing
