"""Sentences about amounts: what became of a typed one, and what a style's corridor left alone."""

from __future__ import annotations

from collections.abc import Iterator

from mastering.report.aims import counterpart
from mastering.report.model import Report
from mastering.report.shares import Share
from mastering.report.tone import band_name, find_regions
from mastering.report.wording import join, number, percent

__all__ = ["amount_sentences", "style_sentences"]

_AS_ASKED_PERCENT = 2.0
_WHOLE_SHARE = 0.97
_LEFT_ALONE_DB = 1.0
_UNTOUCHED_DB = 0.05


def amount_sentences(
    report: Report, amount_percent: float, tone: Share, width: Share | None
) -> Iterator[str]:
    """How much of the differences was taken over where the amount was typed: one sentence, or none.

    Args:
        report: for what the music was compared with.
        amount_percent: as asked for, 0 to 100.
        tone: the difference in tone.
        width: the difference in width; None for mono.
    """
    named = [(name, share) for name, share in (("tone", tone), ("width", width)) if share and share.differs]
    if not named:
        return
    if amount_percent == 0.0:
        names = join([name for name, _ in named])
        yield f"Took over nothing of the difference in {names}, as asked for (amount 0 %)."
        return
    taken = [(name, share) for name, share in named if not share.untouched]
    if taken:
        yield _taken(report, amount_percent, taken)
    kept = [name for name, share in named if share.untouched]
    if kept:
        yield f"{join([f'the {name}' for name in kept]).capitalize()} {_were(kept)} not to change."


def _taken(report: Report, amount_percent: float, taken: list[tuple[str, Share]]) -> str:
    sizes = [
        f"{number(share.matched_mean_db)} of {number(share.whole_mean_db)} dB in {name}"
        for name, share in taken
    ]
    asked, difference = f"{amount_percent:g} %", f"of the difference to {counterpart(report)}"
    if all(abs(100.0 * share.matched_share - amount_percent) <= _AS_ASKED_PERCENT for _, share in taken):
        return f"Took over {asked} {difference}, as asked for: {join(sizes)} on average."
    sizes = [
        f"{size} ({percent(share.matched_share)})" for size, (_, share) in zip(sizes, taken, strict=True)
    ]
    less = any(100.0 * share.matched_share < amount_percent - _AS_ASKED_PERCENT for _, share in taken)
    why = ": the caps held the rest back" if less else ""
    return f"Asked for {asked} {difference}, took over {join(sizes)} on average{why}."


def _were(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"


def style_sentences(tone: Share) -> Iterator[str]:
    """How much of what a style asks for was applied, where a corridor and not a model decided on it."""
    if not tone.differs or tone.matched_share > _WHOLE_SHARE:
        return
    wanted, kept = tone.wanted_db, tone.kept_db
    most = find_regions(tone.left_db.tolist(), threshold_db=_LEFT_ALONE_DB)[:2]
    places = [
        f"{band_name(r.peak)} asked for {number(wanted[r.peak], signed=True)} dB and got "
        f"{number(kept[r.peak], signed=True)} dB"
        for r in most
    ]
    whole, matched = tone.whole_mean_db, tone.matched_mean_db
    if tone.untouched:
        yield f"The tone was not to change: its whole difference ({number(whole)} dB on average) stays."
        return
    done = (
        f"Applied {percent(tone.matched_share)} of the difference in tone ({number(matched)} of "
        f"{number(whole)} dB on average) and left the rest as the music's own"
        if matched >= _UNTOUCHED_DB
        else f"Left the whole difference in tone ({number(whole)} dB on average) as the music's own"
    )
    yield f"{done}{': ' + ', '.join(places) if places else ''}."
