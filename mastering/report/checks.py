"""Checks in words: what was promised, what the file measures, and what to do where they part."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mastering.report.model import Check, Report
from mastering.report.wording import clean, number, quantity

__all__ = ["CheckText", "check_label", "check_texts"]

_LABELS = {
    "integrated_lufs": "Integrated loudness",
    "album_lufs": "Album loudness",
    "true_peak_dbtp": "True peak",
}
_SUFFIXES = ("_lufs", "_dbtp", "_dbfs", "_db", "_lu", "_hz", "_ms", "_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckText:
    """One check in words.

    Attributes:
        label: what was checked.
        measured, wanted: with units; `wanted` says which way the limit works.
        passed: kept or not.
        sentence: for a missed one: by how much, and what to do; "" for a kept one.
    """

    label: str
    measured: str
    wanted: str
    passed: bool
    sentence: str


def check_texts(report: Report) -> tuple[CheckText, ...]:
    """Every check of the report in words, in its order."""
    return tuple(_text(check, report) for check in report.checks)


def _text(check: Check, report: Report) -> CheckText:
    explain = _EXPLAIN.get(check.name, _explain_other)
    return CheckText(
        label=check_label(check.name),
        measured=_value(check.measured, check.unit),
        wanted=_wanted(check, report),
        passed=check.passed,
        sentence="" if check.passed else explain(check, report),
    )


def check_label(name: str) -> str:
    """What a check of this name is called."""
    if name in _LABELS:
        return _LABELS[name]
    text = clean(name)
    for suffix in _SUFFIXES:
        text = text.removesuffix(suffix)
    return text.replace("_", " ").capitalize()


def _value(value: float, unit: str) -> str:
    whole = unit in ("Hz", "") and float(value).is_integer()
    return quantity(value, clean(unit), decimals=0 if whole else 2)


def _wanted(check: Check, report: Report) -> str:
    limit = _value(check.limit, check.unit)
    if check.name in ("integrated_lufs", "album_lufs"):
        return f"{limit}, ±{report.recipe.delivery.tolerance_lu:g} LU"
    if check.name != "true_peak_dbtp":
        return limit
    over = check.passed and check.measured - check.limit >= 0.005
    return f"at most {limit}{' (within tolerance)' if over else ''}"


def _explain_loudness(check: Check, report: Report) -> str:
    if not math.isfinite(check.measured):
        return (
            f"Missed: the file is silent, {_value(check.limit, check.unit)} was asked. "
            "There is nothing to raise: check the input and its export."
        )
    off_lu = check.measured - check.limit
    measured = number(check.measured)
    start = (
        f"Missed: {check_label(check.name).lower()} is {measured} LUFS, {number(check.limit)} LUFS was asked"
    )
    if off_lu < 0.0:
        return (
            f"{start} ({number(-off_lu)} LU too quiet): the limiter would have to take off more than it may. "
            f"Ask for less (--lufs {measured}), raise the ceiling (--ceiling, now "
            f"{number(report.recipe.delivery.ceiling_dbtp)} dBTP) or tame the mix's peaks first."
        )
    return f"{start} ({number(off_lu)} LU too loud). Ask for a lower --lufs."


def _explain_peak(check: Check, report: Report) -> str:
    excess_db = check.measured - check.limit
    lower = math.floor((check.limit - excess_db) * 10.0) / 10.0 if math.isfinite(excess_db) else check.limit
    lossy = report.recipe.delivery.container in ("mp3", "ogg", "opus", "m4a")
    why = f" The {report.recipe.delivery.container} encoder rebuilds peaks." if lossy else ""
    return (
        f"Missed: the true peak is {_value(check.measured, check.unit)}, at most "
        f"{_value(check.limit, check.unit)} was asked ({excess_db:.2g} dB over).{why} "
        f"Lower the ceiling (--ceiling {number(lower)})."
    )


def _explain_duration(check: Check, report: Report) -> str:
    off = check.measured - check.limit
    return (
        f"Missed: the master lasts {_value(check.measured, check.unit)}, the input "
        f"{_value(check.limit, check.unit)} ({abs(off):.2g} s {'longer' if off > 0.0 else 'shorter'})."
    )


def _explain_other(check: Check, report: Report) -> str:
    off = check.measured - check.limit
    way = "over" if off > 0.0 else "under"
    by = f" ({_value(abs(off), check.unit)} {way})" if math.isfinite(off) else ""
    return (
        f"Missed: {check_label(check.name).lower()} is {_value(check.measured, check.unit)}, "
        f"{_value(check.limit, check.unit)} was asked{by}."
    )


_EXPLAIN: dict[str, Callable[[Check, Report], str]] = {
    "integrated_lufs": _explain_loudness,
    "album_lufs": _explain_loudness,
    "true_peak_dbtp": _explain_peak,
    "duration_s": _explain_duration,
}
