"""Style and Target as values: what they refuse, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mastering.codec import from_plain, to_plain
from mastering.errors import ParameterError, PresetError
from mastering.styles import Glue, Limits, Style, Target
from mastering.target import DeliverySpec


def _style() -> Style:
    return Style(
        name="flat",
        title="Flat",
        summary="A test.",
        source="Made up for a test.",
        band_levels_db=(0.0,) * 31,
        tone_tolerance_db=(2.0,) * 31,
        side_to_mid_db=(-10.0,) * 31,
        side_tolerance_db=(4.0,) * 31,
        plr_low_db=8.0,
        plr_high_db=14.0,
        crest_low_db=(4.0,) * 4,
        crest_high_db=(10.0,) * 4,
        glue=Glue(),
    )


def _target(date: str = "2023-11") -> Target:
    return Target(
        name="t",
        title="T",
        summary="A test.",
        date=date,
        source="Here.",
        official=False,
        delivery=DeliverySpec(),
    )


@pytest.mark.parametrize("value", [_style(), replace(_style(), glue=None), _target()])
def test_plain_values_round_trip(value: Style | Target) -> None:
    assert from_plain(type(value), to_plain(value), "here") == value


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("band_levels_db", (0.0,) * 30, "Style.band_levels_db has 30 numbers: allowed exactly 31"),
        ("tone_tolerance_db", (2.0,), "Style.tone_tolerance_db has 1 numbers: allowed exactly 31"),
        ("crest_low_db", (4.0,) * 5, "Style.crest_low_db has 5 numbers: allowed exactly 4"),
        ("side_tolerance_db", (-1.0,) * 31, "Style.side_tolerance_db=-1.0: allowed 0..40 dB"),
        ("band_levels_db", (float("nan"),) * 31, "Style.band_levels_db=nan: allowed -80..40 dB"),
        ("plr_low_db", 15.0, "Style.plr_low_db is above Style.plr_high_db"),
        ("crest_high_db", (3.0,) * 4, "Style.crest_low_db is above Style.crest_high_db"),
        ("integrated_lufs", 3.0, r"Style.integrated_lufs=3.0: allowed -40..-3 LUFS"),
    ],
)
def test_a_style_refuses_wrong_numbers(field: str, value: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        replace(_style(), **{field: value})


def test_limits_and_glue_have_ranges() -> None:
    with pytest.raises(ParameterError, match=r"Limits.max_boost_db=30.0: allowed 0..24 dB"):
        Limits(max_boost_db=30.0)
    with pytest.raises(ParameterError, match=r"Glue.ratio=0.5: allowed 1..20 :1"):
        Glue(ratio=0.5)


@pytest.mark.parametrize("date", ["2021", "2021-09", "2013-03-12"])
def test_iso_dates_of_any_precision_are_taken(date: str) -> None:
    assert _target(date).date == date


@pytest.mark.parametrize("date", ["", "last year", "2021-13", "2021-02-30", "12.03.2013"])
def test_other_dates_are_refused(date: str) -> None:
    with pytest.raises(ParameterError, match=r"Target.date=.*: allowed an ISO date"):
        _target(date)


def test_a_newer_schema_is_refused() -> None:
    with pytest.raises(PresetError, match="schema 2"):
        from_plain(Target, {**to_plain(_target()), "schema": 2}, "here")
