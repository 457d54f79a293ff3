"""What stem-aware matching answers, as values for recipes and reports."""

from __future__ import annotations

from dataclasses import dataclass

from mastering.chain import StemChain, StemChains
from mastering.measure.features import Features
from mastering.notice import Notice
from mastering.ports import MatchResult

__all__ = ["StemMatch", "StemsMatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StemMatch:
    """One stem: what it measures as, what was wanted, and what is done.

    Attributes:
        stem: its name.
        before: the stem of the input; None where the input's separation has none of this name.
        references: the same stem of those references in which it sounds.
        level_lu: its loudness against the whole mix, of the input.
        reference_level_lu: the same of the references, on average; NaN where it sounds in none.
        wanted_level_db: how far its level in the balance lies from the references'.
        level_db: how much of that is done; the chain's gain makes up for what its steps do to the loudness.
        trust: share of what was measured that is this stem and not its neighbours', 0..1.
        match: of the matcher, after trust; None where the stem was left alone.
        chain: what is done to it.
        left_alone: why nothing was matched, as a clause ("it is silent in the reference"); "" where it was.
    """

    stem: str
    before: Features | None
    references: tuple[Features, ...]
    level_lu: float
    reference_level_lu: float
    wanted_level_db: float
    level_db: float
    trust: float
    match: MatchResult | None
    chain: StemChain
    left_alone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsMatch:
    """All stems of one recording.

    Attributes:
        chains: for the recipe: the separator, and the chains of those stems that change.
        residual_share: what the separator left out of input and references, the highest.
        stems: in the separator's order.
        notices: what was left to the whole mix, and why.
    """

    chains: StemChains
    residual_share: float
    stems: tuple[StemMatch, ...]
    notices: tuple[Notice, ...] = ()
