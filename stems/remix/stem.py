"""One stem after all that is done to it, as a stream of the input's length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from mastering.audio import BLOCK_FRAMES, AudioSource, Samples
from mastering.chain import Limiter
from mastering.dsp.limiter import LimiterCore
from mastering.host.render import Rendered, reblock
from mastering.host.stretch import Stretched
from mastering.units import db_to_gain, ms_to_frames
from stems.remix.curve import Curve
from stems.remix.place import balance_gains, widened
from stems.remix.values import StemRemix

__all__ = ["SUNG", "ChangedStem"]

SUNG = "vocals"
"""The stem whose formants stay where they are when its key changes."""


class ChangedStem:
    """A stem after its StemRemix (but for mute and solo); an AudioSource that renders anew each time.

    Args:
        name: of the stem.
        source: the stem; mono or stereo.
        settings: what is done to it.
        channels: of the result; 2 places a mono stem between two channels.
    """

    def __init__(self, name: str, source: AudioSource, settings: StemRemix, channels: int) -> None:
        self._settings = settings
        self.sample_rate = source.sample_rate
        self.channels = channels
        self.frames = source.frames
        self._source = source
        if settings.stretches:
            self._source = Stretched(
                source,
                tempo_percent=settings.tempo_percent,
                semitones=settings.semitones,
                keep_formants=name == SUNG,
            )

    def blocks(self) -> Iterator[Samples]:
        """Blocks of BLOCK_FRAMES."""
        stream: Iterable[Samples] = self._source.blocks()
        settings = self._settings
        if settings.has_chain and settings.chain is not None:
            stream = Rendered(_Regular(self._source), settings.chain.steps).blocks()
            if settings.chain.limiter is not None:
                stream = self._limited(stream, settings.chain.limiter)
        shift = ms_to_frames(settings.delay_ms, self.sample_rate)
        start = 0
        for block in reblock(shifted(stream, shift, self._source.channels, self.frames)):
            yield self._placed(block, start)
            start += block.shape[1]

    def _limited(self, stream: Iterable[Samples], limiter: Limiter) -> Iterator[Samples]:
        core = LimiterCore(
            input_gain_db=limiter.input_gain_db,
            ceiling_dbtp=limiter.ceiling_dbtp,
            lookahead_ms=limiter.lookahead_ms,
            release_ms=limiter.release_ms,
            sample_rate=self.sample_rate,
            channels=self._source.channels,
        )
        for block in stream:
            yield core.process(block)
        yield core.flush()

    def _placed(self, block: Samples, start: int) -> Samples:
        settings, frames = self._settings, block.shape[1]
        if self.channels > block.shape[0]:
            block = np.repeat(block, self.channels, axis=0)
        if settings.widens:
            width = self._curve(settings.automation.width_percent, settings.width_percent, start, frames)
            block = widened(block, width)
        gain = np.full(1, db_to_gain(settings.gain_db))
        if settings.fades:
            gain = gain * 10.0 ** (self._curve(settings.automation.gain_db, 0.0, start, frames) / 20.0)
        gains = np.atleast_2d(gain)
        if settings.pans:
            pan = self._curve(settings.automation.pan, settings.pan, start, frames)
            gains = gains * np.stack(balance_gains(pan))
        return np.asarray(block * gains.astype(np.float32), dtype=np.float32)

    def _curve(
        self, points: tuple[tuple[float, float], ...], fixed: float, start: int, frames: int
    ) -> npt.NDArray[np.float64]:
        return Curve(points or ((0.0, fixed),), self.sample_rate).at(start, frames)


class _Regular:
    """A source whose blocks are BLOCK_FRAMES long whatever they were: what the processors of a chain need."""

    def __init__(self, source: AudioSource) -> None:
        self._source = source
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = source.frames

    def blocks(self) -> Iterator[Samples]:
        yield from reblock(self._source.blocks())


def shifted(stream: Iterable[Samples], shift: int, channels: int, frames: int) -> Iterator[Samples]:
    """A stream moved by `shift` frames (later where positive) and cut or padded to `frames`."""
    left = frames
    for part in _from(stream, shift, channels):
        part = part[:, :left]
        left -= part.shape[1]
        yield part
        if not left:
            return
    yield from _silence(left, channels)


def _from(stream: Iterable[Samples], shift: int, channels: int) -> Iterator[Samples]:
    yield from _silence(shift, channels)
    skip = max(0, -shift)
    for part in stream:
        yield part[:, skip:]
        skip = max(0, skip - part.shape[1])


def _silence(frames: int, channels: int) -> Iterator[Samples]:
    for start in range(0, frames, BLOCK_FRAMES):
        yield np.zeros((channels, min(BLOCK_FRAMES, frames - start)), np.float32)
