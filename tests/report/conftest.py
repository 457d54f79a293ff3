"""Reports to write about: one plausible run and the hard ones, all made here without any audio."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    Limiter,
    LinearPhaseEq,
    MasteringChain,
    MultibandCompressor,
    Origin,
    Saturation,
    Width,
)
from mastering.measure.features import THIRD_OCTAVES_HZ, Features
from mastering.notice import Notice
from mastering.ports import MatchResult
from mastering.report.model import Check, Curves, Report
from mastering.target import DeliverySpec, Recipe

CENTRES = np.asarray(THIRD_OCTAVES_HZ)
SILENT = (-math.inf,) * 31

WANTED_MID = tuple(
    (3.4 * np.exp(-(((np.arange(31) - 26) / 3.0) ** 2)) - 2.6 * np.exp(-(((np.arange(31) - 5) / 1.5) ** 2)))
    .round(3)
    .tolist()
)
KEPT_MID = tuple(
    (2.1 * np.exp(-(((np.arange(31) - 26) / 3.0) ** 2)) - 1.4 * np.exp(-(((np.arange(31) - 5) / 1.5) ** 2)))
    .round(3)
    .tolist()
)
WANTED_SIDE = tuple((0.05 * np.arange(31)).round(3).tolist())
KEPT_SIDE = tuple((0.03 * np.arange(31)).round(3).tolist())
ERROR_MID = tuple((0.6 + 1.5 * np.exp(-(((np.arange(31) - 5) / 2.0) ** 2))).round(3).tolist())
ERROR_SIDE = (1.2,) * 31


def make_features(*, lufs: float = -20.3, tilt: float = -4.4, seed: int = 1, **changes: Any) -> Features:
    """Features of an imaginary song: a falling spectrum with some life in it."""
    rng = np.random.default_rng(seed)
    octaves = np.log2(CENTRES / 1000.0)
    mid = lufs - 12.0 + tilt * octaves - 1.2 * np.maximum(0.0, np.log2(50.0 / CENTRES)) * 9.0
    mid = mid - 40.0 * np.maximum(0.0, np.log2(CENTRES / 17_000.0)) + rng.normal(0.0, 0.7, 31)
    side = mid - 11.0 + 1.2 * octaves - 12.0 * np.exp(-CENTRES / 90.0) + rng.normal(0.0, 0.6, 31)
    seconds = np.arange(200)
    loudness = lufs + 1.5 * np.sin(seconds / 17.0) - 6.0 * (seconds % 60 < 14) + rng.normal(0.0, 0.4, 200)
    values: dict[str, Any] = {
        "integrated_lufs": lufs,
        "max_momentary_lufs": lufs + 4.1,
        "max_short_term_lufs": lufs + 2.2,
        "loudness_range_lu": 8.1,
        "true_peak_dbtp": lufs + 14.2,
        "sample_peak_dbfs": lufs + 14.0,
        "plr_db": 14.2,
        "psr_db": 11.3,
        "crest_db": (6.1, 8.2, 10.4, 12.9),
        "level_percentiles_db": tuple(
            tuple((lufs - offset + np.array([-14.0, -3.0, 0.0, 2.5, 5.0])).tolist())
            for offset in (2.0, 4.0, 12.0, 20.0)
        ),
        "band_levels_mid_db": tuple(mid.tolist()),
        "band_levels_side_db": tuple(side.tolist()),
        "tilt_db_per_octave": tilt,
        "side_to_mid_db": tuple((side - mid).tolist()),
        "correlation": 0.78,
        "band_correlation": (0.98, 0.81, 0.66, 0.52),
        "clipped_frames": 0,
        "clipped_runs": 0,
        "dc_offset": 0.00012,
        "bandwidth_hz": 16_400.0,
        "noise_floor_dbfs": -71.3,
        "duration_s": 200.4,
        "sample_rate": 44_100,
        "channels": 2,
        "short_term_lufs": tuple(loudness.tolist()),
    }
    return Features(**{**values, **changes})


def make_master(**changes: Any) -> Features:
    """Features of the master of that song: louder, denser, brighter."""
    values: dict[str, Any] = {
        "lufs": -14.02,
        "tilt": -4.0,
        "plr_db": 13.0,
        "psr_db": 8.4,
        "loudness_range_lu": 6.4,
        "true_peak_dbtp": -1.02,
        "sample_peak_dbfs": -1.11,
        "crest_db": (5.2, 7.1, 9.0, 11.0),
        "correlation": 0.74,
    }
    return make_features(**{**values, **changes})


def make_silence() -> Features:
    """Features of digital silence: every level is -inf."""
    return make_features(
        integrated_lufs=-math.inf,
        max_momentary_lufs=-math.inf,
        max_short_term_lufs=-math.inf,
        loudness_range_lu=0.0,
        true_peak_dbtp=-math.inf,
        sample_peak_dbfs=-math.inf,
        plr_db=-math.inf,
        psr_db=-math.inf,
        crest_db=(-math.inf,) * 4,
        level_percentiles_db=((-math.inf,) * 5,) * 4,
        band_levels_mid_db=SILENT,
        band_levels_side_db=SILENT,
        tilt_db_per_octave=0.0,
        side_to_mid_db=SILENT,
        correlation=1.0,
        band_correlation=(1.0,) * 4,
        dc_offset=0.0,
        bandwidth_hz=0.0,
        noise_floor_dbfs=-math.inf,
        short_term_lufs=(-math.inf,) * 200,
    )


def make_mono(**changes: Any) -> Features:
    """Features of a mono file: silent side, correlation 1."""
    return make_features(
        band_levels_side_db=SILENT,
        side_to_mid_db=SILENT,
        correlation=1.0,
        band_correlation=(1.0,) * 4,
        channels=1,
        **changes,
    )


def make_curves(steps: int = 1200) -> Curves:
    """Time series of 200 s: a waveform, a busy limiter and three compressor bands."""
    rng = np.random.default_rng(3)
    time = np.arange(steps)
    envelope = 0.18 * (1.0 - 0.5 * (time % 360 < 84)) * (0.75 + 0.25 * rng.random(steps))
    limiter = -4.2 * np.clip(rng.random(steps) ** 6, 0.0, 1.0)
    limiter[steps // 2] = -4.2
    bands = {
        name: tuple((-depth * (0.4 + 0.6 * rng.random(steps))).round(3).tolist())
        for name, depth in (("below 120 Hz", 2.1), ("120 Hz to 5 kHz", 1.1), ("above 5 kHz", 1.6))
    }
    return Curves(
        step_s=200.4 / steps,
        before_peak=tuple(envelope.tolist()),
        after_peak=tuple(np.minimum(envelope * 4.2, 0.891).tolist()),
        limiter_reduction_db=tuple(limiter.tolist()),
        compressor_reduction_db=bands,
    )


def make_chain() -> MasteringChain:
    """A chain with every kind of step."""
    frequencies = tuple(CENTRES.round(3).tolist())
    return MasteringChain(
        name="song",
        steps=(
            Equalizer(
                mid=(
                    EqBand(shape="high_pass", frequency_hz=25.0),
                    EqBand(frequency_hz=3_150.0, gain_db=-0.8, q=1.4),
                )
            ),
            LinearPhaseEq(frequencies_hz=frequencies, mid_gain_db=KEPT_MID, side_gain_db=KEPT_SIDE),
            MultibandCompressor(
                crossovers_hz=(120.0, 5_000.0),
                bands=(
                    Compressor(threshold_dbfs=-24.0, ratio=2.0),
                    Compressor(threshold_dbfs=-26.5, ratio=1.5),
                    Compressor(threshold_dbfs=-38.0, ratio=1.8, attack_ms=5.0),
                ),
            ),
            Compressor(threshold_dbfs=-18.0, ratio=1.5, makeup_db=0.5),
            Width(frequencies_hz=(20.0, 90.0, 140.0, 20_000.0), side_gain_db=(-60.0, -60.0, 0.0, 1.0)),
            Saturation(drive_db=4.0, mix_percent=20.0),
        ),
        limiter=Limiter(input_gain_db=8.4, ceiling_dbtp=-1.0),
        origin=Origin(matcher="closed-form", version="0.1.0", input_sha256="a" * 64),
    )


def make_report(**changes: Any) -> Report:
    """A plausible run with one reference; `changes` replaces fields of the Report."""
    chain = make_chain()
    values: dict[str, Any] = {
        "input_name": "song.wav",
        "output_name": "song_master.wav",
        "input_sha256": "a1" * 32,
        "output_sha256": "b2" * 32,
        "reference_names": ("reference.flac",),
        "style": "",
        "target": "spotify",
        "before": make_features(),
        "after": make_master(),
        "references": (
            make_features(
                lufs=-9.8,
                tilt=-3.9,
                plr_db=9.5,
                true_peak_dbtp=-0.3,
                sample_peak_dbfs=-0.4,
                loudness_range_lu=5.9,
                seed=5,
            ),
        ),
        "match": MatchResult(
            chain=chain,
            integrated_lufs=-14.0,
            plr_db=9.9,
            wanted_mid_db=WANTED_MID,
            wanted_side_db=WANTED_SIDE,
            kept_mid_db=KEPT_MID,
            kept_side_db=KEPT_SIDE,
            notices=(Notice(code="bass_kept", message="The reference's bass is another arrangement."),),
        ),
        "recipe": Recipe(chain=chain, delivery=DeliverySpec(integrated_lufs=-14.0)),
        "checks": (
            Check(name="integrated_lufs", measured=-14.02, limit=-14.0, unit="LUFS", passed=True),
            Check(name="true_peak_dbtp", measured=-1.02, limit=-1.0, unit="dBTP", passed=True),
            Check(name="duration_s", measured=200.4, limit=200.4, unit="s", passed=True),
        ),
        "notices": (Notice(code="clipped_input", message="The input holds 12 clipped frames."),),
        "curves": make_curves(),
        "versions": {"tonmeister": "0.1.0", "numpy": "2.4.0", "pedalboard": "0.9.26"},
        "seconds": {"read": 0.41, "measure": 1.92, "match": 0.03, "render": 2.4, "write": 0.6},
    }
    return Report(**{**values, **changes})


def make_judged(
    *,
    kept_mid_db: tuple[float, ...] = KEPT_MID,
    kept_width_db: tuple[float, ...] = (0.6,) * 31,
    error_mid_db: tuple[float, ...] = ERROR_MID,
    error_width_db: tuple[float, ...] = ERROR_SIDE,
    amount_percent: float | None = None,
    wanted_mid_db: tuple[float, ...] = WANTED_MID,
    wanted_width_db: tuple[float, ...] = (2.0,) * 31,
    matcher: str = "learned",
    doubted: bool = False,
    **changes: Any,
) -> Report:
    """A run whose matcher judged by a model; width is the gain of side beyond mid.

    Curves of zeros are aspects that were not to change, or, `doubted`, such as the model was too unsure of.
    """
    report = make_report(**changes)
    assert report.match is not None
    chain = dataclasses.replace(
        report.recipe.chain, origin=dataclasses.replace(report.recipe.chain.origin, matcher=matcher)
    )
    match = dataclasses.replace(
        report.match,
        chain=chain,
        wanted_mid_db=wanted_mid_db,
        wanted_side_db=_sum(wanted_mid_db, wanted_width_db),
        kept_mid_db=kept_mid_db,
        kept_side_db=_sum(kept_mid_db, kept_width_db),
        expected_error_mid_db=error_mid_db if any(kept_mid_db) or doubted else (),
        expected_error_side_db=error_width_db if any(kept_width_db) or doubted else (),
        amount_percent=amount_percent,
    )
    recipe = dataclasses.replace(report.recipe, chain=chain)
    return dataclasses.replace(report, match=match, recipe=recipe)


def _sum(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


HOSTILE = '<script>alert("x")</script>&\'$x_1$ \U0001f3b8\u202egnp.\x1b[2J\udcff'


def hard_reports() -> dict[str, Report]:
    """Name -> a Report that breaks careless writers."""
    normal = make_report()
    silence, mono = make_silence(), make_mono()
    failed = (
        Check(name="integrated_lufs", measured=-15.2, limit=-14.0, unit="LUFS", passed=False),
        Check(name="true_peak_dbtp", measured=-0.77, limit=-1.0, unit="dBTP", passed=False),
        Check(name="duration_s", measured=203.4, limit=200.4, unit="s", passed=False),
        Check(name="sample_rate", measured=44_100.0, limit=48_000.0, unit="Hz", passed=False),
    )
    return {
        "normal": normal,
        "silence": make_report(
            before=silence,
            after=silence,
            references=(),
            reference_names=(),
            match=None,
            checks=(dataclasses.replace(failed[0], measured=-math.inf),),
            curves=Curves(step_s=0.1, before_peak=(0.0,) * 50, after_peak=(0.0,) * 50),
        ),
        "silent_reference": make_report(references=(silence,)),
        "mono": make_report(before=mono, after=make_mono(lufs=-14.02, true_peak_dbtp=-1.02, plr_db=13.0)),
        "folded": make_report(after=make_mono(lufs=-14.02, true_peak_dbtp=-1.02, plr_db=13.0)),
        "apply": make_report(match=None, references=(), reference_names=(), target=""),
        "style": make_report(references=(), reference_names=(), style="warm", target=""),
        "bare": make_report(
            match=None,
            references=(),
            reference_names=(),
            target="",
            recipe=Recipe(chain=MasteringChain(), delivery=DeliverySpec()),
            checks=(),
            notices=(),
            curves=Curves(step_s=0.1),
            versions={},
            seconds={},
        ),
        "failed": make_report(checks=failed),
        "judged": make_judged(),
        "nothing_to_do": make_judged(
            kept_mid_db=(0.05,) * 31,
            kept_width_db=(-0.05,) * 31,
            error_mid_db=(0.3,) * 31,
            error_width_db=(0.4,) * 31,
        ),
        "level_only": make_judged(kept_mid_db=(0.0,) * 31, kept_width_db=(0.0,) * 31),
        "typed": make_judged(
            kept_mid_db=tuple(0.5 * gain for gain in WANTED_MID),
            kept_width_db=(1.0,) * 31,
            error_mid_db=(),
            error_width_db=(),
            amount_percent=50.0,
        ),
        "odd_errors": make_judged(
            error_mid_db=(math.nan,) * 10 + (math.inf,) * 11 + (1.0,) * 10, error_width_db=(math.nan,) * 31
        ),
        "judged_mono": make_judged(before=mono, after=make_mono(lufs=-14.02, plr_db=13.0)),
        "short": make_report(
            before=make_features(duration_s=0.5, short_term_lufs=()),
            after=make_master(duration_s=0.5, short_term_lufs=(-14.0,)),
            curves=Curves(step_s=0.1, before_peak=(0.1,), after_peak=(0.5,), limiter_reduction_db=(-1.0,)),
        ),
        "many_references": make_report(
            references=tuple(
                make_features(lufs=-10.0, seed=seed, plr_db=9.4, true_peak_dbtp=-0.6) for seed in range(3)
            ),
            reference_names=("a.wav", "b.wav", "c.wav"),
        ),
        "hostile": make_report(
            input_name=HOSTILE,
            output_name=HOSTILE + ".wav",
            reference_names=(HOSTILE,),
            style=HOSTILE,
            target=HOSTILE,
            notices=(Notice(code=HOSTILE, message=HOSTILE),),
            checks=(Check(name=HOSTILE, measured=1.0, limit=2.0, unit=HOSTILE, passed=False),),
            versions={HOSTILE: HOSTILE},
            seconds={HOSTILE: 1.0},
            curves=dataclasses.replace(make_curves(40), compressor_reduction_db={HOSTILE: (-1.0,) * 40}),
        ),
    }


REPORTS = hard_reports()


@pytest.fixture(params=sorted(REPORTS))
def report(request: pytest.FixtureRequest) -> Report:
    """Each of the reports in turn."""
    return REPORTS[request.param]


@pytest.fixture
def reports() -> dict[str, Report]:
    """All of them, by name."""
    return REPORTS


@pytest.fixture
def features() -> Callable[..., Features]:
    """`make_features`."""
    return make_features


@pytest.fixture
def silence() -> Features:
    return make_silence()


@pytest.fixture
def mono() -> Features:
    return make_mono()


@pytest.fixture
def new_judged() -> Callable[..., Report]:
    """`make_judged`."""
    return make_judged


@pytest.fixture
def new_report() -> Callable[..., Report]:
    """`make_report`."""
    return make_report
