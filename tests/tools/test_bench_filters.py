"""Filters and followers of the benchmark against what their formulas promise."""

from __future__ import annotations

import numpy as np
import pytest

filters = pytest.importorskip("filters", reason="tools/bench is not at hand")
envelopes = pytest.importorskip("envelopes")

RATE = 44_100


def gain_db(response: filters.Response, *frequencies_hz: float) -> np.ndarray:
    return 20.0 * np.log10(np.abs(response(np.array(frequencies_hz))))


def test_bell_has_its_gain_at_its_centre_and_none_far_away() -> None:
    assert gain_db(filters.bell(1_000.0, 6.0, 1.0), 10.0, 1_000.0, 100_000.0) == pytest.approx(
        [0.0, 6.0, 0.0], abs=0.01
    )


def test_shelf_goes_from_one_gain_to_the_other_through_their_mean() -> None:
    found = gain_db(filters.shelf(500.0, -2.0, 4.0), 0.5, 500.0, 500_000.0)
    assert found == pytest.approx([-2.0, 1.0, 4.0], abs=0.02)


def test_high_pass_with_butterworth_q_is_3_db_down_at_its_corner() -> None:
    found = gain_db(filters.high_pass(80.0, 1.0 / np.sqrt(2.0)), 40.0, 80.0, 8_000.0)
    assert found == pytest.approx([-12.30, -3.01, 0.0], abs=0.01)


def test_all_pass_leaves_every_magnitude() -> None:
    assert gain_db(filters.all_pass(200.0, 0.5), 20.0, 200.0, 2_000.0) == pytest.approx([0.0] * 3, abs=1e-9)


def test_pole_and_zero_cancel() -> None:
    at = np.array([100.0, 5_000.0])
    assert filters.pole(700.0)(at) * filters.zero(700.0)(at) == pytest.approx([1.0, 1.0])


def test_a_filtered_sine_has_the_gain_of_the_response() -> None:
    sine = np.sin(2 * np.pi * 1_000.0 * np.arange(RATE) / RATE)
    stereo = np.stack([sine, 0.5 * sine], axis=1).astype(np.float32)
    out = filters.filtered(stereo, filters.bell(1_000.0, -12.0, 2.0))
    inside = slice(RATE // 4, 3 * RATE // 4)
    measured = 20.0 * np.log10(np.std(out[inside], axis=0) / np.std(stereo[inside], axis=0))
    assert measured == pytest.approx([-12.0, -12.0], abs=0.02)


def test_split_bands_sum_to_the_samples() -> None:
    noise = np.random.default_rng(3).standard_normal((20_000, 2)).astype(np.float32)
    assert np.sum(filters.split(noise, 120.0, 2_500.0), axis=0) == pytest.approx(noise, abs=1e-5)


def test_follower_reaches_63_percent_after_its_time_constant() -> None:
    step_ms = 1e3 * envelopes.STEP / RATE
    values = np.concatenate([[0.0], np.ones(400)])
    rising = envelopes.follow(values, 20.0, 50.0)
    assert rising[round(20.0 / step_ms)] == pytest.approx(1.0 - np.exp(-1.0), abs=0.02)
    falling = envelopes.follow(1.0 - values, 20.0, 50.0)
    assert falling[round(50.0 / step_ms)] == pytest.approx(np.exp(-1.0), abs=0.02)


def test_play_operator_has_a_loop_of_twice_its_radius() -> None:
    ramp = np.concatenate([np.linspace(0, 1, 100), np.linspace(1, -1, 200), np.linspace(-1, 1, 200)])
    out = envelopes.play(ramp, np.array([0.2]), np.array([1.0]))
    up, down = out[300 + 100], out[100 + 100]
    assert ramp[400] == pytest.approx(ramp[200], abs=0.02)
    assert down - up == pytest.approx(0.4, abs=0.03)
