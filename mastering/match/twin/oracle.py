"""An oracle for benchmarks: the chain that brings an excerpt closest to a known truth.

The same machinery as refinement, with the truth's own measures as the goal, no prior and no caps:
what any matcher could reach with this chain if it knew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mastering.audio import Audio
from mastering.chain import Compressor, LinearPhaseEq, MasteringChain, MultibandCompressor, Step, Width
from mastering.errors import ParameterError
from mastering.match.dynamics import ATTACKS_MS, RELEASES_MS
from mastering.match.tone import CENTRES_HZ
from mastering.match.twin.descent import Judged, descend
from mastering.match.twin.measures import PERCENTILES, third_octaves
from mastering.match.twin.objective import GRAIN_DB, Tone, heard_bands, smooth, with_whole
from mastering.match.twin.parameters import Free, Freedom, TwinChain
from mastering.match.twin.render import render
from mastering.match.twin.steps import TwinStep, numbers
from mastering.measure.features import BAND_EDGES_HZ

__all__ = ["fit_to"]

MOST_DB = 18.0
"""Most that the curve it starts from boosts or cuts."""

_UPPER = slice(PERCENTILES.index(50), None)


def fit_to(excerpt: Audio, truth: Audio, start: MasteringChain, steps: int) -> MasteringChain:
    """`start` with its numbers moved until `excerpt` measures as `truth`, level aside.

    Where `start` has no curve it gets the difference in third octaves, where it has no compressor four
    gentle ones; Equalizer and Saturation stay as they are.

    Args:
        excerpt: what goes in; one or two channels.
        truth: what it should have become; same rate and number of channels, any length.
        start: where to start; `MasteringChain()` is good enough.
        steps: gradient steps; 100 bring what the chain can reach to a few hundredths of a dB.

    Raises:
        ParameterError: other rates or channels.
    """
    if excerpt.sample_rate != truth.sample_rate or excerpt.channels != truth.channels or truth.channels > 2:
        raise ParameterError(
            f"fit_to got {excerpt.channels} channels at {excerpt.sample_rate} Hz and a truth of "
            f"{truth.channels} at {truth.sample_rate} Hz: allowed one or two channels, the same in both",
            hint="Convert one of them first.",
        )
    if not min(excerpt.frames, truth.frames):
        return start
    rate = excerpt.sample_rate
    samples, wanted = (torch.from_numpy(np.array(a.samples)).unsqueeze(0) for a in (excerpt, truth))
    with torch.no_grad():
        own, goal = (third_octaves(audio, rate)[0].double() for audio in (samples, wanted))
        tone = Tone(levels_db=goal, weights=heard_bands(own) * heard_bands(goal))
        shape_db = _shape_db(wanted, rate)
        complete = _complete(start.steps, samples, rate, tone)

    def judge(twins: tuple[TwinStep, ...]) -> Judged:
        out = render(samples, twins, rate)
        density = smooth((_shape_db(out, rate) - shape_db) / GRAIN_DB).mean()
        return Judged(objective=tone.cost(tone.errors_db(out, rate)) + density)

    if not tone.weights.any():
        return start
    chain = TwinChain(complete, _freedom(complete))
    return replace(start, steps=descend(chain, judge, steps))


def _shape_db(samples: Tensor, sample_rate: int) -> Tensor:
    """Upper percentiles above the RMS level, of four bands and of all together [5, percentiles]."""
    levels = with_whole(samples, sample_rate)
    return (levels.percentiles_db[0, :, _UPPER] - levels.rms_db[0, :, None]).double()


def _freedom(steps: Sequence[Step]) -> Freedom:
    free = (LinearPhaseEq, Width, Compressor, MultibandCompressor)
    return {
        (i, name): Free() for i, step in enumerate(steps) if isinstance(step, free) for name in numbers(step)
    }


def _complete(steps: Sequence[Step], samples: Tensor, sample_rate: int, tone: Tone) -> tuple[Step, ...]:
    """The steps, with a curve before and compressors behind them if there are none."""
    found = list(steps)
    if not any(isinstance(step, LinearPhaseEq) for step in steps):
        missing = (-tone.errors_db(samples, sample_rate)).clamp(-MOST_DB, MOST_DB).tolist()
        points = tuple(round(float(f), 2) for f in CENTRES_HZ)
        found.insert(
            0,
            LinearPhaseEq(
                frequencies_hz=points, mid_gain_db=tuple(missing[0]), side_gain_db=tuple(missing[1])
            ),
        )
    if not any(isinstance(step, (Compressor, MultibandCompressor)) for step in steps):
        medians_db = with_whole(samples, sample_rate).percentiles_db[0, :4, PERCENTILES.index(50)].tolist()
        found.append(
            MultibandCompressor(
                crossovers_hz=BAND_EDGES_HZ,
                bands=tuple(
                    Compressor(
                        threshold_dbfs=min(-1.0, max(-79.0, median_db)),
                        ratio=1.3,
                        attack_ms=attack_ms,
                        release_ms=release_ms,
                    )
                    for median_db, attack_ms, release_ms in zip(
                        medians_db, ATTACKS_MS, RELEASES_MS, strict=True
                    )
                ),
            )
        )
    return tuple(found)
