"""What the report says of the judgement: matched, left as music, how sure; and what a typed amount became."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from mastering.notice import Notice
from mastering.report.certainty import judged_by
from mastering.report.judgement import tone_judgement, width_judgement
from mastering.report.model import Check, Report
from mastering.report.summary import sentences
from mastering.report.text import render_text

ZERO = (0.0,) * 31
TINY = (0.05,) * 31


def bump(band: int, gain_db: float, width: float = 1.5) -> tuple[float, ...]:
    """A third-octave curve with one hill."""
    return tuple((gain_db * np.exp(-(((np.arange(31) - band) / width) ** 2))).round(3).tolist())


def told(report: Report) -> str:
    return " ".join((*tone_judgement(report), *width_judgement(report)))


def test_the_difference_is_split_into_matched_and_left_with_numbers(
    new_judged: Callable[..., Report],
) -> None:
    report = new_judged(wanted_mid_db=(3.0, -3.0) * 15 + (3.0,), kept_mid_db=(1.8, -1.8) * 15 + (1.8,))
    first = next(tone_judgement(report))
    assert first == (
        "The tone differs from the reference by 3.0 dB on average: 1.8 dB (60 %) was taken for mastering "
        "and matched, 1.2 dB was left as music."
    )


def test_written_parts_add_up_to_the_written_whole(new_judged: Callable[..., Report]) -> None:
    pattern = re.compile(r"by (\S+) dB on average: (\S+) dB \(\d+ %\) was taken .*, (\S+) dB was left")
    for whole in np.linspace(0.8, 4.0, 33):
        for part in (0.4, 0.5, 0.77):
            kept = (float(part * whole),) * 31
            first = next(tone_judgement(new_judged(wanted_mid_db=(float(whole),) * 31, kept_mid_db=kept)))
            found = pattern.search(first)
            assert found, first
            total, matched, left = map(float, found.groups())
            assert matched + left == pytest.approx(total, abs=1e-9)


def test_the_largest_regions_left_as_music_are_named(new_judged: Callable[..., Report]) -> None:
    wanted = tuple(np.add(bump(6, 4.0), bump(20, -2.2)).tolist())
    report = new_judged(wanted_mid_db=wanted, kept_mid_db=tuple(np.add(bump(6, 0.9), bump(26, 0.9)).tolist()))
    assert (
        "Left as music: 3.1 dB more around 80 Hz and 2.2 dB less around 2 kHz in the reference."
        in tone_judgement(report)
    )
    capped = dataclasses.replace(report, notices=(Notice(code="tone_capped", message="That is the cap."),))
    assert "Left as music, or held back by the caps: 3.1 dB more" in told(capped)


def test_what_goes_beyond_the_difference_is_not_called_left(new_judged: Callable[..., Report]) -> None:
    report = new_judged(wanted_mid_db=bump(20, 1.4), kept_mid_db=bump(20, 3.4), error_mid_db=(0.4,) * 31)
    text = told(report)
    assert "Left as music" not in text
    assert "Beyond that difference, by the model's own judgement: +2.0 dB around 2 kHz." in text


@pytest.mark.parametrize(("error", "word"), [(0.4, "sure"), (0.8, "fairly sure"), (1.7, "unsure")])
def test_how_sure_is_said_with_the_number_and_advice_only_where_unsure(
    new_judged: Callable[..., Report], error: float, word: str
) -> None:
    text = told(new_judged(error_mid_db=(error,) * 31))
    assert f"The model expects its tone curve to be right within {error} dB on average: {word}." in text
    assert ("an amount of 100 copies it" in text) == (word == "unsure")


def test_the_place_of_the_largest_error_is_named_where_it_stands_out(
    new_judged: Callable[..., Report],
) -> None:
    errors = tuple(0.6 + gain for gain in bump(4, 1.5))
    assert "(2.1 dB around 50 Hz): fairly sure." in told(new_judged(error_mid_db=errors))
    assert "around" not in told(new_judged(error_mid_db=(0.8,) * 31)).split("right within")[1].split(":")[0]


def test_nothing_to_do_is_said_as_that(reports: dict[str, Report]) -> None:
    report = reports["nothing_to_do"]
    tone = list(tone_judgement(report))
    assert tone[0].startswith("The model found nothing to do in tone and width: the differences to the ref")
    assert tone[0].endswith("look like music.")
    assert (
        tone[-1] == "The model expects to be right within 0.3 dB in tone (sure) and 0.4 dB in width (sure)."
    )
    assert list(width_judgement(report)) == []
    chain = dataclasses.replace(report.recipe.chain, steps=())
    bare = dataclasses.replace(report, recipe=dataclasses.replace(report.recipe, chain=chain))
    assert "The model found nothing to do: the differences to the reference (tone " in told(bare)


def test_nothing_to_do_in_tone_alone_leaves_the_width_its_sentence(new_judged: Callable[..., Report]) -> None:
    report = new_judged(kept_mid_db=TINY, error_mid_db=(0.4,) * 31)
    assert "The model found nothing to do in tone: the difference to the reference (" in told(report)
    assert len(list(width_judgement(report))) == 1
    ripple = new_judged(kept_mid_db=bump(20, 0.5), error_mid_db=(0.4,) * 31)
    assert "found next to nothing to do in tone" in told(ripple)


def test_doing_nothing_without_being_sure_is_not_called_nothing_to_do(
    new_judged: Callable[..., Report],
) -> None:
    text = told(new_judged(kept_mid_db=TINY, error_mid_db=(1.6,) * 31))
    assert "it could not tell mastering from music in the difference to the reference" in text
    assert "nothing to do" not in text
    assert "to be right within 1.6 dB on average: unsure." in text
    assert "several references" in text


def test_the_width_is_told_in_one_sentence(new_judged: Callable[..., Report]) -> None:
    (text,) = width_judgement(new_judged(kept_width_db=(0.6,) * 31, wanted_width_db=(2.0,) * 31))
    assert text == (
        "The width differs from the reference by 2.0 dB on average: 0.6 dB (30 %) was taken for mastering "
        "and matched, 1.4 dB was left as music (expected to be right within 1.2 dB: fairly sure)."
    )
    (text,) = width_judgement(new_judged(kept_width_db=(0.02,) * 31, error_width_db=(2.4,) * 31))
    assert "by 2.0 dB on average: all of it was left as music" in text
    assert text.endswith("(expected to be right within 2.4 dB: unsure).")


def test_mono_has_a_tone_and_no_width(reports: dict[str, Report]) -> None:
    report = reports["judged_mono"]
    assert "The tone differs from the reference" in told(report)
    assert "width differs" not in " ".join(sentences(report))
    assert any("The music is mono" in text for text in sentences(report))


def test_what_was_doubted_away_is_not_called_forbidden(new_judged: Callable[..., Report]) -> None:
    doubts = {"error_mid_db": (3.0,) * 31, "error_width_db": (4.0,) * 31}
    text = told(new_judged(kept_mid_db=ZERO, kept_width_db=ZERO, doubted=True, **doubts))
    assert "was not to change" not in text
    assert "could not tell mastering from music" in text


def test_what_was_not_to_change_is_not_called_music(
    reports: dict[str, Report], new_judged: Callable[..., Report]
) -> None:
    text = told(reports["level_only"])
    assert "The tone was not to change: its difference to the reference (" in text
    assert "The width was not to change: its difference to the reference (2.0 dB on average) stays." in text
    for word in ("music", "expect", "sure", "Took", "found"):
        assert word not in text
    tone_only = told(new_judged(kept_width_db=ZERO))
    assert "The model expects its tone curve" in tone_only
    assert "The width was not to change" in tone_only


def test_a_typed_amount_is_told_as_asked_for(reports: dict[str, Report]) -> None:
    report = reports["typed"]
    (text,) = tone_judgement(report)
    assert text.startswith("Took over 50 % of the difference to the reference, as asked for: ")
    assert text.endswith(" dB in tone and 1.0 of 2.0 dB in width on average.")
    assert list(width_judgement(report)) == []
    assert "music" not in text
    assert text in sentences(report)


def test_caps_below_a_typed_amount_are_told(new_judged: Callable[..., Report]) -> None:
    report = new_judged(
        wanted_mid_db=(4.0, -4.0) * 15 + (4.0,),
        kept_mid_db=(3.0, -3.0) * 15 + (3.0,),
        kept_width_db=(2.0,) * 31,
        amount_percent=100.0,
    )
    assert told(report) == (
        "Asked for 100 % of the difference to the reference, took over 3.0 of 4.0 dB in tone (75 %) and "
        "2.0 of 2.0 dB in width (100 %) on average: the caps held the rest back."
    )


def test_amount_zero_and_aspects_left_out(new_judged: Callable[..., Report]) -> None:
    none = new_judged(kept_mid_db=ZERO, kept_width_db=ZERO, amount_percent=0.0)
    assert told(none) == "Took over nothing of the difference in tone and width, as asked for (amount 0 %)."
    width = new_judged(kept_mid_db=ZERO, kept_width_db=(2.0,) * 31, amount_percent=100.0)
    assert told(width) == (
        "Took over 100 % of the difference to the reference, as asked for: 2.0 of 2.0 dB in width on "
        "average. The tone was not to change."
    )


def test_several_references_and_albums(new_judged: Callable[..., Report], reports: dict[str, Report]) -> None:
    many = dataclasses.replace(
        new_judged(error_mid_db=(2.0,) * 31),
        references=reports["many_references"].references,
        reference_names=("a.wav", "b.wav", "c.wav"),
    )
    text = told(many)
    assert "The tone differs from the mean of 3 references by" in text
    assert "in the references." in text
    assert "copies their mean; more references tell" in text
    album = Check(name="album_lufs", measured=-14.1, limit=-14.0, unit="LUFS", passed=True)
    text = told(new_judged(checks=(album,)))
    assert text.startswith("The album's tone differs from the reference by")
    assert "The album's width differs" in text


def test_a_matcher_that_cannot_say_is_not_made_to(new_judged: Callable[..., Report]) -> None:
    for error in ((), (math.nan,) * 31):
        report = new_judged(error_mid_db=error, error_width_db=error, matcher="closed-form")
        text = told(report)
        assert "was taken for mastering and matched" in text
        assert "Left as music: " in text
        assert "sure" not in text
        assert "expect" not in text
        assert "model" not in text


def test_a_style_without_expected_errors_is_told_as_before(reports: dict[str, Report]) -> None:
    report = reports["style"]
    (text,) = tone_judgement(report)
    match = report.match
    assert match is not None
    whole = sum(abs(gain) for gain in match.wanted_mid_db[2:30]) / 28
    kept = sum(abs(gain) for gain in match.kept_mid_db[2:30]) / 28
    share = f"Applied {round(100 * kept / whole)} % of the difference in tone"
    assert text.startswith(f"{share} ({kept:.1f} of {whole:.1f} dB on average) and left the rest as")
    assert "8 kHz asked for +3.4 dB and got +2.1 dB" in text
    assert list(width_judgement(report)) == []


def test_a_style_whose_model_judged_is_told_with_its_certainty(new_judged: Callable[..., Report]) -> None:
    personal = new_judged(references=(), reference_names=(), style="mine", error_mid_db=(2.0,) * 31)
    text = told(personal)
    assert "The tone differs from the style 'mine' by" in text
    assert "in the style." in text
    assert "within 2.0 dB on average: unsure." in text
    assert "copies" not in text


def test_a_difference_nobody_hears_is_one_sentence(new_judged: Callable[..., Report]) -> None:
    report = new_judged(wanted_mid_db=(0.2,) * 31, kept_mid_db=TINY, wanted_width_db=(0.1,) * 31)
    assert told(report) == "The tone differs from the reference by 0.2 dB on average only."


def test_the_judgement_follows_the_tone_and_survives_in_the_terminal(reports: dict[str, Report]) -> None:
    said = sentences(reports["judged"])
    place = {start: i for i, text in enumerate(said) for start in (" ".join(text.split()[:2]),)}
    assert place["Opened the"] < place["The tone"] < place["The model"] < place["Compression: 2.0:1"]
    assert place["Widened the"] < place["The width"]
    text = render_text(reports["judged"]).replace("\n  ", " ")
    assert "was taken for mastering and matched" in text
    assert "The model expects its tone curve to be right within" in text


def test_who_judged(new_judged: Callable[..., Report]) -> None:
    assert judged_by(new_judged()) == (
        "Made by the matcher 'learned' 0.1.0: a trained model judged how much of each difference is "
        "mastering."
    )
    formulas = judged_by(new_judged(matcher="closed-form", error_mid_db=(), error_width_db=()))
    assert formulas.startswith("Made by the matcher 'closed-form' 0.1.0: formulas with fixed constants")
    typed = judged_by(new_judged(amount_percent=50.0))
    assert typed == "Made by the matcher 'learned' 0.1.0; the amount was typed (50 %), not judged."
    assert judged_by(new_judged(matcher="other")) == "Made by the matcher 'other' 0.1.0."
