"""Goals of a refinement: the tone a matcher decided on, and the crest its compressors were to take off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mastering.chain import Compressor, Equalizer, MultibandCompressor, Saturation, Step
from mastering.match.density import EFFICIENCY, Distribution
from mastering.match.tone import Curve
from mastering.match.twin.measures import third_octaves
from mastering.match.twin.objective import Tone, heard_bands, with_whole
from mastering.match.twin.render import Stage, render, twin_steps
from mastering.match.twin.steps import numbers
from mastering.measure.features import BAND_EDGES_HZ

__all__ = ["crest_goals_db", "tone_goal"]

MEANT_DB = 3.0
"""Where static steps put a band further than this from its goal, they mean to: mono bass."""


def tone_goal(
    samples: Tensor, sample_rate: int, steps: Sequence[Step], kept: tuple[Curve, Curve] | None
) -> Tone:
    """Third octaves that samples [1, channels, frames] are to have behind a prediction's steps.

    Args:
        samples: the excerpt.
        sample_rate: in Hz.
        steps: of the prediction.
        kept: gains of mid and side (31) that were decided on; None takes what the curves do.
    """
    static = [s for s in steps if not isinstance(s, (Compressor, MultibandCompressor, Saturation))]
    linear = render(samples, twin_steps(static), sample_rate)
    meant = third_octaves(linear, sample_rate)[0].double()
    if kept is None:
        return Tone(levels_db=meant, weights=heard_bands(meant))
    own = third_octaves(render(samples, twin_steps(_passes(steps)), sample_rate), sample_rate)[0].double()
    wanted = own + torch.from_numpy(np.stack(kept))
    tone = Tone(levels_db=wanted, weights=heard_bands(own) * heard_bands(wanted))
    apart = tone.errors_db(linear, sample_rate)
    return replace(tone, weights=tone.weights * (apart.abs() < MEANT_DB))


def _passes(steps: Sequence[Step]) -> list[Step]:
    """The high and low passes of equalisers: a style's, not part of what was matched."""
    return [
        replace(
            step,
            mid=tuple(band for band in step.mid if band.shape in ("high_pass", "low_pass")),
            side=tuple(band for band in step.side if band.shape in ("high_pass", "low_pass")),
        )
        for step in steps
        if isinstance(step, Equalizer)
    ]


def crest_goals_db(stage: Stage, sample_rate: int, *, judged: bool = True) -> Tensor:
    """Crest that a predicted compressor was meant to take off: the share of its static curve that is heard.

    Args:
        stage: of the prediction.
        sample_rate: in Hz.
        judged: False where nobody asks.

    Returns:
        [5], of four bands and of all together; NaN where it has nothing to say.
    """
    step = stage.steps[0].step
    own = numbers(step)
    percentiles = with_whole(stage.before, sample_rate).percentiles_db[0].double().tolist()
    wanted = [float("nan")] * len(percentiles)
    for i, levels in enumerate(percentiles):
        band = _band_of(step, i)
        if not judged or band is None or own["ratio"][band] <= 1.0 or levels[-1] < -100.0:
            continue
        before = Distribution.from_percentiles(tuple(levels))
        after = before.compressed(own["threshold_dbfs"][band], own["ratio"][band])
        wanted[i] = EFFICIENCY * max(0.0, before.crest_db - after.crest_db)
    return torch.tensor(wanted, dtype=torch.float64)


def _band_of(step: Step, measured: int) -> int | None:
    """The compressor's band that answers for a measured one; the last measured is all of them together."""
    if measured == len(BAND_EDGES_HZ) + 1:
        return 0 if isinstance(step, Compressor) else None
    if not isinstance(step, MultibandCompressor):
        return None
    low_hz = (0.0, *BAND_EDGES_HZ)[measured]
    return sum(crossover_hz <= low_hz for crossover_hz in step.crossovers_hz)
