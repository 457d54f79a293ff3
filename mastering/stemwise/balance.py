"""Balance: how far the stems' levels lie from the references', and how much of that is done.

A gain on all stems is no change of balance, so the differences count from their median (weighted by
trust): where one stem was mixed wrong, the others stay where they are.

Two stretches of the same song differ in balance without anybody having touched a fader. How much is
measured: the scatter of a stem's short-term loudness against the mix's, over the seconds in which it
sounds, tells how sure a mean over so many seconds is; what songs differ by beyond that is a constant.
Two mixes of the same performance move together from second to second, and then all of that falls away.
Most stems are mixed as they should be. A difference is a mixture, then: music alone, or mixing and
music; what is done is the posterior mean of the mixing (a spike and a slab, both normal), within a
limit. Small differences are left alone, large ones are mostly done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mastering.measure.features import Features
from mastering.stemwise.hearing import HeardStems

__all__ = ["MAX_LEVEL_DB", "Balance", "balance"]

MAX_LEVEL_DB = 6.0
"""Most that a stem is raised or lowered, where it is trusted wholly; less by as much as it is not."""

MIXING_DB = 5.0
"""Standard deviation of what is wrong with the level of a stem, where it is wrong."""

WRONG = 0.1
"""Share of the stems whose level is wrong."""

MUSIC_DB = 1.7
"""Standard deviation of what two recordings differ by that no fader did, beyond the measured scatter."""

TAKE_DB = 0.5
"""The same for two mixes of one performance."""

PHRASE_S = 8.0
"""Seconds after which the music of a stem counts as new: one independent look at its level."""

HEARD_LU = 20.0
"""A stem sounds where it lies at most this far below its own loudness."""

INAUDIBLE_DB = 0.3
"""Less is not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The level of one stem.

    Attributes:
        wanted_db: how far it lies from the references' balance.
        level_db: how much of that is done.
    """

    wanted_db: float
    level_db: float


def balance(
    own: HeardStems,
    references: Mapping[str, tuple[HeardStems, ...]],
    trust: Mapping[str, float],
    amount_percent: float | None,
) -> dict[str, Balance]:
    """Level changes of the stems to be matched.

    Args:
        own: the input.
        references: of each stem to be matched, the references in which it sounds.
        trust: of each stem to be matched, 0..1.
        amount_percent: a typed share of the differences; None keeps what is likely mixing.
    """
    names = list(references)
    if not names:
        return {}
    steps = np.array(
        [
            np.mean([piece.stems[name].integrated_lufs for piece in references[name]])
            - own.stems[name].integrated_lufs
            for name in names
        ]
    )
    steps -= _common(steps, np.array([trust[name] for name in names]))
    found = {}
    for name, wanted_db in zip(names, steps.tolist(), strict=True):
        doubt = _doubt(own, references[name], name)
        share = amount_percent / 100.0 if amount_percent is not None else _likely(wanted_db, doubt)
        done_db = trust[name] * float(np.clip(share * wanted_db, -MAX_LEVEL_DB, MAX_LEVEL_DB))
        found[name] = Balance(wanted_db=wanted_db, level_db=done_db if abs(done_db) >= INAUDIBLE_DB else 0.0)
    return found


def _common(steps_db: np.typing.NDArray[np.float64], trust: np.typing.NDArray[np.float64]) -> float:
    """The part of the differences that all stems share: their weighted median."""
    order = np.argsort(steps_db)
    weights = trust[order] / trust.sum()
    # Between the two around one half, so that two stems alike in trust meet half way.
    return float(np.interp(0.5, np.cumsum(weights) - 0.5 * weights, steps_db[order]))


def _likely(wanted_db: float, doubt: float) -> float:
    """Share of a difference in level that is likely mixing, where music alone has the variance `doubt`."""
    both = doubt + MIXING_DB**2
    music, mixing = (math.exp(-0.5 * wanted_db**2 / v) / math.sqrt(v) for v in (doubt, both))
    wrong = WRONG * mixing / (WRONG * mixing + (1.0 - WRONG) * music)
    return wrong * MIXING_DB**2 / both


def _doubt(own: HeardStems, references: tuple[HeardStems, ...], name: str) -> float:
    """Variance of a difference in level that music alone makes, in dB squared; more references, less."""
    theirs = float(np.mean([_variance(piece, name) for piece in references]))
    apart = _variance(own, name) + (MUSIC_DB**2 + theirs) * 0.5 * (1.0 + 1.0 / len(references))
    return apart if len(references) > 1 else min(apart, _same_take(own, references[0], name))


def _same_take(own: HeardStems, reference: HeardStems, name: str) -> float:
    """The same where both are mixes of one performance: what differs from second to second is the doubt."""
    stem, other = own.stems[name], reference.stems[name]
    seconds = len(stem.short_term_lufs)
    if len(other.short_term_lufs) != seconds:
        return math.inf
    sounding = _sounding(stem, seconds) & _sounding(other, seconds)
    if sounding.sum() < PHRASE_S:
        return math.inf
    apart = np.asarray(other.short_term_lufs)[sounding] - np.asarray(stem.short_term_lufs)[sounding]
    return TAKE_DB**2 + float(apart.var())


def _variance(heard: HeardStems, name: str) -> float:
    """Variance of a stem's mean level against the mix, in dB squared, from its scatter over time."""
    stem, mix = heard.stems[name], heard.mix
    seconds = min(len(stem.short_term_lufs), len(mix.short_term_lufs))
    apart = np.asarray(stem.short_term_lufs[:seconds]) - np.asarray(mix.short_term_lufs[:seconds])
    sounding = _sounding(stem, seconds)
    if sounding.sum() < 2:
        return MIXING_DB**2
    looks = max(1.0, float(sounding.sum()) / PHRASE_S)
    return float(apart[sounding].var()) / looks


def _sounding(stem: Features, seconds: int) -> np.typing.NDArray[np.bool_]:
    return np.asarray(stem.short_term_lufs[:seconds]) > stem.integrated_lufs - HEARD_LU
