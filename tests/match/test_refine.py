"""Refinement brings an excerpt closer to what the matcher decided on, within the caps, or changes nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MasteringChain,
    MultibandCompressor,
    Saturation,
    Step,
    Width,
)
from mastering.host.render import render
from mastering.match.closed_form import ClosedFormMatcher
from mastering.match.refine import refine, refined
from mastering.match.twin.steps import numbers
from mastering.measure.features import THIRD_OCTAVES_HZ, analyse
from mastering.ports import MatchRequest, MatchResult
from mastering.styles import Limits

from .signals import beats

SECONDS = 3.0
MID = tuple(2.5 * np.sin(np.arange(31) / 3.0))
EXTRA = tuple(np.where(np.arange(31) > 10, 1.5, 0.0).tolist())
MULTIBAND = MultibandCompressor(
    crossovers_hz=(120.0, 1_000.0, 5_000.0),
    bands=(
        Compressor(threshold_dbfs=0.0, ratio=1.0),
        *(
            Compressor(threshold_dbfs=level_db, ratio=2.2, attack_ms=8.0, release_ms=120.0, makeup_db=2.0)
            for level_db in (-30.0, -32.0, -36.0)
        ),
    ),
)
STEPS: tuple[Step, ...] = (
    LinearPhaseEq(frequencies_hz=THIRD_OCTAVES_HZ, mid_gain_db=MID, side_gain_db=MID),
    Width(frequencies_hz=THIRD_OCTAVES_HZ, side_gain_db=EXTRA),
    MULTIBAND,
)


@pytest.fixture(scope="module")
def request_() -> MatchRequest:
    excerpt = beats(SECONDS)
    return MatchRequest(features=analyse(excerpt), refine_steps=12, excerpt=excerpt)


def result_of(steps: tuple[Step, ...]) -> MatchResult:
    return MatchResult(
        chain=MasteringChain(steps=steps),
        integrated_lufs=None,
        plr_db=None,
        kept_mid_db=MID,
        kept_side_db=tuple(np.add(MID, EXTRA)),
    )


def tone_error_db(excerpt: Audio, steps: tuple[Step, ...]) -> float:
    """Measured on the host's render."""
    before, after = analyse(excerpt), analyse(render(excerpt, steps))
    apart = np.subtract(after.band_levels_mid_db, before.band_levels_mid_db) - MID
    return float(np.abs(apart[2:30] - apart[2:30].mean()).mean())


def test_tone_and_crest_come_closer(request_: MatchRequest) -> None:
    assert request_.excerpt is not None
    found = refined(result_of(STEPS), replace(request_, refine_steps=40))
    (tone_before, tone_after), (crest_before, crest_after) = found.tone_error_db, found.crest_error_db
    assert tone_before > 1.0
    assert tone_after < 0.1
    assert crest_before > 1.5
    assert crest_after < 0.3
    # The twin's own reading is the host's.
    assert tone_error_db(request_.excerpt, STEPS) == pytest.approx(tone_before, abs=0.01)
    assert tone_error_db(request_.excerpt, found.result.chain.steps) == pytest.approx(tone_after, abs=0.01)


def test_bands_that_rest_go_on_resting(request_: MatchRequest) -> None:
    steps = refine(result_of(STEPS), request_).chain.steps
    multiband = steps[2]
    assert isinstance(multiband, MultibandCompressor)
    assert multiband.bands[0] == MULTIBAND.bands[0]
    assert multiband.bands[1] != MULTIBAND.bands[1]


def test_the_same_every_time(request_: MatchRequest) -> None:
    short = replace(request_, refine_steps=3)
    assert refine(result_of(STEPS), short) == refine(result_of(STEPS), short)


def test_caps_hold(request_: MatchRequest) -> None:
    limits = Limits(max_boost_db=2.5, max_cut_db=2.5, max_width_change_db=1.5, max_side_boost_db=1.5)
    steps = refine(result_of(STEPS), replace(request_, limits=limits, refine_steps=6)).chain.steps
    assert steps != STEPS
    assert isinstance(steps[0], LinearPhaseEq)
    assert isinstance(steps[1], Width)
    assert max(map(abs, steps[0].mid_gain_db)) <= 2.5 + 1e-3
    assert max(map(abs, steps[1].side_gain_db)) <= 1.5 + 1e-3
    bass = np.array(THIRD_OCTAVES_HZ) < 120.0
    assert np.array(steps[1].side_gain_db)[bass].max() <= 1e-3


