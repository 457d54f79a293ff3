"""Refinement: a few seconds of gradient steps on a chain's numbers, judged on how an excerpt comes out.

A matcher's formulas work on statistics: they do not know what attack and release let through,
nor what compression does to the tone. Here the excerpt itself goes through the exact twin of the chain.

Goal       tone: the excerpt's own third octaves of mid and side plus what the matcher kept of the
           difference; density: each compressor takes off the crest that its formulas meant it to.
Numbers    tone and width curves, and of compressors threshold, ratio, times and make-up.
Prior      each number stays near its prediction, the closer the surer the matcher is.
Rules      the caps of the request; never worse than the prediction.

What a style adds on purpose (passes, mono bass, glue, saturation) and parametric bands are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mastering.match.tone import JUDGED, Curve
from mastering.ports import MatchRequest, MatchResult

__all__ = ["Refinement", "refine", "refined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """A refined result, and how far from its goals the excerpt came out before and after.

    Attributes:
        result: with the refined chain; the very result that came in where nothing was better.
        objective: cost of tone and density, before and after; never more after.
        tone_error_db: mean absolute error over third octaves of mid, before and after.
        crest_error_db: mean absolute error over the bands of compressors, before and after; 0 without any.
    """

    result: MatchResult
    objective: tuple[float, float] = (0.0, 0.0)
    tone_error_db: tuple[float, float] = (0.0, 0.0)
    crest_error_db: tuple[float, float] = (0.0, 0.0)


def refine(result: MatchResult, request: MatchRequest) -> MatchResult:
    """The result with its chain's numbers refined on `request.excerpt` in `request.refine_steps` steps.

    The same result comes back where there is nothing to refine: no steps or excerpt asked for, a
    silent excerpt, a chain without curves and compressors, or a prediction that was best already.
    """
    return refined(result, request).result


def refined(result: MatchResult, request: MatchRequest) -> Refinement:
    """The same, telling what was gained."""
    excerpt = request.excerpt
    if not request.refine_steps or excerpt is None or excerpt.channels > 2 or excerpt.frames == 0:
        return Refinement(result=result)
    # torch costs a second to import: only who refines pays for it.
    from mastering.match.twin.bounds import freedom_of
    from mastering.match.twin.excerpt import Trial

    steps = result.chain.steps
    freedom = freedom_of(result, request)
    trial = Trial.of(excerpt, steps, freedom, _kept(result), request.limits) if freedom else None
    if trial is None:
        return Refinement(result=result)
    found = trial.descended(freedom, request.refine_steps, steps)
    before, after = trial.score(steps), trial.score(found)
    chosen = found if after.objective < before.objective and after.allowed else steps
    if chosen is steps:
        after = before
    else:
        result = replace(result, chain=replace(result.chain, steps=chosen))
    return Refinement(
        result=result,
        objective=(before.objective, after.objective),
        tone_error_db=(before.tone_error_db, after.tone_error_db),
        crest_error_db=(before.crest_error_db, after.crest_error_db),
    )


def _kept(result: MatchResult) -> tuple[Curve, Curve] | None:
    """Gains of mid and side (31) that the matcher decided on; None where it does not say."""
    if len(result.kept_mid_db) <= JUDGED.stop or len(result.kept_side_db) != len(result.kept_mid_db):
        return None
    return np.asarray(result.kept_mid_db), np.asarray(result.kept_side_db)
