"""Dynamics in closed form: band by band towards the goal's crest, then overall towards its density.

The goal is the references' mean or the style's corridor. Nothing is ever made less dense: what
is denser than the goal already is left alone.
"""

from __future__ import annotations

import numpy as np

from mastering.chain import Compressor, MultibandCompressor, Step
from mastering.match.bandwise import compressor_from
from mastering.match.density import Distribution, compressor_for, joined
from mastering.match.tone import CENTRES_HZ, Curve
from mastering.measure.features import BAND_EDGES_HZ
from mastering.ports import MatchRequest

__all__ = ["compressors", "denser_already", "judged_compressors", "plr_goal_db"]

AUTO_SHARE = 0.5
"""Share of a difference in crest or peak to loudness ratio that `auto` takes for mastering."""

AUTO_CREST_DB = 1.5
"""Most that `auto` takes off a band's crest: beyond it a difference is more likely the playing."""

ATTACKS_MS = (10.0, 6.0, 3.0, 2.0)
RELEASES_MS = (150.0, 120.0, 90.0, 60.0)
"""Per band, low to high: fast enough that the 23 ms levels the crest is measured on are reached."""

DENSER_DB = 1.0
"""Peak to loudness ratio that a reference must have above the input's for the input to count as denser."""

CLEARLY_DB = 3.0
"""Peak to loudness ratio that a reference must have below the input's before compressors work towards it:
smaller differences are the limiter's, and a difference in crest alone is the playing."""


AUDIBLE_DB = 0.3
"""Less change of the peak to loudness ratio is not worth lowering the ceiling for."""


def denser_already(request: MatchRequest) -> bool:
    """Whether the input has clearly less peak to loudness ratio than the references."""
    if not request.references:
        return False
    return request.features.plr_db < float(np.mean([r.plr_db for r in request.references])) - DENSER_DB


def plr_goal_db(request: MatchRequest, judged_db: float | None = None) -> float | None:
    """Peak to loudness ratio to come close to; None where there is nothing to take off.

    Args:
        request: what is asked for.
        judged_db: change that a learned judgement asks for instead of a share of the difference.
    """
    own, style = request.features.plr_db, request.style
    if "dynamics" not in request.only or not np.isfinite(own):
        return None
    if judged_db is not None:
        less_db = min(-judged_db, request.limits.max_plr_reduction_db)
        return own - less_db if less_db > AUDIBLE_DB else None
    if request.references:
        goal = float(np.mean([r.plr_db for r in request.references]))
    elif style is not None:
        goal = style.plr_high_db
    else:
        return None
    if own <= goal:
        return None
    return own - min(_share(request) * (own - goal), request.limits.max_plr_reduction_db)


def compressors(
    request: MatchRequest, after_tone_db: Curve, tone_db: Curve, plr_db: float | None
) -> list[Step]:
    """Multiband and bus compressor of a request.

    Args:
        request: what is asked for.
        after_tone_db: third-octave levels (31) of the input after the tone curve.
        tone_db: the tone curve (31).
        plr_db: as from `plr_goal_db`.
    """
    bands = _distributions(request, after_tone_db, tone_db)
    wanted = _crest_reductions_db(request) if _clearly_less_dense(request) else [0.0] * len(bands)
    found = [
        compressor_for(
            band,
            crest_reduction_db=reduction_db,
            max_mean_reduction_db=request.limits.max_compression_db,
            attack_ms=attack_ms,
            release_ms=release_ms,
        )
        for band, reduction_db, attack_ms, release_ms in zip(
            bands, wanted, ATTACKS_MS, RELEASES_MS, strict=True
        )
    ]
    steps: list[Step] = [_multiband(found)] if any(found) else []
    bus = _bus(request, joined(bands), plr_db, max(wanted) if any(found) else 0.0)
    return [*steps, bus] if bus is not None else steps


