"""Stem by stem as HTML: who separated, a table of all stems, a plot of each curve, and the chains."""

from __future__ import annotations

import math

from mastering.report.markup import bullets, escape, section, table
from mastering.report.model import Report
from mastering.report.plots import stem_svg
from mastering.report.shares import shares_of_match
from mastering.report.stems import changed_chains, separated_text
from mastering.report.steps import StepText, stem_steps
from mastering.report.wording import clean, percent, quantity, unbroken
from mastering.stemwise.values import StemMatch

__all__ = ["stem_chains", "stems"]

_HEADER = (
    "Stem",
    "Level against the mix",
    "Reference",
    "Level wanted",
    "Level done",
    "Tone: difference",
    "Tone: matched",
    "Trust",
)


_MEANING = (
    "Level wanted is what lies between input and reference beyond what all stems share: a gain on all of "
    "them is no balance. Trust is how much of what was measured is the stem, and not what leaks into it from "
    "the others; what is done is weighted by it, the tone band by band."
)


def stems(report: Report) -> str:
    """A section on the stems; "" where the mix was not taken apart."""
    match = report.stems
    if match is None:
        return ""
    rows = [_row(stem) for stem in match.stems]
    markup = f"<p>{escape(unbroken(separated_text(report)))}</p>\n"
    markup += table("Stems of the input, against the same stems of the reference", _HEADER, [("", rows)])
    markup += f'\n<p class="about">{escape(_MEANING)}</p>'
    alone = [stem for stem in match.stems if stem.left_alone]
    if alone:
        texts = [
            f"{clean(stem.stem).capitalize()} left to the whole mix: {stem.left_alone}." for stem in alone
        ]
        markup += "\n" + bullets(texts, "notices")
    drawn = [stem for stem in match.stems if _differs(stem)]
    if drawn:
        figures = "\n".join(_figure(stem) for stem in drawn)
        markup += f'\n<div class="plots">\n{figures}\n</div>'
    return section("stems", "Stem by stem", markup)


def _row(stem: StemMatch) -> list[str]:
    share = shares_of_match(stem.match, stem.before)[0] if stem.match and stem.before else None
    return [
        clean(stem.stem).capitalize(),
        _level(stem.level_lu),
        _level(stem.reference_level_lu),
        "" if stem.left_alone else quantity(stem.wanted_level_db, "dB", signed=True),
        "left alone" if stem.left_alone else quantity(stem.level_db, "dB", signed=True),
        quantity(share.whole_mean_db, "dB") if share is not None else "",
        quantity(share.matched_mean_db, "dB") if share is not None else "",
        percent(stem.trust),
    ]


def _differs(stem: StemMatch) -> bool:
    """Whether there is a curve worth drawing."""
    share = shares_of_match(stem.match, stem.before)[0] if stem.match and stem.before else None
    return share is not None and (share.differs or not share.idle)


def _level(level_lu: float) -> str:
    return quantity(level_lu, "LU", signed=True) if math.isfinite(level_lu) else "silent"


def _figure(stem: StemMatch) -> str:
    title = escape(f"{clean(stem.stem).capitalize()}: tone")
    text = "What was wanted, what was kept of it, and what its chain renders."
    caption = f"<figcaption><b>{title}</b><span>{escape(text)}</span></figcaption>"
    return f"<figure>\n{caption}\n{stem_svg(stem)}\n</figure>"


def stem_chains(report: Report) -> list[tuple[str, tuple[StepText, ...]]]:
    """Heading and steps of each stem that the recipe changes."""
    return [(clean(chain.stem).capitalize(), stem_steps(chain)) for chain in changed_chains(report)]
