"""Render a chain's steps: a source of audio in, a source of audio out, in flat memory.

Every processor sees blocks of BLOCK_FRAMES at the same absolute positions, however its
input came: streaming and one-shot give the same samples.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mastering.audio import BLOCK_FRAMES, Audio, AudioSource, Samples
from mastering.chain import External, Step
from mastering.dsp.resample import Resampler, resampled_frames
from mastering.host.processors import Compressors, Processor, processors
from mastering.prefetch import prefetched

if TYPE_CHECKING:
    from mastering.host.plugins.host import PluginHost

__all__ = ["Rendered", "reblock", "render"]


def reblock(parts: Iterable[Samples]) -> Generator[Samples, None, None]:
    """The same samples in C-ordered blocks of BLOCK_FRAMES, the last one shorter."""
    held: list[Samples] = []
    count = 0
    for part in parts:
        held.append(part)
        count += part.shape[1]
        while count >= BLOCK_FRAMES:
            joined = held[0] if len(held) == 1 else np.concatenate(held, axis=1)
            yield np.ascontiguousarray(joined[:, :BLOCK_FRAMES])
            held, count = [joined[:, BLOCK_FRAMES:]], count - BLOCK_FRAMES
    if count:
        yield np.concatenate(held, axis=1)


def _run(processor: Processor, blocks: Iterable[Samples]) -> Iterator[Samples]:
    for block in blocks:
        yield processor.process(block)
    yield processor.flush()


def _watched(
    compressors: Compressors, blocks: Iterable[Samples], curves: list[list[float]]
) -> Iterator[Samples]:
    for block in blocks:
        yield compressors.process(block)
        for curve, reduction_db in zip(curves, compressors.reduction_db, strict=True):
            curve.extend(reduction_db)


class Rendered:
    """The audio after a chain's steps (without its limiter), at the rate of delivery.

    It is an AudioSource: each call of `blocks` renders anew from the start.

    Args:
        source: the audio going in; mono or stereo.
        steps: of the chain.
        sample_rate: in Hz; None keeps the source's.
        plugins: runs external plug-ins; None is the one of this process.
    """

    def __init__(
        self,
        source: AudioSource,
        steps: tuple[Step, ...],
        sample_rate: int | None = None,
        plugins: PluginHost | None = None,
    ) -> None:
        self._before: Rendered | None = None
        for place in reversed(range(len(steps))):
            step = steps[place]
            if isinstance(step, External):
                self._before = Rendered(source, steps[:place], plugins=plugins)
                source, steps = _staged(self._before, step, plugins), steps[place + 1 :]
                break
        self._source = source
        self._steps = [step for step in steps if not isinstance(step, External)]
        self.sample_rate = sample_rate or source.sample_rate
        self.channels = source.channels
        self.frames = resampled_frames(source.frames, source.sample_rate, self.sample_rate)
        self._reduction_db: dict[str, list[float]] = {}

    @property
    def compressor_reduction_db(self) -> dict[str, list[float]]:
        """The deepest gain of each CURVE_FRAMES, by band, of the last call of `blocks`."""
        before = self._before.compressor_reduction_db if self._before is not None else {}
        own = {f"{band} (2)" if band in before else band: c for band, c in self._reduction_db.items()}
        return before | own

    def blocks(self) -> Iterator[Samples]:
        """Rendered blocks, each processor in a thread of its own; an external plug-in runs only once."""
        stream: Iterable[Samples] = self._source.blocks()
        self._reduction_db = {}
        for processor in processors(self._steps, self._source.sample_rate, self.channels):
            parts = _run(processor, stream)
            if isinstance(processor, Compressors):
                parts = _watched(processor, stream, self._new_curves(processor.labels))
            stream = prefetched(reblock(parts), depth=2)
        if self.sample_rate != self._source.sample_rate:
            stream = reblock(self._resampled(stream))
        yield from stream

    def _resampled(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        resampler = Resampler(self._source.sample_rate, self.sample_rate, self.channels)
        for block in blocks:
            yield resampler.push(block)
        yield resampler.flush()

    def _new_curves(self, labels: tuple[str, ...]) -> list[list[float]]:
        curves: list[list[float]] = [[] for _ in labels]
        for label, curve in zip(labels, curves, strict=True):
            self._reduction_db[f"{label} (2)" if label in self._reduction_db else label] = curve
        return curves


def _staged(source: AudioSource, step: External, plugins: PluginHost | None) -> AudioSource:
    """A source after an external plug-in."""
    from mastering.host.plugins.host import shared_host
    from mastering.host.plugins.stage import PluginStage

    return PluginStage(source, step, plugins or shared_host())


def render(audio: Audio, steps: tuple[Step, ...], sample_rate: int | None = None) -> Audio:
    """`audio` after `steps`, in memory.

    >>> tone = Audio(samples=np.full((1, 8), 0.5, np.float32), sample_rate=44_100)
    >>> bool(np.array_equal(render(tone, ()).samples, tone.samples))
    True
    """
    rendered = Rendered(audio, steps, sample_rate)
    parts = list(rendered.blocks()) or [np.empty((audio.channels, 0), dtype=np.float32)]
    return Audio(samples=np.concatenate(parts, axis=1), sample_rate=rendered.sample_rate)
