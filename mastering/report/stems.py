"""Stem by stem in words and as plain values: what was wanted, what was done, what was left alone and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mastering.chain import Compressor, MultibandCompressor, StemChain
from mastering.codec import to_plain
from mastering.report.model import Report
from mastering.report.shares import AUDIBLE_DB, shares_of_match
from mastering.report.tone import find_regions, phrase
from mastering.report.wording import clean, join, number, percent, quantity
from mastering.stemwise.values import StemMatch

__all__ = ["changed_chains", "level_text", "separated_text", "stem_sentences", "stems_document"]

_INAUDIBLE_LU = 0.3


def stem_sentences(report: Report) -> Iterator[str]:
    """A sentence on the separation and one for each stem that was matched; the others are in the notices.

    Of a recipe that was applied there is one sentence: nothing was matched.
    """
    match = report.stems
    if match is None and report.recipe.stems is not None:
        names = join([clean(chain.stem) for chain in report.recipe.stems.chains])
        yield f"{separated_text(report)[:-1]}; {names} changed as the recipe says."
    if match is None or all(stem.left_alone for stem in match.stems):
        return
    yield separated_text(report)
    for stem in match.stems:
        if not stem.left_alone:
            yield f"{clean(stem.stem).capitalize()}: {'; '.join(_done(stem))}."


def separated_text(report: Report) -> str:
    """Who took the recording apart, and how much that leaves out."""
    match, stems = report.stems, report.recipe.stems
    made_by = match.chains.separator if match is not None else stems.separator if stems is not None else None
    if made_by is None:
        return ""
    label = {"draft": ", a draft", "official": "", "custom": ", a model of your own"}.get(made_by.label, "")
    text = f"Stems separated by the model '{clean(made_by.model)}'{label}"
    if match is None:
        return f"{text}."
    return f"{text}; it left out {_share(match.residual_share)} of the energy, which stays in the mix."


def _share(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{number(100.0 * share)} %"


def _done(stem: StemMatch) -> Iterator[str]:
    """What was done to one stem, as clauses."""
    yield level_text(stem)
    share = shares_of_match(stem.match, stem.before)[0] if stem.match and stem.before else None
    regions = find_regions(stem.match.kept_mid_db, threshold_db=AUDIBLE_DB)[:2] if stem.match else ()
    if stem.match is not None and stem.match.chain.steps and regions:
        yield "; ".join(phrase(region) for region in regions)
    elif share is not None and share.differs:
        yield f"tone left as it is ({quantity(share.whole_mean_db, 'dB')} of difference look like music)"
    yield from _compression(stem.chain)
    if stem.trust < 0.8:
        yield f"trusted to {percent(stem.trust)}"


def level_text(stem: StemMatch) -> str:
    """What became of a stem's level."""
    count = len(stem.references)
    where = "the reference" if count < 2 else f"the mean of {count} references"
    if abs(stem.wanted_level_db) < _INAUDIBLE_LU or not math.isfinite(stem.wanted_level_db):
        return f"level as in {where}"
    apart = (
        f"{quantity(abs(stem.wanted_level_db), 'dB')} {'louder' if stem.wanted_level_db > 0.0 else 'softer'}"
    )
    if stem.level_db == 0.0:
        return f"level left as it is ({apart} in {where}, which looks like music)"
    word = "raised" if stem.level_db > 0.0 else "lowered"
    return f"{word} by {quantity(abs(stem.level_db), 'dB')} ({apart} in {where})"


def _compression(chain: StemChain) -> Iterator[str]:
    ratios = []
    for step in chain.steps:
        if isinstance(step, Compressor):
            ratios.append(step.ratio)
        elif isinstance(step, MultibandCompressor):
            ratios += [band.ratio for band in step.bands]
    if any(ratio > 1.0 for ratio in ratios):
        yield f"compressed up to {quantity(max(ratios), ':1')}"


def changed_chains(report: Report) -> tuple[StemChain, ...]:
    """The stem chains of the recipe."""
    return report.recipe.stems.chains if report.recipe.stems is not None else ()


def stems_document(report: Report) -> dict[str, Any]:
    """Stems for the JSON document: the recipe's chains, and where stems were matched, what was wanted."""
    match = report.stems
    chains = match.chains if match is not None else report.recipe.stems
    assert chains is not None, "asked for a report with stems"
    return {
        "separator": to_plain(chains.separator),
        "residual_share": match.residual_share if match is not None else None,
        "stems": [_entry(stem) for stem in match.stems] if match is not None else [],
        "chains": to_plain(chains.chains),
    }


def _entry(stem: StemMatch) -> dict[str, Any]:
    found = stem.match
    plain: dict[str, Any] = to_plain(
        {
            "stem": stem.stem,
            "level_lu": stem.level_lu,
            "reference_level_lu": stem.reference_level_lu,
            "wanted_level_db": stem.wanted_level_db,
            "level_db": stem.level_db,
            "trust": stem.trust,
            "wanted_mid_db": found.wanted_mid_db if found is not None else (),
            "kept_mid_db": found.kept_mid_db if found is not None else (),
            "left_alone": stem.left_alone,
        }
    )
    return plain
