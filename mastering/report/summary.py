"""The summary a producer reads: what was done and why, in sentences with numbers and units.

Every sentence is built from measurements and from the chain alone; what is not known is not
said. The order: level, tone, dynamics, width, what was left alone, missed checks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mastering.report.aims import goal
from mastering.report.checks import check_texts
from mastering.report.compare import COMPARED
from mastering.report.model import Report
from mastering.report.sound import dynamics_sentences, tone_sentences, width_sentences
from mastering.report.tone import band_name, find_regions
from mastering.report.wording import clean, join, number, percent

__all__ = ["sentences"]

_AUDIBLE_DB = 0.3
_WHOLE_SHARE = 0.97
_LEFT_ALONE_DB = 1.0


def sentences(report: Report) -> tuple[str, ...]:
    """What was done to the music and why, one thing per sentence.

    The last sentences are the missed checks, each with by how much and what to do about it.
    """
    if not math.isfinite(report.before.integrated_lufs):
        done: list[str] = ["The input is silent: there was no music to master and nothing was matched."]
    else:
        done = [
            *_level(report),
            *tone_sentences(report),
            *dynamics_sentences(report),
            *width_sentences(report),
            *_left_alone(report),
        ]
    missed = [check.sentence for check in check_texts(report) if not check.passed]
    return (*done, *missed)


def _level(report: Report) -> Iterator[str]:
    before, after = report.before.integrated_lufs, report.after.integrated_lufs
    if not math.isfinite(after):
        yield f"The output is silent; the input measures {number(before)} LUFS."
        return
    change = after - before
    moved = "Raised" if change >= 0.05 else "Lowered" if change <= -0.05 else "Kept"
    way = f"from {number(before)} to {number(after)} LUFS ({number(change, signed=True)} LU)"
    yield f"{moved} the loudness {way}{_level_reason(report)}{_limiter(report)}."


def _level_reason(report: Report) -> str:
    asked = report.recipe.delivery.integrated_lufs
    if asked is not None:
        target = f" (target '{clean(report.target)}')" if report.target else ""
        return f"; {number(asked)} LUFS were asked for{target}"
    wanted = report.match.integrated_lufs if report.match else None
    return "" if wanted is None else f" {goal(report)}, which asks for {number(wanted)} LUFS"


def _limiter(report: Report) -> str:
    limiter, reduction = report.recipe.chain.limiter, report.curves.limiter_reduction_db
    if limiter is None:
        return "; there is no limiter in the chain"
    peak, ceiling = number(report.after.true_peak_dbtp), number(limiter.ceiling_dbtp)
    held = f"true peak {peak} dBTP, ceiling {ceiling} dBTP"
    if not reduction:
        return f"; {held}"
    deepest = -min(reduction)
    if deepest < 0.05:
        return f"; the limiter had nothing to do, {held}"
    return f"; the limiter took at most {number(deepest)} dB off the peaks, {held}"


def _left_alone(report: Report) -> Iterator[str]:
    match = report.match
    if match is None or not match.wanted_mid_db or not match.kept_mid_db:
        return
    wanted, kept = np.asarray(match.wanted_mid_db), np.asarray(match.kept_mid_db)
    whole = float(np.mean(np.abs(wanted[COMPARED])))
    applied = float(np.mean(np.abs(kept[COMPARED])))
    if not math.isfinite(whole) or whole < _AUDIBLE_DB:
        return
    share = applied / whole
    if share > _WHOLE_SHARE:
        return
    most = find_regions((wanted - kept).tolist(), threshold_db=_LEFT_ALONE_DB)[:2]
    places = [
        f"{number(wanted[r.peak], signed=True)} dB wanted and {number(kept[r.peak], signed=True)} dB "
        f"applied at {band_name(r.peak)}"
        for r in most
    ]
    yield (
        f"Left alone: of a difference in tone of {number(whole)} dB on average, {number(applied)} dB "
        f"({percent(share)}) was applied; the rest is taken for the music itself, or lies beyond the amount "
        f"and limits set{': ' + join(places) if places else ''}."
    )
