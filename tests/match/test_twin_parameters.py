"""Free numbers start where the chain has them, go where an optimiser pushes them, and stay in range."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mastering.chain import Compressor, EqBand, Equalizer, LinearPhaseEq, MultibandCompressor, Step, Width
from mastering.match.twin.parameters import Free, TwinChain, bounded
from mastering.match.twin.steps import numbers, range_of

CURVE = LinearPhaseEq(
    frequencies_hz=(100.0, 1_000.0, 9_000.0), mid_gain_db=(1.0, 6.0, -2.0), side_gain_db=(3.0, 6.0, -3.0)
)
STEPS: tuple[Step, ...] = (
    CURVE,
    Width(frequencies_hz=(80.0, 2_000.0), side_gain_db=(-60.0, 1.5)),
    MultibandCompressor(
        crossovers_hz=(500.0,),
        bands=(Compressor(threshold_dbfs=-20.0, ratio=2.0), Compressor(threshold_dbfs=0.0, ratio=1.0)),
    ),
    Compressor(threshold_dbfs=-18.0, ratio=1.4, attack_ms=3.0),
    Equalizer(mid=(EqBand(frequency_hz=300.0, gain_db=2.0),)),
)


def test_it_starts_at_the_chain() -> None:
    for before, after in zip(STEPS, TwinChain(STEPS).plain(), strict=True):
        for name, own in numbers(before).items():
            found = numbers(after)[name]
            limits = range_of(before, name)
            # At the very end of a range a number starts a thousandth inside.
            assert found == pytest.approx(own, abs=0.0011 * (limits.high - limits.low))


@given(st.floats(-1e6, 1e6))
def test_nothing_leaves_its_range(push: float) -> None:
    chain = TwinChain(STEPS)
    with torch.no_grad():
        for raw in chain.raw.values():
            raw += push
    for step in chain.plain():
        for name, found in numbers(step).items():
            limits = range_of(step, name)
            assert all(limits.low <= value <= limits.high for value in found)


def test_caps_are_narrower_than_ranges() -> None:
    free = Free(low=[-6.0] * 3, high=[6.0, 6.0, 0.0], units=[1.0, 1.0, 0.5])
    for push, expected in ((1e3, [6.0, 6.0, 0.0]), (-1e3, [-6.0, -6.0, -6.0])):
        chain = TwinChain((CURVE,), {(0, "mid_gain_db"): free})
        with torch.no_grad():
            chain.raw[0, "mid_gain_db"] += push
        (step,) = chain.plain()
        assert isinstance(step, LinearPhaseEq)
        assert step.mid_gain_db == pytest.approx(expected, abs=1e-3)
        assert step.side_gain_db == CURVE.side_gain_db


def test_what_starts_beyond_its_caps_or_must_not_move_is_held() -> None:
    chain = TwinChain(
        STEPS,
        {(1, "side_gain_db"): Free(low=[-3.0, -3.0]), (2, "threshold_dbfs"): Free(moves=[True, False])},
    )
    with torch.no_grad():
        for raw in chain.raw.values():
            raw += 0.5
    width, multiband = chain.plain()[1:3]
    assert isinstance(width, Width)
    assert width.side_gain_db[0] == -60.0
    assert width.side_gain_db[1] != 1.5
    assert isinstance(multiband, MultibandCompressor)
    assert multiband.bands[1].threshold_dbfs == 0.0
    assert multiband.bands[0].threshold_dbfs != -20.0
    assert [len(raw) for raw in chain.moving().values()] == [1, 1]


def test_a_tied_side_keeps_its_distance() -> None:
    chain = TwinChain((CURVE,), {(0, "mid_gain_db"): Free()}, tie_side=True)
    with torch.no_grad():
        chain.raw[0, "mid_gain_db"] += 0.7
    (step,) = chain.plain()
    assert isinstance(step, LinearPhaseEq)
    assert step.mid_gain_db[0] > 1.3
    for i in range(3):
        apart = CURVE.side_gain_db[i] - CURVE.mid_gain_db[i]
        assert step.side_gain_db[i] - step.mid_gain_db[i] == pytest.approx(apart, abs=2e-4)


def test_one_unbounded_step_is_about_one_unit() -> None:
    chain = TwinChain(STEPS)
    values = chain.steps()[0].values["mid_gain_db"]
    (slope,) = torch.autograd.grad(values[0], chain.raw[0, "mid_gain_db"])
    assert slope[0].item() == pytest.approx(1.0)
    ratio = chain.steps()[3].values["ratio"]
    (slope,) = torch.autograd.grad(torch.log(ratio[0]), chain.raw[3, "ratio"])
    assert slope[0].item() == pytest.approx(0.3)


def test_a_networks_outputs_are_bounded() -> None:
    raw = torch.tensor([[-1e4, 0.0, 1e4]])
    compressor = STEPS[3]
    assert bounded(raw, compressor, "threshold_dbfs")[0].tolist() == pytest.approx([-80.0, -40.0, 0.0])
    assert bounded(raw, compressor, "ratio")[0].tolist() == pytest.approx([1.0, 20.0**0.5, 20.0], rel=1e-5)
