"""How a difference splits into matched and left, and what makes a matcher sure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.report.model import Report
from mastering.report.shares import Share, shares_of, sureness

BANDS = slice(2, 30)
CURVES = st.lists(st.floats(-30.0, 30.0), min_size=31, max_size=31).map(np.array)


def tone_of(report: Report) -> Share:
    tone, _ = shares_of(report)
    assert tone is not None
    return tone


@given(wanted=CURVES, kept=CURVES)
def test_matched_and_left_add_up_and_never_exceed_the_difference(
    wanted: np.ndarray, kept: np.ndarray
) -> None:
    share = Share(wanted_db=wanted, kept_db=kept)
    assert (np.abs(share.left_db) <= np.abs(wanted)).all()
    assert (share.left_db * wanted >= 0.0).all()
    assert wanted - share.left_db + share.beyond_db == pytest.approx(kept, abs=1e-9)
    assert 0.0 <= share.matched_share <= 1.0 + 1e-12
    left = float(np.abs(share.left_db[BANDS]).mean())
    assert share.matched_mean_db + left == pytest.approx(share.whole_mean_db)


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 1.0])
def test_a_plain_share_of_the_difference_is_that_share(part: float) -> None:
    wanted = np.random.default_rng(1).normal(0.0, 3.0, 31)
    share = Share(wanted_db=wanted, kept_db=part * wanted)
    assert share.matched_share == pytest.approx(part)
    assert share.beyond_db == pytest.approx(0.0, abs=1e-12)
    assert share.untouched == (part == 0.0)


def test_going_beyond_or_against_the_difference_matches_no_more() -> None:
    wanted, kept = np.full(31, 2.0), np.full(31, 5.0)
    assert Share(wanted_db=wanted, kept_db=kept).matched_share == 1.0
    assert Share(wanted_db=wanted, kept_db=kept).beyond_db == pytest.approx(3.0)
    against = Share(wanted_db=wanted, kept_db=-kept)
    assert against.matched_share == 0.0
    assert against.left_db == pytest.approx(2.0)
    assert against.beyond_db == pytest.approx(-5.0)


def test_the_outermost_bands_do_not_count() -> None:
    wanted = np.zeros(31)
    wanted[[0, 1, 30]] = 40.0
    assert Share(wanted_db=wanted, kept_db=wanted).whole_mean_db == 0.0
    assert Share(wanted_db=wanted, kept_db=wanted).matched_share == 0.0


def test_width_is_side_beyond_mid(new_judged: Callable[..., Report]) -> None:
    report = new_judged(wanted_width_db=(2.0,) * 31, kept_width_db=(0.5,) * 31)
    _, width = shares_of(report)
    assert width is not None
    assert width.wanted_db == pytest.approx(2.0)
    assert width.matched_share == pytest.approx(0.25)
    assert width.error_mean_db == pytest.approx(1.2)


def test_mono_has_no_width_and_a_recipe_no_shares(reports: dict[str, Report]) -> None:
    tone, width = shares_of(reports["judged_mono"])
    assert tone is not None
    assert width is None
    assert shares_of(reports["apply"]) == (None, None)


def test_unknown_errors_are_unknown_and_some_are_enough(new_judged: Callable[..., Report]) -> None:
    for error in ((), (math.nan,) * 31, (math.inf,) * 31, (1.0,) * 30, (1.0, 1.0, *(math.nan,) * 28, 1.0)):
        tone = tone_of(new_judged(error_mid_db=error))
        assert tone.error_mean_db is None
        assert tone.sureness is None
    half = tone_of(new_judged(error_mid_db=(math.nan,) * 15 + (0.8,) * 16))
    assert half.error_mean_db == pytest.approx(0.8)


def test_what_was_not_to_change_has_no_expected_error(reports: dict[str, Report]) -> None:
    tone, width = shares_of(reports["level_only"])
    assert tone is not None
    assert width is not None
    for share in (tone, width):
        assert share.untouched
        assert share.error_mean_db is None


def test_curves_that_are_no_numbers_are_no_shares(new_judged: Callable[..., Report]) -> None:
    assert shares_of(new_judged(kept_mid_db=(math.nan,) * 31)) == (None, None)
    report = new_judged()
    assert report.match is not None
    short = dataclasses.replace(report, match=dataclasses.replace(report.match, kept_side_db=()))
    tone, width = shares_of(short)
    assert tone is not None
    assert width is None


@pytest.mark.parametrize(
    ("error", "changed", "word"),
    [
        (0.5, 0.0, "sure"),
        (0.54, 0.0, "sure"),  # written as 0.5
        (0.6, 0.0, "fairly sure"),
        (1.0, 0.0, "fairly sure"),
        (1.1, 0.0, "unsure"),
        (1.1, 2.4, "fairly sure"),
        (1.0, 4.0, "sure"),
        (3.0, 4.0, "unsure"),
    ],
)
def test_an_error_counts_by_itself_and_against_the_change(error: float, changed: float, word: str) -> None:
    assert sureness(error, changed) == word


def test_more_error_never_makes_surer_and_width_bears_twice_as_much() -> None:
    order = ("sure", "fairly sure", "unsure")
    for changed in (0.0, 1.0, 3.0, 6.0):
        ranks = [order.index(sureness(error, changed)) for error in np.linspace(0.0, 6.0, 61)]
        assert ranks == sorted(ranks)
    assert sureness(0.9, 0.0, 1.0) == "sure"
    assert sureness(0.9, 0.0) == "fairly sure"
