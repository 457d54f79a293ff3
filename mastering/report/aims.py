"""What a run was after and whether it got there, in a phrase each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mastering.report.model import Report
from mastering.report.wording import clean

__all__ = ["LevelGoal", "counterpart", "goal", "level_goal", "verdict"]

_SAME_LU = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelGoal:
    """The integrated loudness a run was after.

    Attributes:
        lufs: what the matcher asked for.
        source: "asked" (target, style or option), "reference" (the mean of all), or "input" (it was to stay).
    """

    lufs: float
    source: Literal["asked", "reference", "input"]


def level_goal(report: Report) -> LevelGoal | None:
    """The loudness the matcher asked for and whose it is; None where the level followed from the chain.

    The delivery's own number only counts where the matcher took it over: with the level left out
    of what may change, it asks for the input's.
    """
    if report.match is None or report.match.integrated_lufs is None:
        return None
    lufs, asked = report.match.integrated_lufs, report.recipe.delivery.integrated_lufs
    references = [features.integrated_lufs for features in report.references]
    if asked is not None and abs(lufs - asked) < _SAME_LU:
        return LevelGoal(lufs=lufs, source="asked")
    if references and abs(lufs - sum(references) / len(references)) < _SAME_LU:
        return LevelGoal(lufs=lufs, source="reference")
    if abs(lufs - report.before.integrated_lufs) < _SAME_LU:
        return LevelGoal(lufs=lufs, source="input")
    return LevelGoal(lufs=lufs, source="asked")


def verdict(report: Report) -> str:
    """All checks in one phrase, in words rather than colours."""
    count, missed = len(report.checks), sum(not check.passed for check in report.checks)
    if not count:
        return "Nothing was checked"
    if missed:
        return "The only check is missed" if count == 1 else f"{missed} of {count} checks missed"
    return "The only check is passed" if count == 1 else f"All {count} checks passed"


def goal(report: Report) -> str:
    """What the music was moved by: "towards the reference", "as the recipe says", ..."""
    if report.match is None:
        return "as the recipe says"
    if report.references or report.style:
        return f"towards {counterpart(report)}"
    return f"for the target '{clean(report.target)}'" if report.target else "towards a balanced master"


def counterpart(report: Report) -> str:
    """What the music was compared with: "the reference", "the mean of 3 references", "the style 'warm'"."""
    if report.references:
        count = len(report.references)
        return "the reference" if count == 1 else f"the mean of {count} references"
    return f"the style '{clean(report.style)}'" if report.style else "what was aimed at"
