"""Audio through one plug-in in as many processes as its channels need: aligned, checked, nothing lost.

A stereo signal goes through a mono plug-in in two processes (dual mono); a mono signal goes to both sides of
a stereo plug-in, and the mean of what comes back counts. One block is with the plug-in while the last is
looked at here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np

from mastering.audio import BLOCK_FRAMES, Samples
from mastering.errors import PluginError
from mastering.host.plugins.checks import Watch
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.shared import BUFFER_FRAMES

__all__ = ["lanes", "stream"]

_EXTRA_BLOCKS = 4
"""Silence for a plug-in that holds back more than it says: what is still missing then is an error."""


def lanes(channels: int, takes: Sequence[int]) -> tuple[int, int]:
    """How a signal goes through a plug-in: (number of processes, channels of each).

    Args:
        channels: of the signal, 1 or 2.
        takes: numbers of channels the plug-in runs with.

    >>> lanes(2, (2,)), lanes(2, (1,)), lanes(1, (2,)), lanes(2, (1, 2))
    ((1, 2), (2, 1), (1, 2), (1, 2))
    """
    if channels in takes:
        return 1, channels
    return (channels, 1) if 1 in takes else (1, 2)


def stream(
    processes: Sequence[PluginProcess],
    blocks: Iterable[Samples],
    *,
    channels: int,
    frames: int,
    watch: Watch,
) -> Iterator[Samples]:
    """What a plug-in makes of a signal, without its latency.

    Args:
        processes: one, or one for each channel; started.
        blocks: of the signal, each at most BLOCK_FRAMES long.
        channels: of the signal.
        frames: how many come out: more than the signal has for a tail.
        watch: looks on.

    Raises:
        PluginError: whatever the plug-in did.
    """
    wide = len(processes) == 1 and channels == 1 and processes[0].channels == 2
    late = max(process.latency_frames for process in processes)
    left = frames
    with contextlib.closing(
        _exchanged(processes, _flushed(blocks, channels, frames + late, watch), channels, wide)
    ) as outs:
        for out in outs:
            out = out[:, :left]
            watch.get(out)
            left -= out.shape[1]
            if out.shape[1]:
                yield out
            if left == 0:
                return
    raise watch.short(frames - left, frames)


def _flushed(blocks: Iterable[Samples], channels: int, frames: int, watch: Watch) -> Iterator[Samples]:
    """The signal, then silence up to a number of frames, and to a whole buffer."""
    left = -(-frames // BUFFER_FRAMES) * BUFFER_FRAMES
    for block in blocks:
        watch.give(block)
        left -= block.shape[1]
        yield block
    while left > 0:
        count = min(left, BLOCK_FRAMES)
        left -= count
        yield np.zeros((channels, count), np.float32)


def _exchanged(
    processes: Sequence[PluginProcess], blocks: Iterator[Samples], channels: int, wide: bool
) -> Generator[Samples, None, None]:
    """What comes back, while the next block is already on its way."""
    parts = [_Part(process) for process in processes]
    waiting = False
    try:
        for block in blocks:
            _push(parts, block, wide)
            if waiting:
                yield _joined(parts, wide)
            waiting = True
        if waiting:
            yield _joined(parts, wide)
        for _ in range(_EXTRA_BLOCKS):
            _push(parts, np.zeros((channels, BLOCK_FRAMES), np.float32), wide)
            yield _joined(parts, wide)
    finally:
        for process in processes:
            with contextlib.suppress(PluginError):
                process.abandon()


def _push(parts: Sequence[_Part], block: Samples, wide: bool) -> None:
    for number, part in enumerate(parts):
        own = block if len(parts) == 1 else block[number : number + 1]
        part.process.push(np.repeat(own, 2, axis=0) if wide else own)


class _Part:
    """One process and what it has given beyond the others."""

    def __init__(self, process: PluginProcess) -> None:
        self.process = process
        self.ahead: list[Samples] = []


def _joined(parts: Sequence[_Part], wide: bool) -> Samples:
    if len(parts) == 1:
        out = parts[0].process.pull()
        return np.asarray(out.mean(axis=0, keepdims=True), np.float32) if wide else out
    for part in parts:
        part.ahead.append(part.process.pull())
    whole = [np.concatenate(part.ahead, axis=1) for part in parts]
    count = min(samples.shape[1] for samples in whole)
    for part, samples in zip(parts, whole, strict=True):
        part.ahead = [samples[:, count:]]
    return np.concatenate([samples[:, :count] for samples in whole], axis=0)
