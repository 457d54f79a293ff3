"""A stretch of a master, rendered by itself: what a desk plays while somebody turns its knobs.

The chain runs over the stretch and some music before it, so that its compressors and limiter have heard what
they would have heard. That music begins where the fast convolutions, the compressors' control steps and the
resampler would begin a new step in the whole song: they then round alike. What is left are the slowest
releases of what lies still further back: see `lead_s`. Without dither and encoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mastering.audio import BLOCK_FRAMES, Audio, AudioSource, Samples
from mastering.chain import Compressor, Limiter, MasteringChain, MultibandCompressor
from mastering.dsp.dynamics import control_frames
from mastering.dsp.fir import hop_frames
from mastering.dsp.limiter import SLOW_RELEASE
from mastering.host.plugins.host import PluginHost
from mastering.host.render import Rendered
from mastering.io.encoders import nearest_rate
from mastering.match.level import Survey, plan_limiter
from mastering.pipeline import Held, Levels, Limited, survey_all
from mastering.target import Recipe

__all__ = ["Stretch", "fitted_limiter", "lead_s", "stretch_of", "survey_of"]

_TIME_CONSTANTS = 30.0
_LEAST_S, _MOST_S = 2.0, 40.0
_TAIL_S = 4.0
"""Rendered behind a stretch: several convolutions in a row then have the windows they would have had."""
_ANY_REDUCTION_DB = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A rendered stretch.

    Attributes:
        audio: at the rate of delivery.
        integrated_lufs, true_peak_dbtp: of it alone.
    """

    audio: Audio
    integrated_lufs: float
    true_peak_dbtp: float


def lead_s(chain: MasteringChain) -> float:
    """How much music before a stretch is rendered for its chain: 30 of its slowest time constants, 2 to 40 s.

    Measured on real music with a limiter of 80 ms, whose slowest release takes 0.8 s: of the samples 99.6 %
    and more are those of the whole master, the others differ by at most -144 dBFS, the last bit or two of
    32-bit float. With 12 time constants that was -100 dBFS.
    """
    slowest_ms = 0.0
    for step in chain.steps:
        alone = (step,) if isinstance(step, Compressor) else ()
        for band in step.bands if isinstance(step, MultibandCompressor) else alone:
            slowest_ms = max(slowest_ms, band.attack_ms, band.release_ms)
    if chain.limiter is not None:
        slowest_ms = max(slowest_ms, SLOW_RELEASE * chain.limiter.release_ms)
    return min(max(_TIME_CONSTANTS * slowest_ms / 1_000.0, _LEAST_S), _MOST_S)


def stretch_of(
    song: Audio, recipe: Recipe, *, start_s: float, duration_s: float, plugins: PluginHost | None = None
) -> Stretch:
    """What lies from `start_s` on in the master that a recipe makes of a song.

    Args:
        song: the whole.
        recipe: without stems.
        start_s, duration_s: of the master; the stretch ends at its end at the latest.
        plugins: runs external plug-ins.
    """
    rate = recipe.delivery.sample_rate or nearest_rate(recipe.delivery.container, song.sample_rate)
    first = _aligned(round((start_s - lead_s(recipe.chain)) * song.sample_rate), song.sample_rate, rate)
    last = min(song.frames, math.ceil((start_s + duration_s + _TAIL_S) * song.sample_rate))
    part = Audio(samples=song.samples[:, first:last], sample_rate=song.sample_rate)
    rendered: AudioSource = Rendered(part, recipe.chain.steps, rate, plugins)
    if recipe.chain.limiter is not None:
        rendered = Limited(rendered, recipe.chain.limiter, BLOCK_FRAMES)
    wanted = _Window(
        rendered, round(start_s * rate) - first * rate // song.sample_rate, round(duration_s * rate)
    )
    levels = Levels(rate, song.channels)
    blocks = list(levels.watch(wanted)) or [np.empty((song.channels, 0), dtype=np.float32)]
    return Stretch(
        audio=Audio(samples=np.concatenate(blocks, axis=1), sample_rate=rate),
        integrated_lufs=levels.integrated_lufs,
        true_peak_dbtp=levels.true_peak_dbtp,
    )


def survey_of(song: Audio, recipe: Recipe, plugins: PluginHost | None = None) -> Survey:
    """What `fitted_limiter` needs of a whole song after a recipe's steps."""
    rate = recipe.delivery.sample_rate or nearest_rate(recipe.delivery.container, song.sample_rate)
    return survey_all([Held(Rendered(song, recipe.chain.steps, rate, plugins), 0)])[0]


def fitted_limiter(
    survey: Survey, limiter: Limiter, *, integrated_lufs: float, ceiling_dbtp: float
) -> Limiter:
    """The limiter that gives a song a loudness, as far as its ceiling lets it.

    Args:
        survey: of the song.
        limiter: its times.
        integrated_lufs: wanted.
        ceiling_dbtp: to hold.
    """
    return plan_limiter(
        [survey],
        limiter,
        wanted_lufs=integrated_lufs,
        plr_db=None,
        ceiling_dbtp=ceiling_dbtp,
        max_reduction_db=_ANY_REDUCTION_DB,
    ).limiter


def _aligned(frame: int, rate_in: int, rate_out: int) -> int:
    """The last frame up to `frame` at which every step of processing begins anew."""
    whole = rate_in // math.gcd(rate_in, rate_out)
    unit = math.lcm(hop_frames(rate_in), control_frames(rate_in), whole)
    return max(0, frame) // unit * unit


class _Window:
    """Some frames of a source; what comes after them is not computed."""

    def __init__(self, source: AudioSource, start: int, frames: int) -> None:
        self._source = source
        self._start = start
        self.sample_rate, self.channels = source.sample_rate, source.channels
        self.frames = max(0, min(frames, source.frames - start))

    def blocks(self) -> Iterator[Samples]:
        """The frames."""
        at, end = 0, self._start + self.frames
        for block in self._source.blocks():
            part = block[:, max(0, self._start - at) : max(0, end - at)]
            at += block.shape[1]
            if part.shape[1]:
                yield part
            if at >= end:
                return
