"""Stem by stem: a chain for each stem towards its counterpart in the references.

tone, width   the run's own matcher on the stem's measurements, within gentler limits than a mix's,
dynamics      weighted in each third octave by how far the measurement is to be trusted
level         the balance (`mastering.stemwise.balance`), whatever the steps do to the loudness made up for

A stem that is silent on one side, or hardly more than what leaks into it, is left alone: the whole
mix is mastered afterwards, and measured again for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mastering.chain import StemChain, StemChains
from mastering.measure.features import THIRD_OCTAVES_HZ, Features
from mastering.measure.kweighting import k_weighting_sos
from mastering.notice import Notice
from mastering.ports import MatchRequest, MatchResult, find_matcher
from mastering.stemwise.balance import Balance, balance
from mastering.stemwise.hearing import HeardStems
from mastering.stemwise.provenance import separated_by
from mastering.stemwise.trust import Curve, band_trust, stem_trust
from mastering.stemwise.values import StemMatch, StemsMatch
from mastering.stemwise.weighing import weighed
from mastering.styles import Limits
from mastering.target import DeliverySpec

__all__ = ["STEM_LIMITS", "match_stems"]

STEM_LIMITS = Limits(
    max_boost_db=4.0,
    max_cut_db=4.0,
    max_side_boost_db=2.0,
    max_width_change_db=2.0,
    max_compression_db=2.0,
    max_plr_reduction_db=3.0,
)
"""How far one stem may move; the whole mix moves as far as ever afterwards."""

SILENT_LU = -30.0
"""A stem this far below the mix counts as silent."""

DOUBTFUL = 0.15
"""A stem less trusted than this is left alone."""

_CENTRES_HZ = np.asarray(THIRD_OCTAVES_HZ)


def match_stems(
    own: HeardStems, references: Sequence[HeardStems], request: MatchRequest, matcher: str
) -> StemsMatch:
    """What to do to each stem of the input.

    Args:
        own: the input's stems.
        references: the references' stems, separated by the same separator; at least one.
        request: for the whole mix; its amount, aspects and equaliser hold for the stems too.
        matcher: name of a registered matcher.
    """
    cases = {name: _case(own, references, name) for name in own.info.sources}
    matched = {name: case for name, case in cases.items() if not case.left_alone}
    levels = balance(
        own,
        {name: case.heard_in for name, case in matched.items()},
        {name: case.trust for name, case in matched.items()},
        request.amount_percent,
    )
    if "level" not in request.only:
        levels = {name: replace(level, level_db=0.0) for name, level in levels.items()}
    stems = tuple(
        _matched(own, case, levels[name], request, matcher) if name in levels else _alone(own, case)
        for name, case in cases.items()
    )
    chains = tuple(stem.chain for stem in stems if stem.chain.changes)
    return StemsMatch(
        chains=StemChains(separator=separated_by(own.info), chains=chains),
        residual_share=max(heard.residual_share for heard in (own, *references)),
        stems=stems,
        notices=(*_separations(own, references), *_notices(own, stems)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One stem before it is matched."""

    name: str
    heard_in: tuple[HeardStems, ...]
    trust: float
    left_alone: str = ""


def _case(own: HeardStems, references: Sequence[HeardStems], name: str) -> _Case:
    sounding = tuple(piece for piece in references if piece.level_lu(name) > SILENT_LU)
    where = "the reference" if len(references) == 1 else "all references"
    if not own.level_lu(name) > SILENT_LU:
        return _Case(name=name, heard_in=sounding, trust=0.0, left_alone="it is silent in the input")
    if not sounding:
        return _Case(name=name, heard_in=(), trust=0.0, left_alone=f"it is silent in {where}")
    here = stem_trust(own, name)
    there = float(np.mean([stem_trust(piece, name) for piece in sounding]))
    trust, side = min((here, "the input"), (there, where))
    why = f"it is too low in {side} to be told from what leaks into it" if trust < DOUBTFUL else ""
    return _Case(name=name, heard_in=sounding, trust=trust, left_alone=why)


def _alone(own: HeardStems, case: _Case) -> StemMatch:
    return StemMatch(
        stem=case.name,
        before=own.stems.get(case.name),
        references=tuple(piece.stems[case.name] for piece in case.heard_in),
        level_lu=own.level_lu(case.name),
        reference_level_lu=_mean_level(case),
        wanted_level_db=0.0,
        level_db=0.0,
        trust=case.trust,
        match=None,
        chain=StemChain(stem=case.name),
        left_alone=case.left_alone,
    )


