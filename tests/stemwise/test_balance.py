"""Balance: one wrong fader is found, a common gain is none, small differences are music."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.measure.features import analyse
from mastering.ports import SeparatorInfo
from mastering.stemwise.balance import MAX_LEVEL_DB, Balance, balance
from mastering.stemwise.hearing import HeardStems, hear

Mix = Callable[[Mapping[str, Audio]], Audio]


def other_take(heard: HeardStems) -> HeardStems:
    """A longer recording that measures the same: its seconds are not those of the first."""
    stems = {
        name: replace(one, short_term_lufs=(*one.short_term_lufs, one.short_term_lufs[-1]))
        for name, one in heard.stems.items()
    }
    return replace(heard, stems=stems)


@pytest.fixture
def heard(song: dict[str, Audio], separators: Callable[..., Any], mix: Mix) -> HeardStems:
    whole = mix(song)
    return hear(separators(song).separate(whole), analyse(whole))


def moved(heard: HeardStems, **gains_db: float) -> HeardStems:
    """With other levels of single stems."""
    stems = {
        name: replace(
            one,
            integrated_lufs=one.integrated_lufs + gains_db.get(name, 0.0),
            short_term_lufs=tuple(np.asarray(one.short_term_lufs) + gains_db.get(name, 0.0)),
        )
        for name, one in heard.stems.items()
    }
    return replace(heard, stems=stems)


def judged(
    own: HeardStems, reference: HeardStems, amount_percent: float | None = None, trust: float = 1.0
) -> dict[str, Balance]:
    return balance(
        own, dict.fromkeys(own.stems, (reference,)), dict.fromkeys(own.stems, trust), amount_percent
    )


def test_the_same_balance_is_left_alone(heard: HeardStems) -> None:
    assert all(one == Balance(wanted_db=0.0, level_db=0.0) for one in judged(heard, heard).values())


def test_a_common_gain_is_no_balance(heard: HeardStems) -> None:
    louder = moved(heard, **dict.fromkeys(heard.stems, 7.0))
    assert all(abs(one.wanted_db) < 1e-9 and one.level_db == 0.0 for one in judged(heard, louder).values())


@pytest.mark.parametrize("wrong_db", [-7.0, -5.0, 5.0, 7.0])
def test_one_wrong_fader_is_found_and_the_others_stay(heard: HeardStems, wrong_db: float) -> None:
    found = judged(moved(heard, vocals=wrong_db), heard)
    assert found["vocals"].wanted_db == pytest.approx(-wrong_db)
    assert np.sign(found["vocals"].level_db) == -np.sign(wrong_db)
    assert 1.0 < abs(found["vocals"].level_db) <= MAX_LEVEL_DB
    assert all(one.level_db == 0.0 for name, one in found.items() if name != "vocals")


def test_small_differences_are_music(heard: HeardStems) -> None:
    found = judged(moved(heard, vocals=1.5), other_take(heard))["vocals"]
    assert found.wanted_db == pytest.approx(-1.5)
    assert found.level_db == 0.0


def test_two_mixes_of_one_performance_are_told_apart_by_less(song: dict[str, Audio], mix: Mix) -> None:
    # A performance of one minute, put together from measurements: a stem must sound for some seconds.
    whole = analyse(mix(song))
    seconds = tuple(whole.integrated_lufs + 3.0 * np.sin(np.arange(60.0)))
    one = replace(whole, short_term_lufs=seconds)
    info = SeparatorInfo(
        model="x", label="official", sources=("a", "b", "c"), sample_rate=44_100, sha256=(), settings={}
    )
    take = HeardStems(mix=one, stems={"a": one, "b": one, "c": one}, info=info, residual_share=0.0)
    wrong = moved(take, a=-3.0)
    same, apart = judged(wrong, take)["a"], judged(wrong, other_take(take))["a"]
    assert same.wanted_db == apart.wanted_db == pytest.approx(3.0)
    assert same.level_db > 2.5
    assert apart.level_db < 1.0


def test_what_varies_by_itself_is_doubted_more(heard: HeardStems) -> None:
    stem = heard.stems["vocals"]
    lively = tuple(np.asarray(stem.short_term_lufs) + np.resize([6.0, -6.0], len(stem.short_term_lufs)))
    restless = replace(heard, stems={**heard.stems, "vocals": replace(stem, short_term_lufs=lively)})
    calm = judged(moved(heard, vocals=-5.5), other_take(heard))["vocals"].level_db
    assert judged(moved(restless, vocals=-5.5), other_take(restless))["vocals"].level_db < calm


def test_a_typed_amount_is_a_share_within_the_limit(heard: HeardStems) -> None:
    own = moved(heard, vocals=-3.0)
    assert judged(own, heard, 50.0)["vocals"].level_db == pytest.approx(1.5)
    assert judged(own, heard, 0.0)["vocals"].level_db == 0.0
    assert judged(moved(heard, vocals=-20.0), heard, 100.0)["vocals"].level_db == MAX_LEVEL_DB


def test_trust_scales_and_nothing_gives_nothing(heard: HeardStems) -> None:
    own = moved(heard, vocals=-3.0)
    assert judged(own, heard, 100.0, trust=0.5)["vocals"].level_db == pytest.approx(1.5)
    assert balance(own, {}, {}, None) == {}
