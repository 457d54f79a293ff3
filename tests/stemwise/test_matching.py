"""Matching stem by stem: what is wrong is found, what cannot be trusted is left alone and said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.chain import LinearPhaseEq
from mastering.host.render import render
from mastering.measure.features import analyse
from mastering.measure.loudness import KPower, gated_loudness
from mastering.ports import MatchRequest
from mastering.stemwise.hearing import HeardStems, hear
from mastering.stemwise.matching import STEM_LIMITS, match_stems
from mastering.stemwise.values import StemMatch, StemsMatch

Mix = Callable[[Mapping[str, Audio]], Audio]
Heard = Callable[..., HeardStems]

DULL = LinearPhaseEq(
    frequencies_hz=(300.0, 1_200.0, 5_000.0), mid_gain_db=(3.0, -3.0, -7.0), side_gain_db=(3.0, -3.0, -7.0)
)


@pytest.fixture
def heard(separators: Callable[..., Any], mix: Mix) -> Heard:
    def listen(stems: Mapping[str, Audio], **settings: Any) -> HeardStems:
        whole = mix(stems)
        return hear(separators(stems, **settings).separate(whole), analyse(whole))

    return listen


def matched(own: HeardStems, *references: HeardStems, matcher: str = "learned", **asked: Any) -> StemsMatch:
    request = MatchRequest(features=own.mix, references=tuple(heard.mix for heard in references), **asked)
    return match_stems(own, references, request, matcher)


def by_name(match: StemsMatch) -> dict[str, StemMatch]:
    return {stem.stem: stem for stem in match.stems}


def silent(audio: Audio) -> Audio:
    return Audio(samples=np.zeros_like(audio.samples), sample_rate=audio.sample_rate)


def test_the_same_song_is_left_as_it_is(song: dict[str, Audio], heard: Heard) -> None:
    match = matched(heard(song), heard(song))
    assert match.chains.chains == ()
    assert [stem.stem for stem in match.stems] == ["drums", "bass", "other", "vocals"]
    assert match.notices == ()


def test_vocals_too_low_are_raised_and_nothing_else(
    song: dict[str, Audio], muffled: dict[str, Audio], heard: Heard
) -> None:
    match = matched(heard(muffled), heard(song))
    (chain,) = match.chains.chains
    assert chain.stem == "vocals"
    assert 2.0 < chain.gain_db <= 6.0
    assert by_name(match)["vocals"].wanted_level_db == pytest.approx(6.02, abs=0.1)


def test_a_dull_stem_gets_its_tone_back_at_its_level(song: dict[str, Audio], heard: Heard) -> None:
    dull = {**song, "other": render(song["other"], (DULL,))}
    own = heard(dull)
    match = matched(own, heard(song), matcher="closed-form", amount_percent=100.0)
    found = by_name(match)["other"]
    assert found.match is not None
    kept = np.asarray(found.match.kept_mid_db)
    assert kept[17] > kept[12] + 2.0, "1 kHz comes back against 315 Hz"
    assert max(kept.max(), -kept.min()) <= STEM_LIMITS.max_boost_db
    out = render(dull["other"], found.chain.steps)
    gained = loudness(out) - loudness(dull["other"]) + found.chain.gain_db
    assert gained == pytest.approx(found.level_db, abs=0.4), "the gain makes up for what the curve does"


def loudness(audio: Audio) -> float:
    power = KPower(audio.sample_rate, audio.channels, audio.sample_rate // 10)
    return gated_loudness(power.push(audio.samples))


@pytest.mark.parametrize("where", ["input", "reference"])
def test_a_silent_stem_is_left_to_the_mix_with_a_notice(
    song: dict[str, Audio], muffled: dict[str, Audio], heard: Heard, where: str
) -> None:
    without = {**song, "bass": silent(song["bass"])}
    own, reference = (heard(without), heard(song)) if where == "input" else (heard(muffled), heard(without))
    match = matched(own, reference)
    bass = by_name(match)["bass"]
    assert bass.match is None
    assert not bass.chain.changes
    assert bass.left_alone == f"it is silent in the {where}"
    assert [notice.message for notice in match.notices if notice.code == "stem_left_alone"] == [
        f"The stem 'bass' was left to the whole mix: it is silent in the {where}."
    ]


def test_what_a_careless_separator_left_out_turns_matching_off(
    song: dict[str, Audio], muffled: dict[str, Audio], heard: Heard
) -> None:
    match = matched(heard(muffled, residual_share=0.9), heard(song))
    assert match.chains.chains == ()
    assert match.residual_share == 0.9
    assert [notice.code for notice in match.notices] == ["stems_left_alone"]
    assert "the whole mix was mastered" in match.notices[0].message


def test_a_draft_does_less_and_says_so(
    song: dict[str, Audio], muffled: dict[str, Audio], heard: Heard
) -> None:
    official = by_name(matched(heard(muffled), heard(song)))["vocals"]
    draft = matched(heard(muffled, label="draft"), heard(song, label="draft"))
    assert by_name(draft)["vocals"].level_db < official.level_db
    assert by_name(draft)["vocals"].trust < official.trust
    assert {notice.code for notice in draft.notices} & {"draft_stems", "stems_left_alone"}


@pytest.mark.parametrize(("only", "levels", "tones"), [(("level",), True, False), (("tone",), False, True)])
def test_only_what_may_change_changes(
    song: dict[str, Audio], heard: Heard, only: tuple[Any, ...], levels: bool, tones: bool
) -> None:
    wrong = {
        **song,
        "vocals": Audio(samples=0.4 * song["vocals"].samples, sample_rate=44_100),
        "other": render(song["other"], (DULL,)),
    }
    match = matched(heard(wrong), heard(song), only=only, matcher="closed-form", amount_percent=100.0)
    assert any(stem.level_db for stem in match.stems) is levels
    assert any(stem.chain.steps for stem in match.stems) is tones


def test_several_references_count_where_the_stem_sounds(
    song: dict[str, Audio], muffled: dict[str, Audio], heard: Heard
) -> None:
    without = {**song, "vocals": silent(song["vocals"])}
    found = by_name(matched(heard(muffled), heard(without), heard(song)))["vocals"]
    assert len(found.references) == 1
    assert found.level_db > 1.0


def test_limits_are_the_narrower_of_the_runs_and_a_stems(song: dict[str, Audio], heard: Heard) -> None:
    dull = {**song, "other": render(song["other"], (DULL,))}
    asked = replace(STEM_LIMITS, max_boost_db=1.0, max_cut_db=1.5)
    found = by_name(
        matched(heard(dull), heard(song), matcher="closed-form", amount_percent=100.0, limits=asked)
    )["other"]
    assert found.match is not None
    assert max(found.match.kept_mid_db) <= 1.0
    assert min(found.match.kept_mid_db) >= -1.5
