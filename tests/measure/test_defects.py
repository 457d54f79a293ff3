"""Clipping: flat tops are counted, peaks are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.measure.defects import Clipping, ClippingMeter

RATE = 44_100


def _count(samples: np.ndarray, cuts: tuple[int, ...] = ()) -> Clipping:
    samples = np.atleast_2d(samples).astype(np.float32)
    meter = ClippingMeter(samples.shape[0])
    for block in np.split(samples, cuts, axis=1):
        meter.push(block)
    return meter.result()


def _sine(gain: float, frequency_hz: float = 997.0) -> np.ndarray:
    return gain * np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE)


def _reference(channel: np.ndarray) -> Clipping:
    """The definition, read aloud: runs of equal samples at either rail."""
    runs = frames = 0
    for upright in (channel, -channel):
        if (rail := upright.max()) > 0.5:
            edges = np.flatnonzero(np.diff(np.concatenate(([0], upright == rail, [0])).astype(int)))
            lengths = edges[1::2] - edges[::2]
            runs += int((lengths >= 3).sum())
            frames += int(lengths[lengths >= 3].sum())
    return Clipping(clipped_runs=runs, clipped_frames=frames)


def test_a_clipped_sine_has_two_flat_tops_a_period() -> None:
    clipped = np.clip(_sine(2.0), -1.0, 1.0)
    reading = _count(clipped)
    assert reading.clipped_runs == pytest.approx(2 * 997, abs=2)
    # 2 sin > 1 for two thirds of the time.
    assert reading.clipped_frames == pytest.approx(RATE * 2 / 3, rel=0.01)
    assert reading == _reference(clipped.astype(np.float32))


def test_clean_music_is_clean() -> None:
    assert _count(_sine(0.999)) == Clipping(clipped_runs=0, clipped_frames=0)
    assert _count(np.round(_sine(0.999) * 32_767) / 32_768) == Clipping(clipped_runs=0, clipped_frames=0)
    assert _count(np.random.default_rng(1).uniform(-1, 1, (2, RATE))).clipped_runs == 0


def test_rails_per_channel_and_sign() -> None:
    # 16-bit rails differ, and the second channel was turned down after clipping.
    left = np.clip(_sine(2.0), -1.0, 32_767 / 32_768)
    both = np.stack((left, 0.7 * left))
    assert _count(both).clipped_runs == 2 * _count(left).clipped_runs > 0


def test_flat_tops_below_minus_6_dbfs_are_no_clipping() -> None:
    assert _count(0.45 * np.clip(_sine(2.0), -1.0, 1.0)).clipped_runs == 0
    assert _count(np.zeros(1_000)).clipped_runs == 0
    assert _count(np.full(1_000, 0.5)).clipped_runs == 0


def test_two_equal_samples_are_a_peak_three_are_a_run() -> None:
    assert _count(np.array([0.0, 0.9, 0.9, 0.0])).clipped_runs == 0
    assert _count(np.array([0.0, 0.9, 0.9, 0.9, 0.0])) == Clipping(clipped_runs=1, clipped_frames=3)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 0.6, 0.9, -0.6, -0.9]), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_any_order_and_any_blocks_count_the_same(values: list[float], cuts: list[int]) -> None:
    channel = np.array(values, np.float32)
    expected = _reference(channel) if len(channel) else Clipping(clipped_runs=0, clipped_frames=0)
    assert _count(channel, tuple(sorted(cuts))) == expected
