"""How sure a matcher is of its curve, in words: its expected error, where it is largest, and an advice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mastering.report.compare import COMPARED
from mastering.report.model import Report
from mastering.report.shares import Share
from mastering.report.tone import band_name
from mastering.report.wording import clean, number

__all__ = ["certainty", "judged_by", "who"]

_LARGE_DB = 1.0
_STANDS_OUT = 1.5
"""Times the mean expected error that the largest must be to be named."""


def certainty(report: Report, tone: Share, width: Share | None) -> Iterator[str]:
    """How far off the matcher expects its tone curve to be; nothing where it cannot say.

    Args:
        report: for the matcher and the references.
        tone: what was judged.
        width: where the sentence before said of both that there was nothing to do; else None.
    """
    error_db = tone.error_mean_db
    if error_db is None:
        return
    judge, right = who(report, tone), f"right within {number(error_db)} dB"
    if width is not None and width.error_mean_db is not None:
        within = f"{number(width.error_mean_db)} dB in width ({width.sureness})"
        yield f"{judge} expects to be {right} in tone ({tone.sureness}) and {within}."
    else:
        what = "" if tone.idle else " its tone curve"
        yield f"{judge} expects{what} to be {right} on average{_least_sure(tone, error_db)}: {tone.sureness}."
    if tone.sureness == "unsure":
        yield _advice(report)


def who(report: Report, share: Share) -> str:
    """Whom to name: "The model" where the learned matcher judged, else "The matcher"."""
    learned = share.error_mean_db is not None and report.recipe.chain.origin.matcher == "learned"
    return "The model" if learned else "The matcher"


def judged_by(report: Report) -> str:
    """Which matcher made the chain, and what it judged by."""
    origin, match = report.recipe.chain.origin, report.match
    made = f"Made by the matcher '{clean(origin.matcher)}' {clean(origin.version)}".strip()
    if match is not None and match.amount_percent is not None:
        return f"{made}; the amount was typed ({match.amount_percent:g} %), not judged."
    if origin.matcher not in ("learned", "closed-form"):
        return f"{made}."
    model = origin.matcher == "learned" and match is not None and match.expected_error_mid_db
    judge = "a trained model" if model else "formulas with fixed constants"
    return f"{made}: {judge} judged how much of each difference is mastering."


def _least_sure(tone: Share, error_db: float) -> str:
    """The place of the largest expected error, where that stands out."""
    if tone.error_db is None:
        return ""
    errors = np.nan_to_num(tone.error_db[COMPARED], posinf=0.0)
    worst = int(errors.argmax())
    if errors[worst] < max(_LARGE_DB, _STANDS_OUT * error_db):
        return ""
    return f" ({number(float(errors[worst]))} dB around {band_name(COMPARED.start + worst)})"


def _advice(report: Report) -> str:
    if not report.references:
        return "A typed amount (0 to 100) says how much of the style is taken over, whatever is judged."
    if len(report.references) == 1:
        return (
            "If the reference's own sound is wanted, an amount of 100 copies it; several references tell "
            "mastering from music better."
        )
    return (
        "If the references' own sound is wanted, an amount of 100 copies their mean; more references tell "
        "mastering from music better."
    )
