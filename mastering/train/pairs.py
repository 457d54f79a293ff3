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

from mastering.match.evidence import Evidence, Piece, weigh
from mastering.match.tone import CENTRES_HZ
from mastering.measure.bands import audible, levels_db
from mastering.measure.chunks import chunk_arrays
from mastering.measure.features import BAND_EDGES_HZ
from mastering.measure.loudness import gated_loudness, loudness_range
from mastering.train import curves
from mastering.train.takes import FRAME_S, Take

__all__ = ["KINDS", "Case", "draw_case"]

Array = npt.NDArray[np.float64]
Powers = npt.NDArray[np.floating]

KINDS = {"undo": 0.64, "leave": 0.12, "follow": 0.12, "cross": 0.12}
"""Kind -> share of the cases."""

_WIDE_PARTS = np.split(np.arange(len(CENTRES_HZ)), np.searchsorted(CENTRES_HZ, BAND_EDGES_HZ))
"""Third octaves of each wide band."""

MIN_FRAMES, MAX_FRAMES = 22, 108
"""Length of a stretch: 8 to 40 s."""

_K_WEIGHT_DB = np.interp(
    np.log2(CENTRES_HZ),
    np.log2([20.0, 40.0, 80.0, 200.0, 800.0, 1_500.0, 2_500.0, 20_000.0]),
    [-13.0, -5.0, -1.5, -0.4, 0.0, 1.6, 3.3, 4.0],
)
"""K-weighting in each third octave, to within 0.3 dB: enough for how a tone curve moves loudness."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stretch:
    """Measured arrays of a stretch after curves on its bands."""

    piece: Piece
    levels: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Change:
    """What was done to a take: a version and curves on mid and side [31]."""

    version: int
    mid: Array
    side: Array


def draw_case(takes: Sequence[Take], rng: np.random.Generator, kind: str | None = None) -> Case:
    """A random case of random (or the given) kind."""
    kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
    while True:
        take = _varied(takes, rng)
        first, second = _spans(take, rng)
        if _sounds(take, first) and _sounds(take, second):
            break
    nothing = _Change(version=0, mid=np.zeros(31), side=np.zeros(31))
    if kind == "undo":
        before, after, heard = _drawn(take, rng), nothing, _stretch(take, second, nothing)
    elif kind == "leave":
        same = nothing if rng.random() < 0.5 else _drawn(take, rng)
        before, after, heard = same, same, _stretch(take, second, same)
    elif kind == "follow":
        before, after = nothing, _drawn(take, rng) if rng.random() < 0.5 else _curves_only(rng)
        heard = _stretch(take, second, after)
    else:
        other = _varied(takes, rng)
        while not _sounds(other, span := _spans(other, rng)[0]):
            other = _varied(takes, rng)
        before = nothing
        after = _curves_only(rng) if rng.random() < 0.8 else nothing
        heard = _stretch(other, span, after)
    own = _stretch(take, first, before)
    truth_levels, truth_crest, truth_plr_db = _outcome(take, first, after)
    change = truth_levels - own.levels
    return Case(
        evidence=weigh(own.piece, [heard.piece]),
        truth=np.stack([change[0], change[1] - change[0]]).astype(np.float32),
        crest=(truth_crest - own.piece.crest).astype(np.float32),
        plr=truth_plr_db - own.piece.plr_db,
        kind=kind,
    )


def _sounds(take: Take, span: slice) -> bool:
    """Whether a stretch has music in it: more than -60 dBFS in mid on average."""
    return bool(take.spectra[0, span, 0].sum(axis=1).mean() > 1e-6)


def _varied(takes: Sequence[Take], rng: np.random.Generator) -> Take:
    """A take with a tone of its own, sometimes two songs at once: no song is seen twice as it was.

    Both are exact on band powers: tracks that do not know of each other add up in power.
    """
    take = takes[int(rng.integers(len(takes)))]
    if rng.random() < 0.3:
        take = _together(take, takes[int(rng.integers(len(takes)))], rng)
    if rng.random() < 0.7:
        curve = 10.0 ** ((0.8 * curves.smooth(rng) + 0.5 * curves.tilt(rng)) / 10.0)
        wide = np.array([curve[part].mean() for part in _WIDE_PARTS])
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


def _spans(take: Take, rng: np.random.Generator) -> tuple[slice, slice]:
    """Two stretches that share no frame, in random order."""
    frames = take.frames
    least = min(MIN_FRAMES, (frames - 2) // 2)
    cut = int(rng.integers(least, frames - 1 - least))
    early, late = cut, frames - cut - 2
    if rng.random() < 0.5:  # as much as there is, as a user has it; else shorter
        early = min(early, int(rng.integers(least, MAX_FRAMES)))
        late = min(late, int(rng.integers(least, MAX_FRAMES)))
    begin = int(rng.integers(0, cut - early + 1))
    start = int(rng.integers(cut + 2, frames - late + 1))
    spans = (slice(begin, begin + early), slice(start, start + late))
    return spans if rng.random() < 0.5 else spans[::-1]


def _drawn(take: Take, rng: np.random.Generator) -> _Change:
    """A degradation: a rendered version, curves on top of it, or both."""
    version = int(rng.integers(len(take.spectra))) if rng.random() < 0.65 else 0
    if version == 0 or rng.random() < 0.6:
        drawn = _curves_only(rng)
        return _Change(version=version, mid=drawn.mid, side=drawn.side)
    return _Change(version=version, mid=np.zeros(31), side=np.zeros(31))


def _curves_only(rng: np.random.Generator) -> _Change:
    tone = curves.tone(rng) if rng.random() < 0.85 else np.zeros(31)
    width = curves.width(rng) if rng.random() < 0.4 else np.zeros(31)
    return _Change(version=0, mid=tone, side=tone + width)


def _heard(take: Take, span: slice, change: _Change) -> tuple[Powers, Powers, float]:
    """Audible frames of spectra and of wide bands after the change, and how far it moves loudness in dB."""
    gains = 10.0 ** (np.stack([change.mid, change.side]) / 10.0)
    spectra = take.spectra[change.version, span] * gains.astype(np.float32)
    before = take.spectra[change.version, span].sum(axis=0)
    dynamics = take.dynamics[change.version, 16 * span.start : 16 * span.stop + 16]
    dynamics = dynamics * _wide_gains(before, gains).astype(np.float32)
    weighted = 10.0 ** (_K_WEIGHT_DB / 10.0)
    after = (before * gains).sum(axis=0) @ weighted
    moved_db = 10.0 * np.log10(after / (before.sum(axis=0) @ weighted + 1e-20) + 1e-9)
    heard = audible(spectra, spectra.sum(axis=(1, 2)))
    return heard, audible(dynamics, dynamics.sum(axis=1)), float(moved_db)


def _outcome(take: Take, span: slice, change: _Change) -> tuple[Array, Array, float]:
    """Third-octave levels [2, 31], crests [4] and peak to loudness ratio of a truth."""
    heard, moving, _ = _heard(take, span, change)
    lufs, peak_db = _levels(take, span, change)
    return np.maximum(levels_db(heard), -120.0), np.clip(_crest(moving), 0.0, 30.0), peak_db - lufs


def _stretch(take: Take, span: slice, change: _Change) -> _Stretch:
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
        duration_s=(span.stop - span.start) * FRAME_S,
    )
    return _Stretch(piece=piece, levels=np.maximum(levels, -120.0))


def _wide_gains(powers: npt.NDArray[np.floating], gains: Array) -> Array:
    """Gain of the four wide bands [4] that third-octave gains [2, 31] make of powers [2, 31]."""
    return np.array([(powers * gains)[:, p].sum() / (powers[:, p].sum() + 1e-20) for p in _WIDE_PARTS])


def _crest(dynamics: npt.NDArray[np.floating]) -> Array:
    if not len(dynamics):
        return np.zeros(4)
    highest = np.percentile(dynamics, 99, axis=0) + 1e-15
    return np.asarray(10.0 * np.log10(highest / (dynamics.mean(axis=0) + 1e-15)))


def _levels(take: Take, span: slice, change: _Change) -> tuple[float, float]:
    """Loudness and sample peak of a stretch of a version; its curves are taken to move both alike."""
    powers = _hops(take.loudness, span, change)
    peak = float(_hops(take.peaks, span, change).max(initial=1e-6))
    return max(gated_loudness(powers), -60.0), 20.0 * float(np.log10(peak))


def _hops(values: npt.NDArray[np.float32], span: slice, change: _Change) -> Array:
    hops = slice(int(span.start * 10 * FRAME_S), int((span.stop + 1) * 10 * FRAME_S))
    return np.asarray(values[change.version, hops], np.float64)


def _bandwidth_hz(bandwidth_hz: float, curve: Array) -> float:
    """Where a steep curve cuts the audible bandwidth."""
    top = curve[20:24].max()
    cut = np.flatnonzero(curve[24:] < top - 45.0)
    return min(bandwidth_hz, float(CENTRES_HZ[24 + cut[0]] * 10.0**-0.05)) if len(cut) else bandwidth_hz