def judged_compressors(
    request: MatchRequest, after_tone_db: Curve, tone_db: Curve, places: Curve
) -> list[Step]:
    """What a judgement asks for by places [4, 4], and a style's glue; empty if no band is worth it."""
    bands = _distributions(request, after_tone_db, tone_db)
    found = [
        compressor_from(row, band, request.limits.max_compression_db)
        for row, band in zip(places, bands, strict=True)
    ]
    if not any(found):
        return []
    glue = _bus(request, joined(bands), None, 0.0)
    return [_multiband(found), glue] if glue is not None else [_multiband(found)]


def _clearly_less_dense(request: MatchRequest) -> bool:
    """Whether the references are denser by enough to compress for; a style says so by its corridor."""
    if not request.references:
        return True
    goal = float(np.mean([r.plr_db for r in request.references]))
    return request.features.plr_db > goal + CLEARLY_DB


def _share(request: MatchRequest) -> float:
    return AUTO_SHARE if request.amount_percent is None else request.amount_percent / 100.0


def _distributions(request: MatchRequest, after_tone_db: Curve, tone_db: Curve) -> list[Distribution]:
    """Level distributions of the four bands after the tone curve: moved by its mean gain in each."""
    after = 10.0 ** (after_tone_db / 10.0)
    before = after * 10.0 ** (-tone_db / 10.0)
    parts = np.split(np.arange(len(CENTRES_HZ)), np.searchsorted(CENTRES_HZ, BAND_EDGES_HZ))
    return [
        Distribution.from_percentiles(
            percentiles, float(10.0 * np.log10(after[part].sum() / before[part].sum()))
        )
        for percentiles, part in zip(request.features.level_percentiles_db, parts, strict=True)
    ]


def _crest_reductions_db(request: MatchRequest) -> list[float]:
    """Wanted reduction of each band's crest; 0 where the input is denser already."""
    own = _finite(request.features.crest_db)
    if request.references:
        goal = np.mean([_finite(r.crest_db) for r in request.references], axis=0)
    elif request.style is not None:
        goal = np.asarray(request.style.crest_high_db)
    else:
        return [0.0] * len(own)
    wanted = _share(request) * np.maximum(0.0, own - goal)
    if request.amount_percent is None:
        wanted = np.minimum(wanted, AUTO_CREST_DB)
    return [float(reduction_db) for reduction_db in wanted]


def _bus(
    request: MatchRequest, whole: Distribution, plr_db: float | None, done_db: float
) -> Compressor | None:
    """The style's bus compressor; for a reference one that takes half of what the bands left of the PLR."""
    glue = request.style.glue if request.style is not None else None
    if glue is not None:
        return Compressor(
            threshold_dbfs=float(np.clip(request.features.integrated_lufs + glue.threshold_lu, -80.0, 0.0)),
            ratio=1.0 + (1.0 if request.amount_percent is None else _share(request)) * (glue.ratio - 1.0),
            knee_db=glue.knee_db,
            attack_ms=glue.attack_ms,
            release_ms=glue.release_ms,
        )
    if plr_db is None or not _clearly_less_dense(request):
        return None
    left_db = request.features.plr_db - plr_db - done_db
    return compressor_for(
        whole,
        crest_reduction_db=0.5 * left_db if left_db > 2.0 else 0.0,
        max_mean_reduction_db=request.limits.max_compression_db,
        attack_ms=10.0,
        release_ms=150.0,
    )


def _multiband(found: list[Compressor | None]) -> MultibandCompressor:
    """Neighbouring bands with nothing to do are merged: fewer filters."""
    idle = Compressor(threshold_dbfs=0.0, ratio=1.0)
    crossovers_hz: list[float] = []
    bands = [found[0] or idle]
    for below, band, edge_hz in zip(found, found[1:], BAND_EDGES_HZ, strict=False):
        if band is not None or below is not None:
            crossovers_hz.append(edge_hz)
            bands.append(band or idle)
    return MultibandCompressor(crossovers_hz=tuple(crossovers_hz), bands=tuple(bands))


def _finite(values: tuple[float, ...]) -> Curve:
    return np.asarray(np.nan_to_num(np.asarray(values), neginf=0.0, posinf=0.0))
