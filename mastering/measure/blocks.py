"""What meters do with a block before they measure it: check it, lay it out, cut it on a fixed grid."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.errors import ParameterError

__all__ = ["Framer", "HopGrid", "checked_block"]


def checked_block(samples: Samples, channels: int) -> Samples:
    """`samples` as a writable C-ordered float32 array, the one layout the kernels are compiled for.

    Args:
        samples: float32 [channels, frames]; copied only where the layout differs.
        channels: how many the meter was made for.

    Raises:
        ParameterError: wrong shape or type.
    """
    if samples.ndim != 2 or samples.shape[0] != channels or samples.dtype != np.float32:
        raise ParameterError(
            f"A block of {samples.dtype} with shape {samples.shape} came to a meter of {channels} channels: "
            f"allowed float32 [{channels}, frames]",
            hint="Give every block the layout the meter was made for, channels first.",
        )
    if samples.flags.c_contiguous and samples.flags.writeable:
        return samples
    return np.array(samples, order="C")


class HopGrid:
    """Cuts a stream into hops without overlap, on a grid that starts with the stream.

    Args:
        hop_frames: length of a hop; a Fraction spreads uneven hops evenly.
    """

    def __init__(self, hop_frames: int | Fraction) -> None:
        self._hop = Fraction(hop_frames)
        self._position = 0

    def advance(self, frames: int) -> npt.NDArray[np.int64]:
        """Edges [hops + 1] of the hops that the next `frames` frames complete.

        They count from the first of these frames. Hop i reaches from edges[i] to edges[i + 1];
        edges[0] is 0, or negative where that hop began in an earlier block.
        """
        first, last = self._completed(self._position), self._completed(self._position + frames)
        edges = np.arange(first, last + 1) * self._hop.numerator // self._hop.denominator - self._position
        self._position += frames
        return edges.astype(np.int64)

    def _completed(self, position: int) -> int:
        return ((position + 1) * self._hop.denominator - 1) // self._hop.numerator


class Framer:
    """Cuts a stream into overlapping frames on one fixed grid, whatever the sizes of its blocks.

    Args:
        channels: of the stream.
        frame: length of a frame.
        hop: distance between the starts of two frames, at most `frame`.
    """

    def __init__(self, channels: int, frame: int, hop: int) -> None:
        self._frame = frame
        self._hop = hop
        self._held = np.zeros((channels, 0), np.float32)
        self._start = 0
        self._covered = 0

    def push(self, samples: Samples) -> Samples:
        """The stretch [channels, n] that holds every newly completed frame; n = 0 while there is none.

        Frame i of the stretch starts at i * hop; the last one ends with it.
        """
        held = np.concatenate((self._held, samples), axis=1)
        count = max(0, (held.shape[1] - self._start - self._frame) // self._hop + 1)
        if count:
            self._covered = self._start + (count - 1) * self._hop + self._frame
        stretch = held[:, self._start : self._covered if count else self._start]
        self._start += count * self._hop
        # The last whole frame stays, for `rest`.
        dropped = max(0, min(self._start, held.shape[1] - self._frame))
        self._held = held[:, dropped:]
        self._start -= dropped
        self._covered -= dropped
        return stretch

    def rest(self) -> Samples:
        """The frame [channels, at most `frame`] that ends with the stream; empty if a pushed one does."""
        if self._covered == self._held.shape[1]:
            return self._held[:, :0]
        return self._held[:, -self._frame :]
