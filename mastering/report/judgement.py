"""Sentences about the judgement: how much was matched, how much was left as music, how sure the matcher is.

Where the amount is auto, a matcher tells mastering from music and says so here; where it was typed,
`amounts` says what became of it. The numbers are those of `shares`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mastering.report.aims import counterpart
from mastering.report.amounts import amount_sentences, style_sentences
from mastering.report.certainty import certainty, who
from mastering.report.compare import COMPARED
from mastering.report.model import Report
from mastering.report.shares import AUDIBLE_DB, Curve, Share, shares_of
from mastering.report.tone import band_name, find_regions
from mastering.report.wording import join, number, percent

__all__ = ["judged_shares", "tone_judgement", "width_judgement"]

_LARGE_DB = 1.0


def tone_judgement(report: Report) -> Iterator[str]:
    """What of the difference in tone was matched and left, and how sure that is; a typed amount in one go."""
    tone, width = shares_of(report)
    if report.match is None or tone is None:
        return
    if report.match.amount_percent is not None:
        yield from amount_sentences(report, report.match.amount_percent, tone, width)
    elif not _judged(report, tone):
        yield from style_sentences(tone)
    elif not tone.differs and tone.idle:
        size = number(tone.whole_mean_db)
        yield f"{_subject(report, 'tone')} differs from {counterpart(report)} by {size} dB on average only."
    elif tone.untouched:
        yield _not_to_change(report, tone, "tone")
    else:
        yield _tone_split(report, tone, width)
        yield from _left(report, tone)
        yield from _beyond(report, tone)
        together = width is not None and _told_together(tone, width)
        yield from certainty(report, tone, width if together else None)


def width_judgement(report: Report) -> Iterator[str]:
    """The same for width, in one sentence; nothing for mono and where the tone's sentences told it."""
    tone, width = shares_of(report)
    if report.match is None or report.match.amount_percent is not None or tone is None or width is None:
        return
    if not width.differs or not _judged(report, width) or _told_together(tone, width):
        return
    if width.untouched:
        yield _not_to_change(report, width, "width")
        return
    error_db = width.error_mean_db
    how = ""
    if error_db is not None:
        how = f" (expected to be right within {number(error_db)} dB: {width.sureness})"
    yield f"{_differs(report, width, 'width')}: {_split(width)}{how}."


def judged_shares(report: Report) -> tuple[tuple[str, Share], ...]:
    """Tone and width by name, where they were compared with references or judged and allowed to change."""
    named = zip(("Tone", "Width"), shares_of(report), strict=True)
    known = [(name, share) for name, share in named if share is not None and share.whole_mean_db > 0.0]
    return tuple((name, share) for name, share in known if not share.untouched and _judged(report, share))


def _judged(report: Report, share: Share) -> bool:
    """True where mastering was told from music: against references, or by a model that knows its error."""
    return bool(report.references) or share.error_mean_db is not None


def _tone_split(report: Report, tone: Share, width: Share | None) -> str:
    if not tone.idle:
        return f"{_differs(report, tone, 'tone')}: {_split(tone)}."
    judge, other, size = who(report, tone), counterpart(report), number(tone.whole_mean_db)
    if tone.sureness == "unsure":
        return (
            f"{judge} left the tone as it is: it could not tell mastering from music in the difference to "
            f"{other} ({size} dB on average)."
        )
    doing = "next to nothing" if find_regions(_compared(tone.kept_db), threshold_db=AUDIBLE_DB) else "nothing"
    if width is not None and _told_together(tone, width):
        where = " in tone and width" if report.recipe.chain.steps else ""
        return (
            f"{judge} found {doing} to do{where}: the differences to {other} (tone {size} dB, width "
            f"{number(width.whole_mean_db)} dB on average) look like music."
        )
    return (
        f"{judge} found {doing} to do in tone: the difference to {other} ({size} dB on average) "
        "looks like music."
    )


def _differs(report: Report, share: Share, what: str) -> str:
    size = number(share.whole_mean_db)
    return f"{_subject(report, what)} differs from {counterpart(report)} by {size} dB on average"


def _split(share: Share) -> str:
    """How much was matched and how much left; the two written numbers add up to the written whole."""
    matched = round(share.matched_mean_db, 1)
    left = round(round(share.whole_mean_db, 1) - matched, 1)
    if left <= 0.0:
        return "all of it was taken for mastering and matched"
    if matched <= 0.0:
        return "all of it was left as music"
    return (
        f"{number(matched)} dB ({percent(share.matched_share)}) was taken for mastering and matched, "
        f"{number(left)} dB was left as music"
    )


def _left(report: Report, tone: Share) -> Iterator[str]:
    """The two largest regions of what was left."""
    regions = find_regions(_compared(tone.left_db), threshold_db=_LARGE_DB)[:2]
    if not regions:
        return
    parts = [
        f"{number(abs(region.gain_db))} dB {'more' if region.gain_db > 0.0 else 'less'} around "
        f"{band_name(region.peak)}"
        for region in regions
    ]
    why = "Left alone" if tone.idle and tone.sureness == "unsure" else "Left as music"
    notices = (*report.notices, *(report.match.notices if report.match else ()))
    if any(notice.code == "tone_capped" for notice in notices):
        why += ", or held back by the caps"
    count = len(report.references)
    place = "the style" if not count else "the reference" if count == 1 else "the references"
    yield f"{why}: {join(parts)} in {place}."


def _beyond(report: Report, tone: Share) -> Iterator[str]:
    """Where a model went beyond the difference of the averages, or against it."""
    regions = find_regions(_compared(tone.beyond_db), threshold_db=_LARGE_DB)[:2]
    if regions and tone.error_mean_db is not None:
        parts = [f"{number(r.gain_db, signed=True)} dB around {band_name(r.peak)}" for r in regions]
        yield f"Beyond that difference, by {who(report, tone).lower()}'s own judgement: {join(parts)}."


def _told_together(tone: Share, width: Share) -> bool:
    """True where one sentence says that there was nothing to do, neither in tone nor in width."""
    shares = (tone, width)
    idle = all(share.differs and share.idle and not share.untouched for share in shares)
    return idle and all(share.sureness != "unsure" for share in shares)


def _not_to_change(report: Report, share: Share, what: str) -> str:
    size = number(share.whole_mean_db)
    return (
        f"{_subject(report, what)} was not to change: its difference to {counterpart(report)} "
        f"({size} dB on average) stays."
    )


def _subject(report: Report, what: str) -> str:
    """What a sentence is about; one curve serves all songs of an album."""
    album = any(check.name == "album_lufs" for check in report.checks)
    return f"The album's {what}" if album else f"The {what}"


def _compared(curve_db: Curve) -> list[float]:
    """The curve (31) with zeros outside the compared bands."""
    inside = np.zeros(len(curve_db))
    inside[COMPARED] = curve_db[COMPARED]
    return [float(gain_db) for gain_db in inside]
