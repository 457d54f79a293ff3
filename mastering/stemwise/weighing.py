"""A matcher's answer about a stem, weighted by the trust in what it was told.

Gains shrink in each third octave by the trust there, compressors as a whole by the trust in the stem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MultibandCompressor,
    Step,
    Width,
)
from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.ports import MatchResult
from mastering.stemwise.trust import Curve

__all__ = ["LEAST_DB", "weighed"]

LEAST_DB = 0.5
"""A judged curve that moves a stem by less on average, or by less than the matcher expects to be wrong, is
left out: most stems of a mix sound as they should, and each false step is one of four."""

_CENTRES_HZ = np.asarray(THIRD_OCTAVES_HZ)


def weighed(result: MatchResult, bands: Curve, whole: float) -> MatchResult:
    """A matcher's result with every gain weighted by the trust in its third octave (31).

    Where the matcher judged the amount, it must be surer of a stem's curve than of a mix's.
    """
    if not result.kept_mid_db:
        return result
    mid = bands * np.asarray(result.kept_mid_db)
    width = bands * np.asarray(result.kept_side_db) - mid
    tone_bands, width_bands = bands, bands
    if result.amount_percent is None:
        tone_bands = bands * _sure(mid, result.expected_error_mid_db)
        width_bands = bands * _sure(width, result.expected_error_side_db)
    weighted = [
        _weighted(step, width_bands if isinstance(step, Width) else tone_bands, whole)
        for step in result.chain.steps
    ]
    mid, width = mid * (tone_bands > 0.0), width * (width_bands > 0.0)
    return replace(
        result,
        chain=replace(result.chain, steps=tuple(step for step in weighted if step is not None)),
        kept_mid_db=_times(mid, np.ones(len(mid))),
        kept_side_db=_times(mid + width, np.ones(len(mid))),
    )


def _sure(gains_db: Curve, expected_error_db: Sequence[float]) -> float:
    """1 where a curve (31) moves a stem by more than it is expected to be wrong, else 0."""
    expected = np.asarray(expected_error_db, np.float64)
    known = expected[np.isfinite(expected)]
    least_db = max(LEAST_DB, float(known.mean()) if known.size else 0.0)
    return float(np.abs(gains_db).mean() >= least_db)


def _weighted(step: Step, bands: Curve, whole: float) -> Step | None:
    """A step as far as it is trusted; None where nothing is left of it."""
    if isinstance(step, LinearPhaseEq):
        at = _at(bands, step.frequencies_hz)
        mid, side = _times(step.mid_gain_db, at), _times(step.side_gain_db, at)
        return replace(step, mid_gain_db=mid, side_gain_db=side) if any((*mid, *side)) else None
    if isinstance(step, Width):
        gains = _times(step.side_gain_db, _at(bands, step.frequencies_hz))
        return replace(step, side_gain_db=gains) if any(gains) else None
    if isinstance(step, Equalizer):
        mid_bands, side_bands = (_eq_bands(group, bands) for group in (step.mid, step.side))
        return replace(step, mid=mid_bands, side=side_bands) if mid_bands or side_bands else None
    if isinstance(step, Compressor):
        return _softer(step, whole)
    if isinstance(step, MultibandCompressor):
        return replace(step, bands=tuple(_softer(band, whole) for band in step.bands))
    return step


def _eq_bands(group: tuple[EqBand, ...], trust: Curve) -> tuple[EqBand, ...]:
    """Parametric bands as far as they are trusted; those that do nothing are left out."""
    weighted = (
        replace(band, gain_db=_times((band.gain_db,), _at(trust, (band.frequency_hz,)))[0]) for band in group
    )
    return tuple(band for band in weighted if band.gain_db)


def _softer(compressor: Compressor, trust: float) -> Compressor:
    """A compressor whose ratio and make-up gain go towards nothing."""
    return replace(
        compressor,
        ratio=round(1.0 + trust * (compressor.ratio - 1.0), 3),
        makeup_db=round(trust * compressor.makeup_db, 2),
    )


def _times(gains_db: Sequence[float], trust: Curve) -> tuple[float, ...]:
    # Zero is added to turn -0.0 into 0.0.
    return tuple(round(float(gain * share), 3) + 0.0 for gain, share in zip(gains_db, trust, strict=True))


def _at(bands: Curve, frequencies_hz: Sequence[float]) -> Curve:
    """A curve over third octaves (31) at other frequencies."""
    return np.asarray(np.interp(np.log(frequencies_hz), np.log(_CENTRES_HZ), bands))
