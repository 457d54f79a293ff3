"""The closed-form matcher does what its words say: tone, width, dynamics, level, caps, amount, only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.chain import Compressor, Equalizer, LinearPhaseEq, MultibandCompressor, Width
from mastering.dsp.biquad import design, magnitude_db
from mastering.match.closed_form import ClosedFormMatcher
from mastering.measure.features import Features
from mastering.ports import MatchRequest, MatchResult
from mastering.styles import Limits
from mastering.target import DeliverySpec

from .conftest import CENTRES, make_features, tilted

WIDE = Limits(
    max_boost_db=20.0,
    max_cut_db=20.0,
    max_side_boost_db=20.0,
    max_width_change_db=20.0,
    max_compression_db=10.0,
    max_plr_reduction_db=20.0,
)


def match(features: Features, *references: Features, **request: object) -> MatchResult:
    return ClosedFormMatcher().match(
        MatchRequest(features=features, references=references, **({"limits": WIDE} | request))  # type: ignore[arg-type]
    )


def step(result: MatchResult, kind: type) -> object | None:
    return next((s for s in result.chain.steps if isinstance(s, kind)), None)


def test_amount_100_asks_for_the_whole_difference(features: Features) -> None:
    kept = np.array(match(features, tilted(1.5), amount_percent=100.0).kept_mid_db)
    expected = 1.5 * np.log2(CENTRES / 1_000.0)
    expected -= expected[2:30].mean()
    assert kept[2:30] == pytest.approx(expected[2:30], abs=0.01)


@given(st.floats(0.0, 100.0))
def test_amount_scales_the_curve(amount: float) -> None:
    full = np.array(match(make_features(), tilted(1.0), amount_percent=100.0).kept_mid_db)
    part = np.array(match(make_features(), tilted(1.0), amount_percent=amount).kept_mid_db)
    assert part == pytest.approx(full * amount / 100.0, abs=1e-9)


def test_amount_0_leaves_only_level(features: Features) -> None:
    result = match(features, tilted(3.0, integrated_lufs=-9.0, plr_db=8.0), amount_percent=0.0)
    assert result.chain.steps == ()
    assert result.integrated_lufs == -9.0


def test_auto_keeps_a_smooth_tilt_and_drops_a_lone_band(features: Features) -> None:
    smooth = np.array(match(features, tilted(1.0)).kept_mid_db)
    whole = np.array(match(features, tilted(1.0), amount_percent=100.0).kept_mid_db)
    assert np.abs(smooth).sum() > 0.6 * np.abs(whole).sum()
    lone = np.array(features.band_levels_mid_db)
    lone[15] += 6.0
    spiky = match(features, replace(features, band_levels_mid_db=tuple(lone.tolist())))
    assert abs(spiky.kept_mid_db[15]) < 0.4 * 6.0


def test_more_references_are_trusted_more(features: Features) -> None:
    one = np.abs(match(features, tilted(1.0)).kept_mid_db).sum()
    three = np.abs(match(features, tilted(1.0), tilted(1.0), tilted(1.0)).kept_mid_db).sum()
    assert three > one


@given(st.floats(-8.0, 8.0))
def test_caps_hold(tilt: float) -> None:
    limits = Limits(max_boost_db=3.0, max_cut_db=4.0)
    result = match(make_features(), tilted(tilt), amount_percent=100.0, limits=limits)
    assert max(result.kept_mid_db) <= 3.0
    assert min(result.kept_mid_db) >= -4.0
    if abs(tilt) > 3.0:
        assert "tone_capped" in {notice.code for notice in result.notices}


def test_nothing_is_boosted_above_the_audible_bandwidth() -> None:
    dull = make_features(bandwidth_hz=8_000.0)
    result = match(dull, tilted(3.0), amount_percent=100.0)
    assert max(np.array(result.kept_mid_db)[CENTRES > 8_500.0]) <= 0.0


def test_noise_is_not_boosted() -> None:
    noisy = make_features(noise_floor_dbfs=-56.0)
    quiet_bands = np.array(noisy.band_levels_mid_db) < -56.0 - 15.0 + 10.0
    result = match(noisy, tilted(3.0), amount_percent=100.0)
    assert np.array(result.kept_mid_db)[quiet_bands].max(initial=0.0) <= 0.0


def test_a_near_mono_side_is_not_inflated() -> None:
    mid = np.array(make_features().band_levels_mid_db)
    narrow = make_features(band_levels_side_db=tuple((mid - 45.0).tolist()), side_to_mid_db=(-45.0,) * 31)
    result = match(narrow, make_features(), amount_percent=100.0)
    assert step(result, Width) is None


def test_width_follows_the_reference(features: Features) -> None:
    mid = np.array(features.band_levels_mid_db)
    wide = make_features(band_levels_side_db=tuple((mid - 6.0).tolist()))
    curve = step(match(features, wide, amount_percent=100.0), Width)
    assert isinstance(curve, Width)
    assert curve.side_gain_db == pytest.approx([4.0] * 31, abs=0.01)


def test_mono_input_gets_no_width() -> None:
    mono = make_features(channels=1, band_levels_side_db=(-np.inf,) * 31, side_to_mid_db=(-np.inf,) * 31)
    assert step(match(mono, make_features(), amount_percent=100.0), Width) is None


def test_dynamics_come_closer_where_the_reference_is_denser(features: Features) -> None:
    denser = make_features(crest_db=(5.0, 7.0, 8.0, 9.0), plr_db=10.0)
    result = match(features, denser, amount_percent=100.0)
    bands = step(result, MultibandCompressor)
    assert isinstance(bands, MultibandCompressor)
    assert bands.bands[0].ratio > 1.2
    assert [band.ratio for band in bands.bands[1:]] == [1.0]
    assert result.plr_db == pytest.approx(10.0)


def test_a_denser_input_is_left_alone_with_a_notice() -> None:
    dense = make_features(crest_db=(3.0, 3.0, 3.0, 3.0), plr_db=7.0)
    result = match(dense, make_features(), amount_percent=100.0)
    assert not any(isinstance(s, (Compressor, MultibandCompressor)) for s in result.chain.steps)
    assert result.plr_db is None
    assert "denser_already" in {notice.code for notice in result.notices}


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (("tone",), {"linear_phase_eq"}),
        (("width",), {"width"}),
        (("dynamics",), {"multiband_compressor"}),
        (("level",), set()),
    ],
)
def test_only_changes_what_is_named(only: tuple[str, ...], kinds: set[str]) -> None:
    mid = np.array(make_features().band_levels_mid_db) + 2.0 * np.log2(CENTRES / 1_000.0)
    other = make_features(
        band_levels_mid_db=tuple(mid.tolist()),
        band_levels_side_db=tuple((mid - 4.0).tolist()),
        crest_db=(5.0, 4.0, 5.0, 6.0),
        plr_db=10.5,
        integrated_lufs=-10.0,
    )
    result = match(make_features(), other, amount_percent=100.0, only=only)
    assert {s.kind for s in result.chain.steps} == kinds
    assert result.integrated_lufs == (-10.0 if "level" in only else -18.0)


def test_the_targets_loudness_goes_before_the_references(features: Features) -> None:
    result = match(
        features, make_features(integrated_lufs=-9.0), delivery=DeliverySpec(integrated_lufs=-14.0)
    )
    assert result.integrated_lufs == -14.0


def test_a_match_with_itself_changes_nothing(features: Features) -> None:
    for amount in (None, 100.0):
        result = match(features, features, amount_percent=amount)
        assert result.chain.steps == ()
        assert result.integrated_lufs == features.integrated_lufs


def test_without_reference_style_or_target_nothing_is_asked_for(features: Features) -> None:
    result = match(features)
    assert result.chain.steps == ()
    assert result.integrated_lufs is None


def test_parametric_bands_follow_the_same_curve(features: Features) -> None:
    linear = match(features, tilted(1.2), amount_percent=100.0)
    parametric = match(features, tilted(1.2), amount_percent=100.0, eq="parametric")
    bands = step(parametric, Equalizer)
    assert isinstance(bands, Equalizer)
    assert 1 <= len(bands.mid) <= 8
    assert not any(isinstance(s, LinearPhaseEq) for s in parametric.chain.steps)
    sections = np.vstack([design(b.shape, b.frequency_hz, b.gain_db, b.q, 44_100) for b in bands.mid])
    error = magnitude_db(sections, CENTRES, 44_100) - np.array(linear.kept_mid_db)
    assert np.sqrt(np.mean(error[2:29] ** 2)) < 0.5


def test_a_difference_in_crest_alone_is_the_playing() -> None:
    livelier = make_features(crest_db=(12.0, 11.0, 12.0, 13.0), plr_db=15.0)
    result = match(livelier, make_features(), amount_percent=100.0)
    assert not any(isinstance(s, (Compressor, MultibandCompressor)) for s in result.chain.steps)
    assert result.plr_db == pytest.approx(14.0)
