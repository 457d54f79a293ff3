"""Training cases of one person's own sound: a degraded song against what their other masters have in common.

This is how a personal model is used: there is no reference track, an exemplar joined from the
masters stands for one. What input and exemplar differ by is the song; what a degradation adds is
what mastering would take back. A song is never part of the exemplar it is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mastering.match.evidence import Piece, joined, weigh
from mastering.train.pairs import Case
from mastering.train.stretches import (
    NOTHING,
    Span,
    draw_degradation,
    draw_spans,
    outcome_of,
    sounds,
    stretch_of,
)
from mastering.train.takes import Take

__all__ = ["House", "against", "whole"]

LEAVE = 0.3
"""Share of cases whose input is a finished song: between it and the exemplar there is only music."""


_TRIES = 20


class House:
    """Draws cases from someone's songs, each against an exemplar of some or all of the others.

    Args:
        takes: at least two songs.
    """

    def __init__(self, takes: Sequence[Take]) -> None:
        self._wholes = [whole(take) for take in takes]

    def __call__(self, takes: Sequence[Take], rng: np.random.Generator) -> Case:
        """A random case (`fit.Draw`) of the same songs in the same order."""
        chosen = int(rng.integers(len(takes)))
        others = [piece for index, piece in enumerate(self._wholes) if index != chosen]
        count = len(others) if rng.random() < 0.5 else int(rng.integers(1, len(others) + 1))
        heard = [others[int(index)] for index in rng.choice(len(others), count, replace=False)]
        return against(takes[chosen], joined(heard), rng)


def whole(take: Take) -> Piece:
    """All of a finished song as one piece."""
    return stretch_of(take, (slice(0, take.frames),), NOTHING).piece


def against(take: Take, exemplar: Piece, rng: np.random.Generator) -> Case:
    """A case of one song: a stretch of it, degraded or finished, against an exemplar of other songs."""
    span = _span(take, rng)
    kind = "leave" if rng.random() < LEAVE else "undo"
    own = stretch_of(take, span, NOTHING if kind == "leave" else draw_degradation(take, rng))
    levels, crest, plr_db = outcome_of(take, span, NOTHING)
    change = levels - own.levels
    return Case(
        evidence=weigh(own.piece, [exemplar]),
        truth=np.stack([change[0], change[1] - change[0]]).astype(np.float32),
        crest=(crest - own.piece.crest).astype(np.float32),
        plr=plr_db - own.piece.plr_db,
        kind=kind,
    )


def _span(take: Take, rng: np.random.Generator) -> Span:
    """A stretch with music in it, if there is one to be found."""
    for _ in range(_TRIES):
        span, _ = draw_spans(take, rng)
        if sounds(take, span):
            break
    return span
