"""Differences of two Features: signs, silence, the spectrum's shape, the table and the JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from mastering.codec import to_json
from mastering.measure.features import Features
from mastering.report.compare import compare, comparison_text
from mastering.report.rows import ROWS, side_to_mid_total_db


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers(item)]
    if isinstance(value, (list, tuple)):
        return [n for item in value for n in numbers(item)]
    return [float(value)] if isinstance(value, (int, float)) else []


def test_differences_are_b_minus_a(features: Callable[..., Features]) -> None:
    a, b = features(lufs=-20.0), features(lufs=-14.0, plr_db=9.0, crest_db=(5.1, 8.2, 10.4, 13.9))
    found = compare(a, b)
    assert found.integrated_lu == pytest.approx(6.0)
    assert found.plr_db == pytest.approx(-5.2)
    assert found.crest_db == pytest.approx((-1.0, 0.0, 0.0, 1.0))
    assert found.true_peak_db == pytest.approx(6.0)


def test_comparing_the_other_way_round_changes_every_sign(features: Callable[..., Features]) -> None:
    a, b = features(seed=1), features(seed=2, lufs=-11.0, tilt=-3.0)
    there, back = compare(a, b), compare(b, a)
    assert there.spectrum_mid_db == pytest.approx([-x for x in back.spectrum_mid_db])
    assert there.spectrum_distance_db == pytest.approx(back.spectrum_distance_db)
    assert there.width_db == pytest.approx(-back.width_db)


def test_the_spectrum_does_not_see_gain(features: Callable[..., Features]) -> None:
    a = features()
    louder = features(band_levels_mid_db=tuple(level + 7.0 for level in a.band_levels_mid_db))
    found = compare(a, louder)
    assert found.spectrum_distance_db == pytest.approx(0.0, abs=1e-12)
    assert found.spectrum_mid_db == pytest.approx([0.0] * 31, abs=1e-12)
    assert found.spectrum_bands == 28


def test_the_distance_is_the_mean_over_28_bands(features: Callable[..., Features]) -> None:
    a = features()
    levels = list(a.band_levels_mid_db)
    levels[10] += 2.8  # mean 0.1 over 28 bands: one band is 2.7 off, 27 are 0.1 off
    levels[0] += 30.0  # 20 Hz is outside
    levels[30] -= 30.0  # 20 kHz is outside
    found = compare(a, features(band_levels_mid_db=tuple(levels)))
    assert found.spectrum_distance_db == pytest.approx((2.7 + 27 * 0.1) / 28)
    assert found.spectrum_mid_db[10] == pytest.approx(2.7)


def test_width_is_the_power_of_all_bands(features: Callable[..., Features]) -> None:
    one = features()
    side = 10.0 * np.log10(np.sum(10.0 ** (np.array(one.band_levels_side_db) / 10.0)))
    mid = 10.0 * np.log10(np.sum(10.0 ** (np.array(one.band_levels_mid_db) / 10.0)))
    assert side_to_mid_total_db(one) == pytest.approx(side - mid)


def test_equal_silence_is_no_difference(silence: Features) -> None:
    found = compare(silence, silence)
    assert found.integrated_lu == 0.0
    assert found.spectrum_distance_db == 0.0
    assert found.spectrum_bands == 0
    assert set(found.side_to_mid_db) == {0.0}


def test_silence_against_music_is_infinite_and_null_in_json(
    silence: Features, features: Callable[..., Features]
) -> None:
    found = compare(silence, features())
    assert found.integrated_lu == math.inf
    assert found.spectrum_distance_db == math.inf
    document = json.loads(to_json(found))
    assert document["integrated_lu"] is None
    assert document["duration_s"] == 0.0


@pytest.mark.parametrize("first", ["silence", "mono", "music"])
@pytest.mark.parametrize("second", ["silence", "mono", "music"])
def test_no_difference_is_nan(
    first: str, second: str, silence: Features, mono: Features, features: Callable[..., Features]
) -> None:
    pieces = {"silence": silence, "mono": mono, "music": features(seed=3)}
    a, b = pieces[first], pieces[second]
    found = compare(a, b)
    values = numbers([getattr(found, name) for name in found.__slots__])
    assert len(values) > 60
    assert not any(math.isnan(value) for value in values)
    text = comparison_text(a, b, ("a.wav", "b.wav")).lower()
    assert "nan" not in text
    assert "inf" not in text


def test_a_digitally_silent_band_is_left_out_of_the_distance(features: Callable[..., Features]) -> None:
    a = features()
    levels = list(a.band_levels_mid_db)
    levels[28:] = [-math.inf] * 3
    found = compare(a, features(band_levels_mid_db=tuple(levels)))
    assert found.spectrum_bands == 26
    assert found.spectrum_distance_db == pytest.approx(0.0, abs=1e-12)
    assert found.spectrum_mid_db[29] == -math.inf


def test_the_table_shows_both_and_the_difference(features: Callable[..., Features]) -> None:
    text = comparison_text(features(lufs=-20.3), features(lufs=-14.0, tilt=-3.4), ("mix.wav", "master.wav"))
    lines = {line.split("(")[0].strip(): line.split() for line in text.splitlines() if line}
    assert lines["Integrated loudness"][-3:] == ["-20.3", "-14.0", "+6.3"]
    assert lines["Tilt"][-3:] == ["-4.40", "-3.40", "+1.00"]
    assert "A: mix.wav" in text
    assert "over 28 third octaves" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_table_shows_every_row_once(features: Callable[..., Features]) -> None:
    lines = [line.strip() for line in comparison_text(features(), features(), ("a", "b")).splitlines()]
    for row in ROWS:
        assert sum(line.startswith(row.heading + "  ") for line in lines) == 1, row.heading


def test_rows_have_names_of_their_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) == len({row.label for row in ROWS})
