"""What meters do with a block before they measure it: check it, lay it out, cut it into frames."""

from __future__ import annotations

import numpy as np

from mastering.audio import Samples
from mastering.errors import ParameterError

__all__ = ["Framer", "checked_block"]


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
        """The frame that ends with the stream, [channels, at most `frame`]; empty if a pushed one already does."""
        if self._covered == self._held.shape[1]:
            return self._held[:, :0]
        return self._held[:, -self._frame :]
