"""What a plug-in must not do to the sound: each is named, none reaches the chain behind it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mastering.audio import Samples
from mastering.errors import PluginMisbehaved
from mastering.notice import Notice
from mastering.units import db_to_gain

__all__ = ["Watch"]

WINDOW_S = 0.1
SIGNAL_DBFS = -60.0
"""Input below that may vanish: gates exist."""
SILENCE_DBFS = -140.0
DROPOUT_S = 2.0
DROPOUT_SIGNAL_DBFS = -40.0
FLOOD_S = 1.0
_SMALLEST_NORMAL = np.finfo(np.float32).tiny
_HINT = "Leave it out, change its settings, or look for a newer version of it."


class Watch:
    """Looks at what goes into a plug-in and what comes out, block by block.

    Args:
        label: the plug-in's name.
        sample_rate: in Hz.
        instrument: it gets no audio, so silence and dropouts say nothing.
    """

    def __init__(self, label: str, sample_rate: int, *, instrument: bool = False) -> None:
        self._label = label
        self._rate = sample_rate
        self._instrument = instrument
        window = max(1, round(WINDOW_S * sample_rate))
        self._given, self._got = _Peaks(window), _Peaks(window)
        self._subnormal = 0

    def give(self, samples: Samples) -> None:
        """Note what the plug-in hears."""
        self._given.push(np.abs(samples).max(axis=0))

    def get(self, samples: Samples) -> None:
        """Check what it made.

        Raises:
            PluginMisbehaved: NaN, infinity, or a second that is mostly subnormal numbers.
        """
        if samples.shape[1] == 0:
            return
        level = np.abs(samples).max(axis=0)
        peak = level.max()
        if not np.isfinite(peak):
            what = "NaN" if np.isnan(peak) else "infinite samples"
            raise self._misbehaved(f"gave {what}", "plugin_not_finite")
        tiny = int(np.count_nonzero(level < _SMALLEST_NORMAL)) - int(np.count_nonzero(level == 0.0))
        self._subnormal = self._subnormal + tiny if tiny > 0.5 * level.size else 0
        if self._subnormal > FLOOD_S * self._rate:
            raise self._misbehaved("gave a flood of subnormal numbers", "plugin_subnormal")
        self._got.push(level)

    def finish(self) -> Iterator[Notice]:
        """What there is to say in the end.

        Raises:
            PluginMisbehaved: nothing but silence came out, and there was signal.
        """
        given, got = self._given.result(), self._got.result()
        count = min(len(given), len(got))
        given, got = given[:count], got[:count]
        if self._instrument or not count or given.max() < db_to_gain(SIGNAL_DBFS):
            return
        if got.max() < db_to_gain(SILENCE_DBFS):
            raise self._misbehaved("gave silence where there was signal", "plugin_silent")
        start, length = _longest((got == 0.0) & (given > db_to_gain(DROPOUT_SIGNAL_DBFS)))
        if length * WINDOW_S >= DROPOUT_S:
            yield Notice(
                code="plugin_dropout",
                message=f"{self._label} gave silence for {length * WINDOW_S:.1f} s from "
                f"{start * WINDOW_S:.1f} s on, where there was signal: is it a demo version?",
            )

    def short(self, frames: int, wanted: int) -> PluginMisbehaved:
        """The error of a plug-in that gave too little."""
        return self._misbehaved(f"gave {frames} frames where {wanted} were wanted", "plugin_short")

    def _misbehaved(self, what: str, code: str) -> PluginMisbehaved:
        return PluginMisbehaved(f"the plug-in {self._label} {what}", hint=_HINT, code=code)


class _Peaks:
    """Highest magnitude of each window of a stream."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._whole: list[Samples] = []
        self._rest: Samples = np.zeros(0, np.float32)

    def push(self, level: Samples) -> None:
        level = np.concatenate([self._rest, level]) if self._rest.size else level
        count = level.size // self._window
        windows = level[: count * self._window].reshape(count, self._window)
        self._whole.append(windows.max(axis=1, initial=0.0))
        self._rest = level[count * self._window :].copy()

    def result(self) -> Samples:
        rest = [self._rest.max(keepdims=True)] if self._rest.size else []
        return np.concatenate([*self._whole, *rest]) if self._whole or rest else self._rest


def _longest(flags: np.typing.NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    if not edges.size:
        return 0, 0
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return int(starts[best]), int(lengths[best])
