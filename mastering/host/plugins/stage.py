"""A plug-in as a step of a chain: audio in, as much audio out, once.

The song goes through the plug-in in one go, into memory or, if it is long, into a temporary file; the steps
behind it read that as often as they like. So a plug-in that cannot repeat itself still gives one master, and
one that fails in the last second fails before anything behind it has started.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from mastering.audio import BLOCK_FRAMES, AudioSource, Samples
from mastering.chain import External
from mastering.dsp.stereo import to_left_right, to_mid_side
from mastering.errors import PluginCrashed, PluginError, PluginMisbehaved
from mastering.host.plugins.checks import Watch
from mastering.host.plugins.host import PluginHost, configure
from mastering.host.plugins.spool import Spool
from mastering.host.plugins.stream import lanes, stream
from mastering.host.plugins.values import PluginInfo
from mastering.host.render import reblock
from mastering.notice import Notice

__all__ = ["PluginStage"]


class PluginStage:
    """An AudioSource: a source after one external plug-in, of the same rate, channels and length.

    Args:
        source: what goes in; mono or stereo.
        step: the plug-in and its settings.
        host: runs it.
        tail_frames: sound after the end of the source that is kept.
    """

    def __init__(
        self, source: AudioSource, step: External, host: PluginHost, *, tail_frames: int = 0
    ) -> None:
        self._source, self._step, self._host = source, step, host
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = source.frames + tail_frames
        self._spool: Spool | None = None
        self.bypassed = step.bypass

    def blocks(self) -> Iterator[Samples]:
        """The plug-in's sound; the first call runs it.

        Raises:
            PluginError: it failed, and the host does not bypass failures.
        """
        if self._spool is None and not self.bypassed:
            self._spool = self._run()
        if self._spool is None:
            yield from reblock(_padded(self._source.blocks(), self.channels, self.frames))
        else:
            yield from self._spool.blocks()

    def _run(self) -> Spool | None:
        """The finished sound; None where the plug-in was given up."""
        try:
            try:
                return self._render(fresh=False)
            except (PluginCrashed, PluginMisbehaved) as error:
                self._host.say(Notice(code="plugin_retried", message=f"Tried again: {error.message}."))
                return self._render(fresh=True)
        except PluginError as error:
            self._host.give_up(self._step, error)
            self.bypassed = True
            return None

    def _render(self, *, fresh: bool) -> Spool:
        info = self._host.resolve(self._step.plugin)
        watch = Watch(info.ref.name, self.sample_rate)
        spool = Spool(self.channels, self.frames)
        try:
            for block in reblock(self._mixed(info, watch, fresh)):
                spool.write(block)
        except BaseException:
            spool.close()
            raise
        for notice in watch.finish():
            self._host.say(notice)
        return spool

    def _mixed(self, info: PluginInfo, watch: Watch, fresh: bool) -> Iterator[Samples]:
        """What the plug-in made, put back where it belongs and mixed with what went in."""
        wet_share = np.float32(self._step.mix_percent / 100.0)
        part = self._step.part if self.channels == 2 else "whole"
        if part == "whole" and wet_share == 1.0:
            yield from self._wet(info, self._source.blocks(), self.channels, watch, fresh)
            return
        row = {"mid": slice(0, 1), "side": slice(1, 2), "whole": slice(0, self.channels)}[part]
        keep = _Kept()

        def heard() -> Iterator[Samples]:
            for block in _padded(self._source.blocks(), self.channels, self.frames):
                around = to_mid_side(block) if part != "whole" else block
                keep.push(around)
                yield np.ascontiguousarray(around[row])

        count = 1 if part != "whole" else self.channels
        for wet in self._wet(info, heard(), count, watch, fresh):
            out = keep.pull(wet.shape[1]).copy()
            out[row] += wet_share * (wet - out[row])
            yield to_left_right(out) if part != "whole" else out

    def _wet(
        self, info: PluginInfo, blocks: Iterator[Samples], channels: int, watch: Watch, fresh: bool
    ) -> Iterator[Samples]:
        count, width = lanes(channels, info.channels)
        with contextlib.ExitStack() as stack:
            processes = [
                stack.enter_context(self._host.lease(info, fresh=fresh or not info.repeatable))
                for _ in range(count)
            ]
            for process in processes:
                configure(process, info, self._step)
                process.start(self.sample_rate, width)
            yield from stream(processes, blocks, channels=channels, frames=self.frames, watch=watch)


class _Kept:
    """Samples waiting for their wet counterpart."""

    def __init__(self) -> None:
        self._held: list[Samples] = []

    def push(self, samples: Samples) -> None:
        self._held.append(samples)

    def pull(self, frames: int) -> Samples:
        whole = np.concatenate(self._held, axis=1)
        self._held = [whole[:, frames:]]
        return whole[:, :frames]


def _padded(blocks: Iterator[Samples], channels: int, frames: int) -> Iterator[Samples]:
    """The blocks, then silence up to a number of frames."""
    left = frames
    for block in blocks:
        left -= block.shape[1]
        yield block
    while left > 0:
        count = min(left, BLOCK_FRAMES)
        yield np.zeros((channels, count), np.float32)
        left -= count
