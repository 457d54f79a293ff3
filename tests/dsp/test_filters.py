"""Biquads, crossovers and linear-phase filters: physical truths and second routes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedalboard import HighShelfFilter, LowShelfFilter, PeakFilter

from mastering.dsp.biquad import BiquadCascade, design, magnitude_db
from mastering.dsp.fir import StreamingCrossover, StreamingFir, curve_at, linear_phase_taps, tap_count

RATE = 48_000


def _impulse(frames: int = 65_536) -> np.ndarray:
    impulse = np.zeros((1, frames), np.float32)
    impulse[0, 0] = 1.0
    return impulse


@pytest.mark.parametrize(
    ("shape", "effect"),
    [("peak", PeakFilter), ("low_shelf", LowShelfFilter), ("high_shelf", HighShelfFilter)],
)
@pytest.mark.parametrize("frequency_hz", [60.0, 1_000.0, 9_000.0])
@pytest.mark.parametrize("gain_db", [-9.0, 4.5])
def test_designs_are_pedalboards(shape: str, effect: type, frequency_hz: float, gain_db: float) -> None:
    response = effect(frequency_hz, gain_db, 0.8).process(_impulse(), RATE)
    heard = 20 * np.log10(np.abs(np.fft.rfft(response[0])))
    at = np.fft.rfftfreq(65_536, 1 / RATE)
    designed = magnitude_db(design(shape, frequency_hz, gain_db, 0.8, RATE), at, RATE)
    assert np.abs(heard - designed)[10:-10].max() < 0.05


@pytest.mark.parametrize(
    ("shape", "passes", "stops"), [("high_pass", 5_000.0, 50.0), ("low_pass", 50.0, 5_000.0)]
)
def test_passes_are_second_order_butterworth(shape: str, passes: float, stops: float) -> None:
    section = design(shape, 500.0, 0.0, np.sqrt(0.5), RATE)
    corner, top, down = magnitude_db(section, [500.0, passes, stops], RATE)
    assert corner == pytest.approx(-3.01, abs=0.01)
    assert top == pytest.approx(0.0, abs=0.02)
    assert down == pytest.approx(-40.0, abs=1.5)


def test_cascade_follows_its_magnitude() -> None:
    sections = np.vstack([design("peak", 700.0, 6.0, 1.2, RATE), design("high_pass", 80.0, 0.0, 0.7, RATE)])
    response = BiquadCascade(sections, 1).process(_impulse())
    heard = 20 * np.log10(np.abs(np.fft.rfft(response[0]))[20:-20])
    at = np.fft.rfftfreq(65_536, 1 / RATE)[20:-20]
    assert np.abs(heard - magnitude_db(sections, at, RATE)).max() < 0.01


def _bands(crossovers_hz: tuple[float, ...], samples: np.ndarray) -> np.ndarray:
    crossover = StreamingCrossover(crossovers_hz, RATE, len(samples))
    out = np.concatenate([crossover.process(samples), crossover.flush()], axis=1)
    return out.reshape(len(crossovers_hz) + 1, *samples.shape)


@pytest.mark.parametrize(
    "crossovers", [(120.0,), (120.0, 1_000.0, 5_000.0), (90.0, 300.0, 1_200.0, 4_000.0, 9_000.0)]
)
def test_bands_sum_to_the_input_without_delay(crossovers: tuple[float, ...]) -> None:
    samples = np.random.default_rng(2).standard_normal((2, 30_000)).astype(np.float32)
    assert np.abs(_bands(crossovers, samples).sum(axis=0) - samples).max() < 1e-5


def test_a_band_keeps_what_is_inside_and_drops_the_rest() -> None:
    middle = _bands((200.0, 2_000.0), np.roll(_impulse(), 30_000, axis=1))[1]
    at = np.fft.rfftfreq(65_536, 1 / RATE)
    heard = 20 * np.log10(np.abs(np.fft.rfft(middle[0])) + 1e-12)
    assert heard[np.searchsorted(at, 630.0)] == pytest.approx(0.0, abs=0.3)
    assert heard[np.searchsorted(at, 200.0)] == pytest.approx(-6.0, abs=0.3)
    assert heard[np.searchsorted(at, 50.0)] < -45.0
    assert heard[np.searchsorted(at, 8_000.0)] < -45.0


def test_curve_passes_through_its_points_without_overshoot() -> None:
    points, gains = [50.0, 100.0, 200.0, 4_000.0], [0.0, 6.0, 6.0, -3.0]
    assert curve_at(points, points, gains) == pytest.approx(gains)
    dense = curve_at(np.geomspace(50, 4_000, 500), points, gains)
    assert dense.max() <= 6.0 + 1e-9
    assert dense.min() >= -3.0 - 1e-9
    assert curve_at([1.0, 30_000.0], points, gains) == pytest.approx([0.0, -3.0])


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
def test_taps_have_the_gain_that_was_asked_for(rate: int) -> None:
    points, gains = np.array([30.0, 100.0, 1_000.0, 3_000.0]), np.array([-3.0, 2.0, 0.0, 4.0])
    taps = linear_phase_taps(points, gains, rate)
    assert len(taps) == tap_count(rate)
    assert np.allclose(taps, taps[::-1])
    at = np.fft.rfftfreq(1 << 18, 1 / rate)
    inside = (at > 25.0) & (at < 0.45 * rate)
    heard = 20 * np.log10(np.abs(np.fft.rfft(taps, 1 << 18)))
    assert np.abs(heard - curve_at(at, points, gains))[inside].max() < 0.25


def test_convolution_equals_numpy_and_has_no_delay() -> None:
    rng = np.random.default_rng(3)
    samples = rng.standard_normal((2, 50_000)).astype(np.float32)
    taps = linear_phase_taps([100.0, 1_000.0], [3.0, -6.0], RATE)
    fir = StreamingFir(np.stack([taps, taps]))
    out = np.concatenate([fir.process(samples), fir.flush()], axis=1)
    half = len(taps) // 2
    expected = np.convolve(samples[1].astype(np.float64), taps)[half : half + 50_000]
    assert out.shape == samples.shape
    assert np.abs(out[1] - expected).max() < 1e-5


@settings(max_examples=15, deadline=None)
@given(frames=st.integers(1, 90_000), cuts=st.lists(st.integers(0, 90_000), max_size=6))
def test_convolution_does_not_depend_on_blocks(frames: int, cuts: list[int]) -> None:
    samples = np.random.default_rng(frames).standard_normal((1, frames)).astype(np.float32)
    taps = linear_phase_taps([100.0, 5_000.0], [-2.0, 5.0], RATE)[np.newaxis]
    whole, parts = StreamingFir(taps), StreamingFir(taps)
    one = np.concatenate([whole.process(samples), whole.flush()], axis=1)
    pieces = [
        parts.process(piece) for piece in np.split(samples, sorted(min(c, frames) for c in cuts), axis=1)
    ]
    many = np.concatenate([*pieces, parts.flush()], axis=1)
    assert one.shape == samples.shape
    assert np.array_equal(one, many)
