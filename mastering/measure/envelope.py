"""The peak envelope of a stream, for waveform plots: noted as the blocks pass by."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mastering.audio import AudioSource, Samples

__all__ = ["STEP_S", "Envelope"]

STEP_S = 0.1
"""Seconds of one step."""


class Envelope:
    """A source that notes the highest sample of every STEP_S as its blocks pass.

    Args:
        source: the audio.
        on_block: called with the frames of each block before it is passed on.
    """

    def __init__(self, source: AudioSource, on_block: Callable[[int], None] = lambda _: None) -> None:
        self._source = source
        self._on_block = on_block
        self.sample_rate, self.channels, self.frames = source.sample_rate, source.channels, source.frames
        self.peaks: list[float] = []

    def blocks(self) -> Iterator[Samples]:
        """The source's blocks; `peaks` is complete after the last one."""
        step = round(STEP_S * self.sample_rate)
        pending = np.empty(0, dtype=np.float32)
        self.peaks = []
        for block in self._source.blocks():
            self._on_block(block.shape[1])
            pending = np.concatenate([pending, np.maximum(block.max(axis=0), -block.min(axis=0))])
            whole = len(pending) // step * step
            self.peaks.extend(pending[:whole].reshape(-1, step).max(axis=1).tolist() if whole else ())
            pending = pending[whole:]
            yield block
        if len(pending):
            self.peaks.append(float(pending.max()))
