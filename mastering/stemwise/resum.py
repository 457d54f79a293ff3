"""The recording plus what the chains change of its stems.

Stems sum to the recording, but only to float precision, and most of a mix is never touched: so the
differences that the chains make are added to the recording itself. A stem whose chain does nothing
costs nothing, and without any change the samples are the recording's to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mastering.audio import AudioSource, Samples
from mastering.chain import StemChain
from mastering.host.plugins.host import PluginHost
from mastering.host.render import Rendered
from mastering.prefetch import prefetched
from mastering.units import db_to_gain

__all__ = ["Resummed"]


class Resummed:
    """An AudioSource: a recording with changed stems, at its own rate, length and channels.

    Args:
        source: the recording.
        parts: its stems by name, each of its rate, length and channels.
        chains: what is done to some of them; names that have no part are left out.
        plugins: runs external plug-ins; None is the one of this process.
    """

    def __init__(
        self,
        source: AudioSource,
        parts: Mapping[str, AudioSource],
        chains: Sequence[StemChain],
        plugins: PluginHost | None = None,
    ) -> None:
        self._source = source
        self._changed = [
            (parts[chain.stem], Rendered(parts[chain.stem], chain.steps, plugins=plugins), chain)
            for chain in chains
            if chain.changes and chain.stem in parts
        ]
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = source.frames

    def blocks(self) -> Iterator[Samples]:
        """Blocks of the sum; nothing longer than a block is held."""
        if not self._changed:
            yield from self._source.blocks()
            return
        changes = [prefetched(_change(*changed), depth=2) for changed in self._changed]
        for block, *added in zip(self._source.blocks(), *changes, strict=True):
            total = block.copy()
            for change in added:
                total += change
            yield total


def _change(part: AudioSource, rendered: Rendered, chain: StemChain) -> Iterator[Samples]:
    """What a chain adds to the sum of all stems: the stem after it, minus the stem."""
    gain = np.float32(db_to_gain(chain.gain_db))
    if not chain.steps:
        for block in part.blocks():
            yield block * (gain - np.float32(1.0))
        return
    for before, after in zip(part.blocks(), rendered.blocks(), strict=True):
        yield after * gain - before
