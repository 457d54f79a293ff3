"""The survey and the plan: loudness is met by the real limiter as planned, the ceiling always wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.audio import Audio
from mastering.chain import Limiter
from mastering.match.level import HOPS_PER_100MS, Surveyor, plan_limiter
from mastering.measure.features import analyse
from mastering.pipeline import Limited


def _survey(audio: Audio, cuts: list[int] | None = None):  # type: ignore[no-untyped-def]
    surveyor = Surveyor(audio.sample_rate, audio.channels)
    for piece in np.split(audio.samples, sorted(cuts or []), axis=1):
        surveyor.push(piece)
    return surveyor.result()


def _drums(seconds: float = 6.0, rate: int = 44_100) -> Audio:
    """Hits over noise: a peak to loudness ratio of about 20 dB."""
    rng = np.random.default_rng(11)
    t = np.arange(int(seconds * rate)) / rate
    hits = np.exp(-(t % 0.5) * 30) * np.sin(2 * np.pi * 90 * t) * 0.8
    samples = np.stack([hits, hits]) + 0.03 * rng.standard_normal((2, len(t)))
    return Audio(samples=samples.astype(np.float32), sample_rate=rate)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 3 * 44_100), max_size=10))
def test_survey_does_not_depend_on_blocks(cuts: list[int]) -> None:
    samples = np.random.default_rng(1).standard_normal((2, 3 * 44_100)).astype(np.float32)
    audio = Audio(samples=samples, sample_rate=44_100)
    whole, cut = _survey(audio), _survey(audio, cuts)
    assert np.array_equal(whole.peaks, cut.peaks)
    assert whole.powers == pytest.approx(cut.powers, rel=1e-9)


def test_survey_peaks_are_the_sample_peaks_of_each_hop(noise: Audio) -> None:
    survey = _survey(noise)
    hop = noise.sample_rate / 10 / HOPS_PER_100MS
    highest = np.abs(noise.samples).max(axis=0)
    for index in (0, 1, 500, 1_999):
        start, stop = int(index * hop), int((index + 1) * hop)
        assert survey.peaks[index] == pytest.approx(highest[start:stop].max())
    assert survey.peaks.max() == pytest.approx(np.abs(noise.samples).max())


@pytest.mark.parametrize("wanted", [-24.0, -16.0, -12.0])
def test_the_real_limiter_lands_where_the_plan_said(wanted: float) -> None:
    audio = _drums()
    plan = plan_limiter(
        [_survey(audio)], Limiter(), wanted_lufs=wanted, plr_db=None, ceiling_dbtp=-1.0, max_reduction_db=24.0
    )
    after = analyse(Limited(audio, plan.limiter, 4_410))
    assert plan.limited_by == ""
    assert after.integrated_lufs == pytest.approx(wanted, abs=0.3)
    assert after.true_peak_dbtp <= -1.0 + 0.02


def test_the_limiter_cap_stops_loudness_and_says_so() -> None:
    plan = plan_limiter(
        [_survey(_drums())], Limiter(), wanted_lufs=-6.0, plr_db=None, ceiling_dbtp=-1.0, max_reduction_db=3.0
    )
    assert plan.limited_by == "limiter cap"
    assert plan.predicted_lufs < -6.5


def test_out_of_reach_is_the_ceilings_fault() -> None:
    plan = plan_limiter(
        [_survey(_drums())],
        Limiter(),
        wanted_lufs=-3.0,
        plr_db=None,
        ceiling_dbtp=-20.0,
        max_reduction_db=200.0,
    )
    assert plan.limited_by == "ceiling"


def test_a_wanted_plr_lowers_the_peaks() -> None:
    audio = _drums()
    plan = plan_limiter(
        [_survey(audio)], Limiter(), wanted_lufs=-20.0, plr_db=14.0, ceiling_dbtp=-1.0, max_reduction_db=24.0
    )
    assert plan.limiter.ceiling_dbtp == pytest.approx(-6.0, abs=0.01)
    after = analyse(Limited(audio, plan.limiter, 4_410))
    assert after.plr_db == pytest.approx(14.0, abs=0.2)


def test_no_wanted_loudness_keeps_the_level(noise: Audio) -> None:
    plan = plan_limiter(
        [_survey(noise)], Limiter(), wanted_lufs=None, plr_db=None, ceiling_dbtp=-1.0, max_reduction_db=24.0
    )
    assert plan.limiter.input_gain_db == 0.0


def test_songs_of_an_album_share_one_gain(noise: Audio) -> None:
    quiet = Audio(samples=noise.samples * np.float32(0.25), sample_rate=noise.sample_rate)
    plan = plan_limiter(
        [_survey(noise), _survey(quiet)],
        Limiter(),
        wanted_lufs=-20.0,
        plr_db=None,
        ceiling_dbtp=-1.0,
        max_reduction_db=24.0,
    )
    loud_after = analyse(Limited(noise, plan.limiter, 4_410)).integrated_lufs
    quiet_after = analyse(Limited(quiet, plan.limiter, 4_410)).integrated_lufs
    assert loud_after - quiet_after == pytest.approx(20 * np.log10(4.0), abs=0.1)
    assert loud_after > -20.0 > quiet_after


def test_the_plan_keeps_the_limiters_times() -> None:
    limiter = replace(Limiter(), lookahead_ms=5.0, release_ms=200.0)
    plan = plan_limiter(
        [_survey(_drums(1.0))],
        limiter,
        wanted_lufs=-14.0,
        plr_db=None,
        ceiling_dbtp=-2.0,
        max_reduction_db=24.0,
    )
    assert (plan.limiter.lookahead_ms, plan.limiter.release_ms) == (5.0, 200.0)