def _matched(own: HeardStems, case: _Case, level: Balance, request: MatchRequest, matcher: str) -> StemMatch:
    before = own.stems[case.name]
    asked = MatchRequest(
        features=before,
        references=tuple(piece.stems[case.name] for piece in case.heard_in),
        delivery=DeliverySpec(),
        amount_percent=request.amount_percent,
        only=tuple(aspect for aspect in request.only if aspect != "level"),
        eq=request.eq,
        limits=_gentler(request.limits),
    )
    trusts = [band_trust(piece, case.name) for piece in case.heard_in]
    bands = np.minimum(band_trust(own, case.name), np.mean(trusts, axis=0))
    found = weighed(find_matcher(matcher).match(asked), bands, case.trust)
    made_up_db = level.level_db - _louder_db(before, found)
    changes = bool(found.chain.steps) or level.level_db != 0.0
    return StemMatch(
        stem=case.name,
        before=before,
        references=asked.references,
        level_lu=own.level_lu(case.name),
        reference_level_lu=_mean_level(case),
        wanted_level_db=level.wanted_db,
        level_db=level.level_db,
        trust=case.trust,
        match=found,
        chain=StemChain(
            stem=case.name,
            steps=found.chain.steps,
            gain_db=round(made_up_db, 2) if changes else 0.0,
        ),
    )


def _mean_level(case: _Case) -> float:
    if not case.heard_in:
        return float("nan")
    return float(np.mean([piece.level_lu(case.name) for piece in case.heard_in]))


def _gentler(limits: Limits) -> Limits:
    """The narrower of the request's limits and a stem's."""
    names = STEM_LIMITS.__dataclass_fields__
    return Limits(**{name: min(getattr(limits, name), getattr(STEM_LIMITS, name)) for name in names})


def _louder_db(before: Features, result: MatchResult) -> float:
    """How much louder a stem gets by its tone and width: its K-weighted power after over before, in dB."""
    if not result.kept_mid_db or not result.chain.steps:
        return 0.0
    weights = _k_weights(before.sample_rate)
    levels = (before.band_levels_mid_db, before.band_levels_side_db)
    powers = [weights * 10.0 ** (np.asarray(level) / 10.0) for level in levels]
    gains = [10.0 ** (np.asarray(gain) / 10.0) for gain in (result.kept_mid_db, result.kept_side_db)]
    after = sum(float(power @ gain) for power, gain in zip(powers, gains, strict=True))
    whole = sum(float(power.sum()) for power in powers)
    return float(10.0 * np.log10(after / whole)) if whole > 0.0 else 0.0


def _k_weights(sample_rate: int) -> Curve:
    """Power response of the K-weighting at the third octaves (31)."""
    turn = np.exp(-2j * np.pi * np.minimum(_CENTRES_HZ, 0.5 * sample_rate) / sample_rate)
    powers = np.stack([turn**0, turn, turn**2])
    response = [np.abs((row[:3] @ powers) / (row[3:] @ powers)) ** 2 for row in k_weighting_sos(sample_rate)]
    return np.asarray(np.prod(response, axis=0))


def _separations(own: HeardStems, references: Sequence[HeardStems]) -> Iterator[Notice]:
    """What the separations had to tell, each thing once."""
    yield from dict.fromkeys(notice for heard in (own, *references) for notice in heard.notices)


def _notices(own: HeardStems, stems: Sequence[StemMatch]) -> Iterator[Notice]:
    """What was left to the whole mix, and what to think of the separation."""
    alone = [stem for stem in stems if stem.left_alone]
    if len(alone) == len(stems):
        reasons = "; ".join(f"{stem.stem}: {stem.left_alone}" for stem in alone)
        yield Notice(
            code="stems_left_alone",
            message=f"No stem could be matched by itself ({reasons}): the whole mix was mastered, as without "
            "stems.",
        )
        return
    for stem in alone:
        yield Notice(
            code="stem_left_alone",
            message=f"The stem '{stem.stem}' was left to the whole mix: {stem.left_alone}.",
        )
    if own.info.label == "draft":
        yield Notice(
            code="draft_stems",
            message=f"The stems come from the draft model '{own.info.model}', which leaves much of the other "
            "stems in each: less was done to them than a better model's stems would bear.",
        )
