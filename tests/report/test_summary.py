"""What the sentences and the terminal text say: the numbers, the reasons, and no ugly ones."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable

import pytest

from mastering.assess import missed_notices
from mastering.chain import EqBand, Equalizer, LinearPhaseEq, MasteringChain
from mastering.measure.features import Features
from mastering.report.model import Check, Report
from mastering.report.summary import sentences
from mastering.report.text import all_notices, render_text
from mastering.target import DeliverySpec, Recipe

UGLY = re.compile(r"\b(nan|NaN|inf|Infinity|None)\b|-inf|\{|\}")


def test_the_summary_tells_level_tone_dynamics_and_width_with_numbers(
    new_report: Callable[..., Report],
) -> None:
    text = " ".join(sentences(new_report()))
    assert "from -20.3 to -14.0 LUFS (+6.3 LU)" in text
    assert "target 'spotify'" in text
    assert "limiter took at most 4.2 dB off the peaks" in text
    assert "Opened the highs: +2.1 dB around 8 kHz" in text
    assert "tightened the bass: -1.4 dB around 63 Hz" in text
    assert "towards the reference" in text
    assert "2.0:1 below 120 Hz (threshold -24.0 dBFS)" in text
    assert "(PLR) went from 14.2 to 13.0 dB" in text
    assert "2.1 dB (below 120 Hz)" in text
    assert "4.0 dB of drive, 20 % mixed in" in text
    assert "bass mono up to 90 Hz" in text
    assert "high-pass filter takes away what lies below 25 Hz" in text


def level(new_report: Callable[..., Report], wanted: float, asked: float | None, after: float) -> str:
    """The sentence on loudness of a run from -20.3 LUFS with one reference at -9.8 LUFS."""
    normal = new_report()
    assert normal.match is not None
    report = dataclasses.replace(
        normal,
        target="",
        after=dataclasses.replace(normal.after, integrated_lufs=after),
        match=dataclasses.replace(normal.match, integrated_lufs=wanted),
        recipe=Recipe(chain=normal.recipe.chain, delivery=DeliverySpec(integrated_lufs=asked)),
    )
    return sentences(report)[0]


@pytest.mark.parametrize(
    ("wanted", "asked", "after", "sentence"),
    [
        (-9.8, None, -9.81, "Raised the loudness from -20.3 to -9.8 LUFS (+10.5 LU), the reference's."),
        (
            -9.8,
            None,
            -11.0,
            "Raised the loudness from -20.3 to -11.0 LUFS (+9.3 LU); the reference has -9.8 LUFS.",
        ),
        (-14.0, -14.0, -14.0, "Raised the loudness from -20.3 to -14.0 LUFS (+6.3 LU), as asked for."),
        (-20.3, -14.0, -20.32, "Kept the loudness at -20.3 LUFS, the input's."),
        (
            -20.3,
            None,
            -22.0,
            "Lowered the loudness from -20.3 to -22.0 LUFS (-1.7 LU); it was to stay at -20.3 LUFS.",
        ),
        (-20.3, -20.3, -20.3, "Kept the loudness at -20.3 LUFS, as asked for."),
    ],
)
def test_the_loudness_is_told_by_what_the_match_asked_for(
    new_report: Callable[..., Report], wanted: float, asked: float | None, after: float, sentence: str
) -> None:
    assert level(new_report, wanted, asked, after) == sentence


def test_a_song_of_an_album_answers_for_the_album(new_report: Callable[..., Report]) -> None:
    album = Check(name="album_lufs", measured=-14.1, limit=-14.0, unit="LUFS", passed=True)
    first = sentences(new_report(checks=(album,)))[0]
    assert first.endswith("; the album as a whole has -14.1 LUFS, -14.0 LUFS were wanted.")
    missed = dataclasses.replace(album, measured=-15.2, passed=False)
    last = sentences(new_report(checks=(missed,)))[-1]
    assert last.startswith("Missed: album loudness is -15.2 LUFS, -14.0 LUFS was asked (1.2 LU too quiet)")


def test_width_is_no_topic_where_no_step_is_about_it(new_report: Callable[..., Report]) -> None:
    normal = new_report()
    narrower = dataclasses.replace(
        normal.after, band_levels_side_db=tuple(side - 0.6 for side in normal.after.band_levels_side_db)
    )
    words = re.compile("Widened|Narrowed|width was kept")
    assert any(words.search(text) for text in sentences(dataclasses.replace(normal, after=narrower)))
    curve = LinearPhaseEq(frequencies_hz=(100.0, 1_000.0), mid_gain_db=(1.0, 2.0), side_gain_db=(1.0, 2.0))
    recipe = Recipe(chain=MasteringChain(steps=(curve,)), delivery=DeliverySpec())
    said = sentences(dataclasses.replace(normal, after=narrower, recipe=recipe))
    assert not any(words.search(text) for text in said)


def test_idle_bands_have_no_sentence(new_report: Callable[..., Report]) -> None:
    normal = new_report()
    curves = {**normal.curves.compressor_reduction_db, "above 5 kHz": (0.0,) * 9, "all bands": (-0.01,) * 9}
    report = dataclasses.replace(
        normal, curves=dataclasses.replace(normal.curves, compressor_reduction_db=curves)
    )
    said = [text for text in sentences(report) if "ompress" in text]
    assert any("2.0:1 below 120 Hz" in text and "120 Hz to 5 kHz" in text for text in said)
    assert any("took at most 2.1 dB (below 120 Hz)" in text for text in said)
    for text in said:
        assert "above 5 kHz" not in text
        assert "whole" not in text
        assert "all bands" not in text


def test_no_notice_talks_of_a_style_that_may_not_be_there() -> None:
    for limited_by in ("ceiling", "limiter cap"):
        (notice,) = missed_notices(limited_by, -8.0)
        assert "style" not in notice.message
        assert "amount" not in notice.message
    assert "the cap on limiting comes first" in missed_notices("limiter cap", -8.0)[0].message


def test_no_report_says_nan_or_inf(report: Report) -> None:
    for text in (*sentences(report), render_text(report)):
        assert not UGLY.search(text), text


def test_every_sentence_is_one_line_and_ends_in_a_full_stop(report: Report) -> None:
    for text in sentences(report):
        assert text.endswith(".")
        assert text.isprintable()


def test_missed_checks_say_by_how_much_and_what_to_do(reports: dict[str, Report]) -> None:
    loud, peak, duration, rate = sentences(reports["failed"])[-4:]
    assert "1.2 LU too quiet" in loud
    assert "--lufs -15.2" in loud
    assert "--ceiling" in loud
    assert "0.23 dB over" in peak
    assert "--ceiling -1.3" in peak
    assert "3 s longer" in duration
    assert "3900 Hz under" in rate


def test_a_lossy_container_explains_its_peaks(reports: dict[str, Report]) -> None:
    failed = reports["failed"]
    recipe = dataclasses.replace(failed.recipe, delivery=DeliverySpec(container="mp3"))
    peak = sentences(dataclasses.replace(failed, recipe=recipe))[-3]
    assert "mp3 encoder" in peak


def test_the_advised_ceiling_is_lower_by_the_excess_at_least(reports: dict[str, Report]) -> None:
    failed = reports["failed"]
    for excess in (0.004, 0.06, 0.5, 3.0):
        check = dataclasses.replace(failed.checks[1], measured=-1.0 + excess)
        text = sentences(dataclasses.replace(failed, checks=(check,)))[-1]
        advised = float(text.split("--ceiling ")[1].rstrip(")."))
        assert -1.0 - excess - 0.11 < advised <= -1.0 - excess


def test_silence_is_said_in_words(reports: dict[str, Report]) -> None:
    said = sentences(reports["silence"])
    assert said[0].startswith("The input is silent")
    assert "file is silent" in said[-1]
    assert "silent" in render_text(reports["silence"])


def test_mono_and_folded_and_opposite_phase_are_told_apart(
    reports: dict[str, Report], features: Callable[..., Features]
) -> None:
    assert any("The music is mono" in text for text in sentences(reports["mono"]))
    assert any("Folded to mono" in text for text in sentences(reports["folded"]))
    normal = features()
    opposite = features(
        band_levels_mid_db=(-math.inf,) * 31,
        band_levels_side_db=normal.band_levels_mid_db,
        side_to_mid_db=(120.0,) * 31,
        correlation=-1.0,
    )
    said = sentences(dataclasses.replace(reports["normal"], before=opposite, after=opposite))
    assert any("opposite phase" in text for text in said)
    assert not any("is mono" in text for text in said)


def test_the_reason_is_the_style_the_recipe_or_the_references(reports: dict[str, Report]) -> None:
    assert any("towards the style 'warm'" in text for text in sentences(reports["style"]))
    assert any("as the recipe says" in text for text in sentences(reports["apply"]))
    assert any("towards the mean of 3 references" in text for text in sentences(reports["many_references"]))


def test_a_chain_that_does_nothing_claims_nothing(reports: dict[str, Report]) -> None:
    said = " ".join(sentences(reports["bare"]))
    assert "The tone was left as it is" in said
    assert "no limiter" in said
    assert "Compression" not in said
    assert "difference in tone" not in said


def test_apply_reads_the_tone_from_the_chain(new_report: Callable[..., Report]) -> None:
    chain = MasteringChain(steps=(Equalizer(mid=(EqBand(frequency_hz=1_000.0, gain_db=-5.0, q=2.0),)),))
    recipe = Recipe(chain=chain, delivery=DeliverySpec())
    said = sentences(new_report(match=None, references=(), recipe=recipe))
    assert any("-5.0 dB around 1 kHz" in text for text in said)


def test_the_terminal_text_fits(report: Report) -> None:
    lines = render_text(report).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    render_text(report).encode("utf-8")


def test_the_terminal_text_has_the_table_and_the_verdict(reports: dict[str, Report]) -> None:
    text = render_text(reports["normal"])
    assert re.search(r"Integrated loudness \(LUFS\) +-20\.3 +-14\.0 +-9\.8", text)
    assert "All 3 checks passed." in text
    assert "Notice: The input holds 12 clipped frames." in text
    assert "4 of 4 checks missed." in render_text(reports["failed"])
    assert "reference" not in render_text(reports["apply"]).splitlines()[1]


def test_what_does_not_fit_is_counted_but_missed_checks_and_notices_stay(reports: dict[str, Report]) -> None:
    text = render_text(reports["failed"])
    assert re.search(r"\(\d+ more lines are in the HTML report\)", text)
    assert text.count("- Missed:") == 4
    assert text.count("- Notice:") == 2


def test_a_notice_of_run_and_matcher_shows_once(reports: dict[str, Report]) -> None:
    normal = reports["normal"]
    assert normal.match is not None
    doubled = dataclasses.replace(normal, notices=(*normal.notices, *normal.match.notices))
    assert all_notices(doubled) == all_notices(normal)


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e", "\udcff", "\u2028"])
def test_no_character_that_moves_the_cursor_reaches_the_terminal(
    text: str, new_report: Callable[..., Report]
) -> None:
    hostile = new_report(input_name=f"a{text}b.wav", output_name=f"c{text}.wav", target=text)
    assert not set(text[:1]) & set(render_text(hostile))
