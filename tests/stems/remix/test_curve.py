"""Automation: where it goes, that it never clicks, and that blocks do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stems.remix.curve import SMOOTHING_S, Curve
from stems.remix.place import balance_gains, widened

RATE = 44_100
POINTS = st.lists(
    st.tuples(st.floats(0.0, 2.0), st.floats(-120.0, 24.0)),
    min_size=1,
    max_size=8,
    unique_by=lambda point: round(point[0], 5),
).map(lambda points: tuple(sorted(points)))


def test_points_are_joined_by_straight_lines() -> None:
    curve = Curve(((1.0, -12.0), (2.0, 0.0)), 1_000)
    assert curve.at(0, 500) == pytest.approx(-12.0, abs=1e-12)
    assert curve.at(1_500, 1)[0] == pytest.approx(-6.0)
    assert curve.at(5_000, 10) == pytest.approx(0.0, abs=1e-12)


def test_the_window_averages_as_a_convolution_does() -> None:
    points = ((0.1, 0.0), (0.101, -40.0), (0.13, -3.0), (0.137, -30.0))
    straight = np.interp(np.arange(RATE // 4) / RATE, *zip(*points, strict=True))
    reach = round(SMOOTHING_S * RATE)
    window = (reach - np.abs(np.arange(-reach, reach + 1))) / reach**2
    wanted = np.convolve(straight, window, "same")
    got = Curve(points, RATE).at(0, len(wanted))
    assert np.abs(got - wanted)[reach:-reach].max() < 1e-2


@given(POINTS, st.lists(st.integers(1, 40_000), min_size=1, max_size=6))
def test_blocks_do_not_matter(points: tuple[tuple[float, float], ...], sizes: list[int]) -> None:
    curve = Curve(points, RATE)
    edges = np.cumsum([0, *sizes])
    parts = [curve.at(int(start), size) for start, size in zip(edges, sizes, strict=False)]
    assert np.array_equal(np.concatenate(parts), curve.at(0, int(edges[-1])))


@given(POINTS)
def test_it_never_leaves_the_range_of_its_points(points: tuple[tuple[float, float], ...]) -> None:
    values = [value for _, value in points]
    got = Curve(points, RATE).at(0, 100_000)
    assert got.min() >= min(values) - 1e-6
    assert got.max() <= max(values) + 1e-6


def test_a_jump_makes_no_click() -> None:
    """-60 to 0 dB within a millisecond: an octave and more from a 1 kHz sine it stays below -80 dB."""
    time_s = np.arange(RATE) / RATE
    sine = np.sin(2.0 * np.pi * 1_000.0 * time_s)
    gain = 10.0 ** (Curve(((0.4995, -60.0), (0.5005, 0.0)), RATE).at(0, RATE) / 20.0)

    def splatter_db(signal: np.ndarray) -> float:
        middle = signal[RATE // 2 - 8_192 : RATE // 2 + 8_192] * np.blackman(16_384)
        power = np.abs(np.fft.rfft(middle)) ** 2
        frequency_hz = np.fft.rfftfreq(16_384, 1.0 / RATE)
        far = (frequency_hz < 500.0) | (frequency_hz > 2_000.0)
        return float(10.0 * np.log10(power[far].sum() / power.sum()))

    assert splatter_db(gain * sine) < -75.0
    assert splatter_db(np.where(time_s < 0.5, 1e-3, 1.0) * sine) > -40.0


def test_every_frame_has_its_own_gain() -> None:
    """No control steps: a slow fade moves by the same small step from every frame to the next."""
    gain = 10.0 ** (Curve(((0.0, 0.0), (1.0, -12.0)), RATE).at(0, RATE) / 20.0)
    steps = np.diff(gain[2_000:-2_000]) / gain[2_000:-2_001]
    assert steps == pytest.approx(-12.0 / 20.0 * np.log(10.0) / RATE, rel=1e-3)


def test_the_balance_keeps_power_and_centre() -> None:
    left, right = balance_gains(np.linspace(-100.0, 100.0, 41))
    assert left**2 + right**2 == pytest.approx(2.0)
    assert (left[20], right[20]) == pytest.approx((1.0, 1.0), abs=1e-15)
    assert right[0] == 0.0
    assert left[-1] == 0.0
    assert left == pytest.approx(right[::-1])


def test_width_leaves_the_mid_alone() -> None:
    samples = np.random.default_rng(1).standard_normal((2, 1_000)).astype(np.float32)
    for width, side in ((0.0, 0.0), (50.0, 0.5), (200.0, 2.0)):
        out = widened(samples, np.full(1_000, width))
        assert out.sum(axis=0) == pytest.approx(samples.sum(axis=0), abs=1e-5)
        assert out[0] - out[1] == pytest.approx(side * (samples[0] - samples[1]), abs=1e-5)
