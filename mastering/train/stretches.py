"""Stretches of a take: what a matcher would measure of any frames of it, after curves on its bands.

Everything follows from the take's frames; no audio is touched. Curves are exact on third octaves
(up to the spread of energy inside one) and near on the wide bands, which get one gain each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mastering.match.evidence import Piece
from mastering.match.tone import CENTRES_HZ
from mastering.measure.bands import audible, levels_db
from mastering.measure.chunks import chunk_arrays
from mastering.measure.features import BAND_EDGES_HZ
from mastering.measure.loudness import gated_loudness, loudness_range
from mastering.train import curves
from mastering.train.takes import FRAME_S, Take

__all__ = [
    "NOTHING",
    "WIDE_PARTS",
    "Change",
    "Span",
    "Stretch",
    "draw_curves",
    "draw_degradation",
    "draw_spans",
    "outcome_of",
    "sounds",
    "stretch_of",
]

Array = npt.NDArray[np.float64]
Powers = npt.NDArray[np.floating]


WIDE_PARTS = np.split(np.arange(len(CENTRES_HZ)), np.searchsorted(CENTRES_HZ, BAND_EDGES_HZ))
"""Third octaves of each wide band."""

Span: TypeAlias = tuple[slice, ...]
"""A stretch: spectral frames of a take, in one or several turns."""

INTERLEAVED = 0.35
"""Share of the cases whose stretches are cut in turns."""

MIN_TURN = 8

MIN_FRAMES, MAX_FRAMES = 22, 108
"""Length of a stretch: 8 to 40 s."""

_K_WEIGHT_DB = np.interp(
    np.log2(CENTRES_HZ),
    np.log2([20.0, 40.0, 80.0, 200.0, 800.0, 1_500.0, 2_500.0, 20_000.0]),
    [-13.0, -5.0, -1.5, -0.4, 0.0, 1.6, 3.3, 4.0],
)
"""K-weighting in each third octave, to within 0.3 dB: enough for how a tone curve moves loudness."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """A stretch as a matcher measures it, and its third-octave levels of mid and side [2, 31] in dB."""

    piece: Piece
    levels: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """What was done to a take: a version and curves on mid and side [31]."""

    version: int
    mid: Array
    side: Array


NOTHING = Change(version=0, mid=np.zeros(31), side=np.zeros(31))
"""The finished song as it is."""


def draw_spans(take: Take, rng: np.random.Generator) -> tuple[Span, Span]:
    """Two stretches that share no frame, in random order.

    Some are cut in turns from the whole song: the halves of a song that comes back to its
    verses and choruses are more alike than any two stretches of it.
    """
    frames = take.frames
    if rng.random() < INTERLEAVED and frames >= 6 * MIN_TURN:
        turn = int(rng.integers(MIN_TURN, max(MIN_TURN + 1, frames // 5)))
        starts = range(0, frames - turn, turn + 1)
        turns = [slice(start, start + turn) for start in starts]
        parts = (tuple(turns[0::2]), tuple(turns[1::2]))
        return parts if rng.random() < 0.5 else parts[::-1]
    least = min(MIN_FRAMES, (frames - 2) // 2)
    cut = int(rng.integers(least, frames - 1 - least))
    early, late = cut, frames - cut - 2
    if rng.random() < 0.5:  # as much as there is, as a user has it; else shorter
        early = min(early, int(rng.integers(least, MAX_FRAMES)))
        late = min(late, int(rng.integers(least, MAX_FRAMES)))
    begin = int(rng.integers(0, cut - early + 1))
    start = int(rng.integers(cut + 2, frames - late + 1))
    spans = ((slice(begin, begin + early),), (slice(start, start + late),))
    return spans if rng.random() < 0.5 else spans[::-1]


def sounds(take: Take, span: Span) -> bool:
    """Whether a stretch has music in it: more than -60 dBFS in mid on average."""
    return all(take.spectra[0, turn, 0].sum(axis=1).mean() > 1e-6 for turn in span)


def draw_degradation(take: Take, rng: np.random.Generator) -> Change:
    """A degradation: a rendered version, curves on top of it, or both."""
    version = int(rng.integers(len(take.spectra))) if rng.random() < 0.65 else 0
    if version == 0 or rng.random() < 0.6:
        drawn = draw_curves(rng)
        return Change(version=version, mid=drawn.mid, side=drawn.side)
    return Change(version=version, mid=np.zeros(31), side=np.zeros(31))


def draw_curves(rng: np.random.Generator) -> Change:
    """Curves on the finished song."""
    tone = curves.tone(rng) if rng.random() < 0.85 else np.zeros(31)
    width = curves.width(rng) if rng.random() < 0.4 else np.zeros(31)
    return Change(version=0, mid=tone, side=tone + width)


def stretch_of(take: Take, span: Span, change: Change) -> Stretch:
    """What a matcher measures of a stretch after a change."""
    heard, moving, moved_db = _heard(take, span, change)
    chunks, chunk_crest, percentiles = chunk_arrays(heard, moving)
    levels = levels_db(heard)
    lufs, peak_db = _levels(take, span, change)
    bandwidth_hz = _bandwidth_hz(float(take.bandwidth_hz[change.version]), change.mid)
    piece = Piece.from_levels(
        levels,
        percentiles,
        chunks,
        chunk_crest,
        _crest(moving),
        np.ones(31, bool) if bandwidth_hz >= 20_500.0 else bandwidth_hz >= CENTRES_HZ * 10.0**0.05,
        bandwidth_hz=bandwidth_hz,
        integrated_lufs=lufs + moved_db,
        plr_db=peak_db - lufs,
        loudness_range_lu=loudness_range(_hops(take.loudness, span, change)),
        duration_s=sum(turn.stop - turn.start for turn in span) * FRAME_S,
    )
    return Stretch(piece=piece, levels=np.maximum(levels, -120.0))


def outcome_of(take: Take, span: Span, change: Change) -> tuple[Array, Array, float]:
    """Third-octave levels [2, 31], crests [4] and peak to loudness ratio of a truth."""
    heard, moving, _ = _heard(take, span, change)
    lufs, peak_db = _levels(take, span, change)
    return np.maximum(levels_db(heard), -120.0), np.clip(_crest(moving), 0.0, 30.0), peak_db - lufs


def _heard(take: Take, span: Span, change: Change) -> tuple[Powers, Powers, float]:
    """Audible frames of spectra and of wide bands after the change, and how far it moves loudness in dB."""
    gains = 10.0 ** (np.stack([change.mid, change.side]) / 10.0)
    spectra = np.concatenate([take.spectra[change.version, turn] for turn in span])
    before = spectra.sum(axis=0)
    spectra = spectra * gains.astype(np.float32)
    dynamics = np.concatenate(
        [take.dynamics[change.version, 16 * turn.start : 16 * turn.stop + 16] for turn in span]
    )
    dynamics = dynamics * _wide_gains(before, gains).astype(np.float32)
    weighted = 10.0 ** (_K_WEIGHT_DB / 10.0)
    after = (before * gains).sum(axis=0) @ weighted
    moved_db = 10.0 * np.log10(after / (before.sum(axis=0) @ weighted + 1e-20) + 1e-9)
    heard = audible(spectra, spectra.sum(axis=(1, 2)))
    return heard, audible(dynamics, dynamics.sum(axis=1)), float(moved_db)


def _wide_gains(powers: npt.NDArray[np.floating], gains: Array) -> Array:
    """Gain of the four wide bands [4] that third-octave gains [2, 31] make of powers [2, 31]."""
    return np.array([(powers * gains)[:, p].sum() / (powers[:, p].sum() + 1e-20) for p in WIDE_PARTS])


def _crest(dynamics: npt.NDArray[np.floating]) -> Array:
    if not len(dynamics):
        return np.zeros(4)
    highest = np.percentile(dynamics, 99, axis=0) + 1e-15
    return np.asarray(10.0 * np.log10(highest / (dynamics.mean(axis=0) + 1e-15)))


def _levels(take: Take, span: Span, change: Change) -> tuple[float, float]:
    """Loudness and sample peak of a stretch of a version; its curves are taken to move both alike."""
    powers = _hops(take.loudness, span, change)
    peak = float(_hops(take.peaks, span, change).max(initial=1e-6))
    return max(gated_loudness(powers), -60.0), 20.0 * float(np.log10(peak))


def _hops(values: npt.NDArray[np.float32], span: Span, change: Change) -> Array:
    edges = [(int(turn.start * 10 * FRAME_S), int((turn.stop + 1) * 10 * FRAME_S)) for turn in span]
    return np.concatenate([values[change.version, first:last] for first, last in edges]).astype(np.float64)


def _bandwidth_hz(bandwidth_hz: float, curve: Array) -> float:
    """Where a steep curve cuts the audible bandwidth."""
    top = curve[20:24].max()
    cut = np.flatnonzero(curve[24:] < top - 45.0)
    return min(bandwidth_hz, float(CENTRES_HZ[24 + cut[0]] * 10.0**-0.05)) if len(cut) else bandwidth_hz