def test_a_sure_matcher_is_changed_less(request_: MatchRequest) -> None:
    moved = []
    for error_db in (0.1, 3.0):
        result = replace(result_of(STEPS), expected_error_mid_db=(error_db,) * 31)
        step = refine(result, request_).chain.steps[0]
        assert isinstance(step, LinearPhaseEq)
        moved.append(float(np.abs(np.subtract(step.mid_gain_db, MID)).mean()))
    assert moved[0] < 0.7 * moved[1]


def test_aspects_that_may_not_change_do_not(request_: MatchRequest) -> None:
    steps = refine(result_of(STEPS), replace(request_, only=("dynamics", "level"))).chain.steps
    assert steps[:2] == STEPS[:2]
    assert steps[2] != STEPS[2]


def test_what_a_style_adds_stays(request_: MatchRequest) -> None:
    passes = Equalizer(mid=(EqBand(shape="high_pass", frequency_hz=40.0),))
    bass_mono = Width(frequencies_hz=(60.0, 120.0, 200.0), side_gain_db=(-60.0, -30.0, 0.0))
    colour = Saturation(drive_db=4.0, mix_percent=20.0)
    steps = refine(
        result_of((passes, STEPS[0], bass_mono, MULTIBAND, colour)), replace(request_, refine_steps=4)
    ).chain.steps
    assert (steps[0], steps[4]) == (passes, colour)
    assert isinstance(steps[2], Width)
    assert steps[2].side_gain_db[:2] == (-60.0, -30.0)


def silent(excerpt: Audio) -> Audio:
    return Audio(samples=np.zeros_like(excerpt.samples), sample_rate=excerpt.sample_rate)


@pytest.mark.parametrize(
    "case", ["silence", "no excerpt", "no frames", "no steps", "empty chain", "six channels"]
)
def test_nothing_to_refine(request_: MatchRequest, case: str) -> None:
    excerpt = request_.excerpt
    assert excerpt is not None
    result = result_of(() if case == "empty chain" else STEPS)
    request = {
        "silence": replace(request_, excerpt=silent(excerpt)),
        "no excerpt": replace(request_, excerpt=None),
        "no frames": replace(request_, excerpt=Audio(samples=excerpt.samples[:, :0], sample_rate=44_100)),
        "no steps": replace(request_, refine_steps=0),
        "empty chain": request_,
        "six channels": replace(
            request_, excerpt=Audio(samples=np.tile(excerpt.samples, (3, 1)), sample_rate=44_100)
        ),
    }[case]
    assert refine(result, request) is result


@pytest.mark.parametrize("case", ["mono", "mono in stereo", "one frame", "very short", "full-scale square"])
def test_odd_excerpts_do_no_harm(request_: MatchRequest, case: str) -> None:
    excerpt = request_.excerpt
    assert excerpt is not None
    samples = {
        "mono": excerpt.samples[:1],
        "mono in stereo": np.tile(excerpt.samples[:1], (2, 1)),
        "one frame": excerpt.samples[:, :1],
        "very short": excerpt.samples[:, :900],
        "full-scale square": np.sign(excerpt.samples + np.float32(1e-9)),
    }[case]
    odd = Audio(samples=np.ascontiguousarray(samples), sample_rate=44_100)
    request = replace(request_, excerpt=odd, features=analyse(odd), refine_steps=2)
    found = refine(result_of(STEPS), request)
    for step in found.chain.steps:
        assert all(np.isfinite(own).all() for own in numbers(step).values())


def test_a_closed_form_match_is_never_made_worse() -> None:
    song, reference = beats(6.0), render(beats(5.0), STEPS)
    request = MatchRequest(
        features=analyse(song),
        references=(replace(analyse(reference), plr_db=analyse(song).plr_db - 6.0),),
        amount_percent=100.0,
        refine_steps=4,
        excerpt=Audio(samples=song.samples[:, :100_000].copy(), sample_rate=44_100),
    )
    before, after = refined(ClosedFormMatcher().match(request), request).objective
    assert 0.0 < after <= before


def test_who_does_not_refine_does_not_pay_for_torch() -> None:
    code = "import sys, mastering.match.refine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
