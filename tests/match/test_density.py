"""Distributions of level and the compressor solved for on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.match.density import EFFICIENCY, Distribution, compressor_for, joined

BAND = Distribution.from_percentiles((-40.0, -28.0, -22.0, -18.0, -13.0))


def _solve(crest_reduction_db: float, max_mean_reduction_db: float = 20.0):  # type: ignore[no-untyped-def]
    return compressor_for(
        BAND,
        crest_reduction_db=crest_reduction_db,
        max_mean_reduction_db=max_mean_reduction_db,
        attack_ms=5.0,
        release_ms=100.0,
    )


def test_percentiles_are_kept_and_shift_moves_all() -> None:
    assert np.percentile(BAND.levels_db, 50) == pytest.approx(-28.0, abs=0.3)
    assert np.percentile(BAND.levels_db, 90) == pytest.approx(-18.0, abs=0.3)
    shifted = Distribution.from_percentiles((-40.0, -28.0, -22.0, -18.0, -13.0), 3.0)
    assert shifted.levels_db == pytest.approx(BAND.levels_db + 3.0)
    assert shifted.crest_db == pytest.approx(BAND.crest_db)


@given(st.floats(0.5, 3.0))
def test_the_static_curve_takes_off_what_was_asked(wanted: float) -> None:
    found = _solve(wanted)
    after = BAND.compressed(found.threshold_dbfs, found.ratio)
    assert BAND.crest_db - after.crest_db == pytest.approx(wanted / EFFICIENCY, abs=0.15)
    assert after.rms_db + found.makeup_db == pytest.approx(BAND.rms_db, abs=0.02)


def test_more_is_asked_more_is_done() -> None:
    ratios = [_solve(wanted).ratio for wanted in (0.5, 1.0, 2.0)]
    assert ratios == sorted(ratios)


def test_the_cap_on_mean_reduction_holds() -> None:
    found = _solve(6.0, max_mean_reduction_db=1.5)
    reduction = BAND.levels_db - BAND.compressed(found.threshold_dbfs, found.ratio).levels_db
    assert reduction[50:].mean() <= 1.6


def test_nothing_for_little_or_for_silence() -> None:
    assert _solve(0.2) is None
    silent = Distribution.from_percentiles((-np.inf,) * 5)
    assert (
        compressor_for(silent, crest_reduction_db=3.0, max_mean_reduction_db=6.0, attack_ms=5, release_ms=50)
        is None
    )


def test_joined_bands_add_power() -> None:
    assert joined([BAND, BAND]).rms_db == pytest.approx(BAND.rms_db + 3.01, abs=0.01)
