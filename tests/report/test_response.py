"""The equaliser's curve in the report against filters that were not designed here."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MasteringChain,
    Saturation,
    Width,
)
from mastering.report.response import chain_response_db, shapes_tone, shapes_width

FREQUENCIES = np.geomspace(20.0, 20_000.0, 120)
RATE = 44_100


def heard_db(plugin: object) -> np.ndarray:
    """Magnitude of a Pedalboard plug-in from its impulse response."""
    impulse = np.zeros((1, 1 << 16), np.float32)
    impulse[0, 0] = 1.0
    spectrum = np.fft.rfft(plugin(impulse, RATE)[0].astype(np.float64))  # type: ignore[operator]
    grid = np.fft.rfftfreq(1 << 16, 1.0 / RATE)
    return np.interp(FREQUENCIES, grid, 20.0 * np.log10(np.abs(spectrum)))


@pytest.mark.parametrize(
    ("shape", "name"),
    [("peak", "PeakFilter"), ("low_shelf", "LowShelfFilter"), ("high_shelf", "HighShelfFilter")],
)
def test_parametric_bands_are_what_pedalboard_renders(shape: str, name: str) -> None:
    import pedalboard

    band = EqBand(shape=shape, frequency_hz=3_000.0, gain_db=5.0, q=0.9)  # type: ignore[arg-type]
    mid, side = chain_response_db(MasteringChain(steps=(Equalizer(mid=(band,)),)), FREQUENCIES, RATE)
    plugin = getattr(pedalboard, name)(cutoff_frequency_hz=3_000.0, gain_db=5.0, q=0.9)
    assert np.abs(mid - heard_db(plugin)).max() < 0.01
    assert not side.any()


def test_passes_are_second_order_butterworth_and_can_be_left_out() -> None:
    band = EqBand(shape="high_pass", frequency_hz=100.0)
    chain = MasteringChain(steps=(Equalizer(mid=(band,)),))
    at = np.array([25.0, 100.0, 1_000.0])
    mid, _ = chain_response_db(chain, at, RATE)
    assert mid == pytest.approx([-24.1, -3.01, 0.0], abs=0.05)  # 12 dB per octave, -3 dB at the corner
    assert not chain_response_db(chain, at, RATE, passes=False)[0].any()


def test_steps_add_up_and_dynamics_do_not_count() -> None:
    curve = LinearPhaseEq(frequencies_hz=(100.0, 10_000.0), mid_gain_db=(2.0, 2.0), side_gain_db=(-1.0, -1.0))
    width = Width(frequencies_hz=(20.0, 20_000.0), side_gain_db=(3.0, 3.0))
    chain = MasteringChain(steps=(curve, curve, width, Compressor(threshold_dbfs=-20.0), Saturation()))
    mid, side = chain_response_db(chain, FREQUENCIES, RATE)
    assert mid == pytest.approx(4.0)
    assert side == pytest.approx(1.0)


def test_points_of_a_curve_are_met_and_nothing_is_above_nyquist() -> None:
    points = (50.0, 400.0, 3_000.0, 15_000.0)
    curve = LinearPhaseEq(frequencies_hz=points, mid_gain_db=(1.0, -2.0, 3.0, 0.5), side_gain_db=(0.0,) * 4)
    band = EqBand(shape="high_shelf", frequency_hz=3_000.0, gain_db=4.0)
    mid, _ = chain_response_db(MasteringChain(steps=(curve,)), np.array(points), RATE)
    assert mid == pytest.approx([1.0, -2.0, 3.0, 0.5])
    shelf, _ = chain_response_db(MasteringChain(steps=(Equalizer(mid=(band,)),)), np.array([20_000.0]), 8_000)
    assert shelf == pytest.approx([4.0], abs=0.1)


def test_what_shapes_the_tone() -> None:
    assert not shapes_tone(MasteringChain(steps=(Compressor(threshold_dbfs=-20.0), Saturation())))
    assert shapes_tone(MasteringChain(steps=(Equalizer(),)))


def test_what_shapes_the_width() -> None:
    same = LinearPhaseEq(frequencies_hz=(50.0, 60.0), mid_gain_db=(1.0, 2.0), side_gain_db=(1.0, 2.0))
    passes = (EqBand(shape="high_pass", frequency_hz=25.0),)
    idle = Width(frequencies_hz=(50.0, 60.0), side_gain_db=(0.0, 0.0))
    steps = (same, Equalizer(mid=passes, side=passes), idle, Compressor(threshold_dbfs=-20.0))
    assert not shapes_width(MasteringChain(steps=steps))
    for step in (
        Equalizer(mid=passes),
        Width(frequencies_hz=(50.0, 60.0), side_gain_db=(0.0, 1.0)),
        LinearPhaseEq(frequencies_hz=(50.0, 60.0), mid_gain_db=(1.0, 2.0), side_gain_db=(1.0, 2.5)),
    ):
        assert shapes_width(MasteringChain(steps=(*steps, step)))
