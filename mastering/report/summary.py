"""The summary a producer reads: what was done and why, in sentences with numbers and units.

Every sentence is built from measurements and from the chain alone; what is not known is not
said. The order: level, single stems, tone, dynamics, width, plug-ins, missed checks; tone and width
each with what the matcher judged to be mastering, what it left as music, and how sure it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from mastering.report.aims import LevelGoal, level_goal
from mastering.report.checks import check_texts
from mastering.report.judgement import tone_judgement, width_judgement
from mastering.report.model import Report
from mastering.report.sound import dynamics_sentences, plugin_sentences, tone_sentences, width_sentences
from mastering.report.stems import stem_sentences
from mastering.report.wording import clean, number

__all__ = ["sentences"]


def sentences(report: Report) -> tuple[str, ...]:
    """What was done to the music and why, one thing per sentence.

    The last sentences are the missed checks, each with by how much and what to do about it.
    """
    if not math.isfinite(report.before.integrated_lufs):
        done: list[str] = ["The input is silent: there was no music to master and nothing was matched."]
    else:
        done = [
            *_level(report),
            *stem_sentences(report),
            *tone_sentences(report),
            *tone_judgement(report),
            *dynamics_sentences(report),
            *width_sentences(report),
            *width_judgement(report),
            *plugin_sentences(report),
        ]
    missed = [check.sentence for check in check_texts(report) if not check.passed]
    return (*done, *missed)


def _level(report: Report) -> Iterator[str]:
    before, after = report.before.integrated_lufs, report.after.integrated_lufs
    if not math.isfinite(after):
        yield f"The output is silent; the input measures {number(before)} LUFS."
        return
    change = after - before
    if abs(change) < 0.05 or number(before) == number(after):
        way = f"Kept the loudness at {number(after)} LUFS"
    else:
        moved = "Raised" if change > 0.0 else "Lowered"
        way = f"{moved} the loudness from {number(before)} to {number(after)} LUFS"
        way += f" ({number(change, signed=True)} LU)"
    yield f"{way}{_level_reason(report)}."
    yield _limiter(report)


def _level_reason(report: Report) -> str:
    album = next((check for check in report.checks if check.name == "album_lufs"), None)
    if album is not None:
        whole, limit = number(album.measured), number(album.limit)
        return f"; the album as a whole has {whole} LUFS, {limit} LUFS were wanted"
    wanted = level_goal(report)
    if wanted is None:
        return ""
    reached = number(wanted.lufs) == number(report.after.integrated_lufs)
    return _reached(wanted, report) if reached else _not_reached(wanted, report)


def _reached(wanted: LevelGoal, report: Report) -> str:
    if wanted.source == "asked":
        return f", as asked for{_of_target(report)}"
    if wanted.source == "input":
        return ", the input's"
    count = len(report.references)
    return ", the reference's" if count == 1 else f", the mean of {count} references"


def _not_reached(wanted: LevelGoal, report: Report) -> str:
    lufs = f"{number(wanted.lufs)} LUFS"
    if wanted.source == "asked":
        return f"; {lufs} were asked for{_of_target(report)}"
    if wanted.source == "input":
        return f"; it was to stay at {lufs}"
    count = len(report.references)
    return f"; {'the reference has' if count == 1 else f'the mean of {count} references is'} {lufs}"


def _of_target(report: Report) -> str:
    return f" (target '{clean(report.target)}')" if report.target else ""


def _limiter(report: Report) -> str:
    limiter, reduction = report.recipe.chain.limiter, report.curves.limiter_reduction_db
    if limiter is None:
        return "There is no limiter in the chain."
    peak, ceiling = number(report.after.true_peak_dbtp), number(limiter.ceiling_dbtp)
    held = f"true peak {peak} dBTP, ceiling {ceiling} dBTP"
    if not reduction:
        return f"{held[0].upper()}{held[1:]}."
    deepest = -min(reduction)
    if deepest < 0.05:
        return f"The limiter had nothing to do: {held}."
    return f"The limiter took at most {number(deepest)} dB off the peaks: {held}."
