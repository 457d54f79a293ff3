"""What a run was after and whether it got there, in a phrase each."""

from __future__ import annotations

from mastering.report.model import Report
from mastering.report.wording import clean

__all__ = ["goal", "verdict"]


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
    if report.references:
        count = len(report.references)
        return f"towards {'the reference' if count == 1 else f'the mean of {count} references'}"
    if report.style:
        return f"towards the style '{clean(report.style)}'"
    return f"for the target '{clean(report.target)}'" if report.target else "towards a balanced master"
