"""The judgement as HTML: a small table of both differences, what the words mean, and who judged."""

from __future__ import annotations

from mastering.report.aims import counterpart
from mastering.report.certainty import judged_by
from mastering.report.judgement import judged_shares
from mastering.report.markup import escape, section, table
from mastering.report.model import Report
from mastering.report.shares import SURE_SHARE, TONE_SURE_DB, WIDTH_SURE_DB, Share
from mastering.report.wording import percent, quantity, unbroken

__all__ = ["judgement"]

_ROWS = ("Difference", "Matched", "Left", "Expected error", "How sure")
_SPLIT = 3
"""How many of these rows every matcher can fill."""


def judgement(report: Report) -> str:
    """A section on what was matched and left of the differences; "" where nothing was compared."""
    shares = judged_shares(report)
    if not shares:
        return ""
    sure = any(share.sureness for _, share in shares)
    header = ["", *(name for name, _ in shares)]
    columns = [_column(share) for _, share in shares]
    rows = list(zip(_ROWS, *columns, strict=True))[: None if sure else _SPLIT]
    caption = f"Mean of the third octaves from 31.5 Hz to 16 kHz, against {counterpart(report)}"
    paragraphs = [judged_by(report)] + ([_meaning()] if sure else [])
    markup = table(caption, header, [("", rows)])
    markup += "".join(f'\n<p class="about">{escape(unbroken(text))}</p>' for text in paragraphs)
    return section("judgement", "What was matched", markup)


def _column(share: Share) -> tuple[str, ...]:
    """One difference, a cell for each of `_ROWS`."""
    error_db = share.error_mean_db
    return (
        quantity(share.whole_mean_db, "dB"),
        f"{quantity(share.matched_mean_db, 'dB')} ({percent(share.matched_share)})",
        quantity(share.whole_mean_db - share.matched_mean_db, "dB"),
        "unknown" if error_db is None else quantity(error_db, "dB"),
        share.sureness or "unknown",
    )


def _meaning() -> str:
    """What sure and fairly sure stand for."""
    return (
        f"Sure: the expected error is at most {TONE_SURE_DB:g} dB in tone, {WIDTH_SURE_DB:g} dB in width, or "
        f"{percent(SURE_SHARE)} of what was changed on average. Fairly sure: at most twice that. "
        "The expected error is how far the matcher expects its curve to lie from what mastering would "
        "have done; the equaliser plot shows it band by band."
    )
