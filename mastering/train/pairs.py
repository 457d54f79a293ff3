"""Training cases: input, reference and what mastering did between them, cut anew from takes each time.

Four kinds of case:
    undo       a degraded stretch is the input, another stretch of the same song the reference,
               the stretch before degradation the truth
    leave      input and reference sound alike (both finished, or both degraded in the same way):
               there is nothing to do
    follow     the reference went through a chain, the input did not; the truth is the input
               through that chain
    cross      as follow, with the reference from another song
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mastering.errors import ParameterError
from mastering.match.evidence import Evidence, Piece, weigh
from mastering.train import curves
from mastering.train.stretches import (
    NOTHING,
    WIDE_PARTS,
    Span,
    draw_curves,
    draw_degradation,
    draw_spans,
    outcome_of,
    sounds,
    stretch_of,
)
from mastering.train.takes import Take

__all__ = ["KINDS", "Case", "draw_case"]

KINDS = {"undo": 0.7, "leave": 0.06, "follow": 0.14, "cross": 0.1}
"""Kind -> share of the cases."""

_TRIES = 100
"""Stretches of silence that are drawn before a silent corpus is said to be one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One case.

    Attributes:
        evidence: what the network sees.
        truth: float32 [2, 31]: what mastering did to mid (any level) and to side to mid, in dB.
        crest: float32 [4]: truth's crest minus the input's, in dB.
        plr: truth's peak to loudness ratio minus the input's, in dB.
        kind: of KINDS.
    """

    evidence: Evidence
    truth: npt.NDArray[np.float32]
    crest: npt.NDArray[np.float32]
    plr: float
    kind: str


def draw_case(takes: Sequence[Take], rng: np.random.Generator, kind: str | None = None) -> Case:
    """A random case of random (or the given) kind."""
    kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
    take, first, second = _sounding(takes, rng)
    if kind == "undo":
        before, after, heard = draw_degradation(take, rng), NOTHING, stretch_of(take, second, NOTHING)
    elif kind == "leave":
        same = NOTHING if rng.random() < 0.5 else draw_degradation(take, rng)
        before, after, heard = same, same, stretch_of(take, second, same)
    elif kind == "follow":
        before, after = NOTHING, draw_degradation(take, rng) if rng.random() < 0.5 else draw_curves(rng)
        heard = stretch_of(take, second, after)
    else:
        other, span, _ = _sounding(takes, rng)
        before = NOTHING
        after = draw_curves(rng) if rng.random() < 0.8 else NOTHING
        heard = stretch_of(other, span, after)
    own = stretch_of(take, first, before)
    truth_levels, truth_crest, truth_plr_db = outcome_of(take, first, after)
    change = truth_levels - own.levels
    return Case(
        evidence=weigh(_at_any_level(own.piece, rng), [_at_any_level(heard.piece, rng)]),
        truth=np.stack([change[0], change[1] - change[0]]).astype(np.float32),
        crest=(truth_crest - own.piece.crest).astype(np.float32),
        plr=truth_plr_db - own.piece.plr_db,
        kind=kind,
    )


def _sounding(takes: Sequence[Take], rng: np.random.Generator) -> tuple[Take, Span, Span]:
    """A song and two stretches of it that are not silent.

    Raises:
        ParameterError: a corpus of silence.
    """
    for _ in range(_TRIES):
        take = _varied(takes, rng)
        first, second = draw_spans(take, rng)
        if sounds(take, first) and sounds(take, second):
            return take, first, second
    raise ParameterError("The songs to train on are silent", hint="Train on music.")


def _at_any_level(piece: Piece, rng: np.random.Generator) -> Piece:
    """The piece at another loudness: how loud a mix was bounced says nothing about its tone."""
    return replace(piece, integrated_lufs=piece.integrated_lufs + float(rng.normal(-2.0, 5.0)))


def _varied(takes: Sequence[Take], rng: np.random.Generator) -> Take:
    """A take with a tone of its own, sometimes two songs at once: no song is seen twice as it was.

    Both are exact on band powers: tracks that do not know of each other add up in power.
    """
    take = takes[int(rng.integers(len(takes)))]
    if rng.random() < 0.3:
        take = _together(take, takes[int(rng.integers(len(takes)))], rng)
    if rng.random() < 0.7:
        curve = 10.0 ** ((0.8 * curves.smooth(rng) + 0.5 * curves.tilt(rng)) / 10.0)
        wide = np.array([curve[part].mean() for part in WIDE_PARTS])
        take = replace(
            take,
            spectra=take.spectra * curve.astype(np.float32),
            dynamics=take.dynamics * wide.astype(np.float32),
        )
    return take


def _together(one: Take, other: Take, rng: np.random.Generator) -> Take:
    """The finished versions of two songs as one, the second at -12 to 0 dB."""
    frames = min(one.frames, other.frames)
    moving = min(one.dynamics.shape[1], other.dynamics.shape[1])
    hops = min(one.loudness.shape[1], other.loudness.shape[1])
    share = np.float32(one.loudness[0].mean() / (other.loudness[0].mean() + 1e-12))
    share *= np.float32(10.0 ** (rng.uniform(-12.0, 0.0) / 10.0))
    return Take(
        spectra=one.spectra[:1, :frames] + share * other.spectra[:1, :frames],
        dynamics=one.dynamics[:1, :moving] + share * other.dynamics[:1, :moving],
        loudness=one.loudness[:1, :hops] + share * other.loudness[:1, :hops],
        peaks=one.peaks[:1, :hops] + np.sqrt(share) * other.peaks[:1, :hops],
        bandwidth_hz=np.maximum(one.bandwidth_hz[:1], other.bandwidth_hz[:1]),
        family=one.family,
    )
