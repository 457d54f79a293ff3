"""Which numbers of a matched chain refinement may move, between which bounds, in steps of which size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mastering.chain import Compressor, LinearPhaseEq, MultibandCompressor, Width
from mastering.match.density import MAX_RATIO
from mastering.match.tone import CENTRES_HZ, Curve, allowed_boost_db, side_headroom_db
from mastering.match.twin.parameters import Free, Freedom
from mastering.match.twin.steps import numbers
from mastering.ports import MatchRequest, MatchResult

__all__ = ["freedom_of"]

SURE_DB, UNSURE_DB = 0.25, 2.0
"""Least and most that an expected error makes of the size of a step of a curve."""

USUAL_DB = 1.0
"""Size of a step where the matcher does not say how sure it is."""

BASS_HZ = 120.0
"""Below this nothing is made wider than predicted."""


def freedom_of(result: MatchResult, request: MatchRequest) -> Freedom:
    """How the numbers of `result.chain` may move under the caps and the aspects of `request`."""
    freedom: dict[tuple[int, str], Free] = {}
    for i, step in enumerate(result.chain.steps):
        if isinstance(step, LinearPhaseEq) and "tone" in request.only:
            freedom[i, "mid_gain_db"] = _tone(step, result, request)
        elif isinstance(step, Width) and "width" in request.only and request.features.channels == 2:
            freedom[i, "side_gain_db"] = _width(step, result, request)
        elif isinstance(step, (Compressor, MultibandCompressor)) and _may_compress(step, request):
            freedom |= _compression(i, step)
    return freedom


def _may_compress(step: Compressor | MultibandCompressor, request: MatchRequest) -> bool:
    """A style's own compressor over all bands is left as it is."""
    is_glue = isinstance(step, Compressor) and request.style is not None and request.style.glue is not None
    return "dynamics" in request.only and not is_glue


def _tone(step: LinearPhaseEq, result: MatchResult, request: MatchRequest) -> Free:
    points = step.frequencies_hz
    boost = _at(points, allowed_boost_db(request.features, request.limits.max_boost_db))
    return Free(
        low=[-request.limits.max_cut_db] * len(points),
        high=boost.tolist(),
        units=_sizes_db(points, result.expected_error_mid_db),
    )


def _width(step: Width, result: MatchResult, request: MatchRequest) -> Free:
    points, limits = step.frequencies_hz, request.limits
    cap = limits.max_width_change_db
    own = np.maximum(np.nan_to_num(np.asarray(request.features.side_to_mid_db), neginf=-120.0), -120.0)
    headroom = side_headroom_db(own, min(cap, limits.max_side_boost_db))
    boost = _at(points, np.asarray(headroom))
    bass = np.asarray(points) < BASS_HZ
    boost[bass] = np.minimum(boost, np.maximum(0.0, step.side_gain_db))[bass]
    return Free(
        low=[-cap] * len(points),
        high=boost.tolist(),
        units=_sizes_db(points, result.expected_error_side_db),
    )


def _compression(i: int, step: Compressor | MultibandCompressor) -> dict[tuple[int, str], Free]:
    """Bands that do nothing are left out of it."""
    ratios = numbers(step)["ratio"]
    at_work = [ratio > 1.0 for ratio in ratios]
    free = {
        (i, name): Free(moves=at_work) for name in ("threshold_dbfs", "attack_ms", "release_ms", "makeup_db")
    }
    return {**free, (i, "ratio"): Free(high=[max(MAX_RATIO, r) for r in ratios], moves=at_work)}


def _sizes_db(points_hz: Sequence[float], expected_error_db: tuple[float, ...]) -> list[float]:
    if len(expected_error_db) != len(CENTRES_HZ):
        return [USUAL_DB] * len(points_hz)
    sizes: list[float] = np.clip(_at(points_hz, np.asarray(expected_error_db)), SURE_DB, UNSURE_DB).tolist()
    return sizes


def _at(points_hz: Sequence[float], curve: Curve) -> Curve:
    """A curve of third octaves at other frequencies."""
    return np.asarray(np.interp(np.log(points_hz), np.log(CENTRES_HZ), curve))
