"""Dynamics: short-time levels of four bands, and peak to short-term loudness.

Conventions
    Frames of about 46 ms (2048 at 44.1 and 48 kHz, Hann), one every 23 ms.
    Level of a frame in a band: mid power plus side power, in dBFS.
    Audible programme: frames at most 30 dB below the mean power of all that are not digital
    silence. Channels beyond the second do not count; mono is all mid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.bands import WIDE_EDGES_HZ, audible, edges_in_bins, hann, in_db, levels_db, sum_bands
from mastering.measure.blocks import Framer, checked_block
from mastering.measure.loudness import power_to_lufs, programme, short_term_powers
from mastering.units import gain_to_db

__all__ = ["Dynamics", "DynamicsMeter", "psr_db"]

Doubles = npt.NDArray[np.float64]

_PERCENTILES = (10, 50, 75, 90, 99)
_BANDS = len(WIDE_EDGES_HZ) - 1
_ROWS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dynamics:
    """What DynamicsMeter reads; see `mastering.measure.features.Features` for the fields.

    `heard` are the band powers of the audible frames, float32 [frames, 4].
    """

    crest_db: tuple[float, ...]
    level_percentiles_db: tuple[tuple[float, ...], ...]
    heard: npt.NDArray[np.float32]


class DynamicsMeter:
    """Short-time levels of a stream in four bands. Keeps 690 bytes a second (15 MB for six hours).

    Args:
        sample_rate: in Hz.
        channels: of the stream.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._channels = channels
        self._frame = 2 ** round(math.log2(0.0464 * sample_rate))
        self._framer = Framer(min(channels, 2), self._frame, self._frame // 2)
        self._window = hann(self._frame)
        self._edges = edges_in_bins(WIDE_EDGES_HZ, sample_rate, self._frame)
        # A few rows at a time: they stay in the cache between window, transform and sum.
        self._windowed = np.zeros((_ROWS, self._frame), np.float32)
        self._bins = np.zeros((_ROWS, self._frame // 2 + 1), np.complex64)
        self._scratch = np.zeros(self._frame // 2 + 1)
        self._parts: list[npt.NDArray[np.float32]] = []

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        block = checked_block(samples, self._channels)
        stretch = self._framer.push(block[:2])
        if stretch.shape[1]:
            self._parts.append(self._powers(stretch, self._window))

    def powers(self) -> npt.NDArray[np.float32]:
        """Band powers of all whole frames so far, float32 [frames, 4]."""
        return np.concatenate([np.zeros((0, _BANDS), np.float32), *self._parts])

    def result(self) -> Dynamics:
        """The readings if the stream ended here; more blocks may follow."""
        rest = self._framer.rest()
        last = self._powers(rest, hann(rest.shape[1])) if rest.shape[1] else np.zeros((0, _BANDS), np.float32)
        powers = np.concatenate([*self._parts, last])
        heard = audible(powers, powers.sum(axis=1))
        if not len(heard):
            heard = np.zeros((1, _BANDS), np.float32)
        # Band by band: hours of frames are not copied all at once.
        percentiles = in_db(np.stack([np.percentile(heard[:, i], _PERCENTILES) for i in range(_BANDS)]))
        rms_db = levels_db(heard)
        crest = np.subtract(percentiles[:, -1], rms_db, out=np.full(_BANDS, -np.inf), where=rms_db > -np.inf)
        return Dynamics(
            crest_db=tuple(crest.tolist()),
            level_percentiles_db=tuple(tuple(row) for row in percentiles.tolist()),
            heard=heard,
        )

    def _powers(self, stretch: Samples, window: Samples) -> npt.NDArray[np.float32]:
        """Power per frame and band [frames, 4] of a stretch cut by the window's length."""
        length = len(window)
        frames = np.lib.stride_tricks.sliding_window_view(stretch, length, axis=1)[:, :: self._frame // 2]
        scale = 2.0 / (self._frame * len(frames) * float(np.sum(window.astype(np.float64) ** 2)))
        powers = np.zeros((frames.shape[1], _BANDS))
        self._windowed[:, length:] = 0.0
        for start in range(0, len(powers), _ROWS):
            some = powers[start : start + _ROWS]
            for channel in range(len(frames)):
                np.multiply(
                    frames[channel, start : start + _ROWS], window, out=self._windowed[: len(some), :length]
                )
                np.fft.rfft(self._windowed[: len(some)], out=self._bins[: len(some)])
                _add_bands(self._bins, scale, self._edges, self._scratch, some)
        return powers.astype(np.float32)


@kernel
def _add_bands(
    bins: npt.NDArray[np.complex64], scale: float, edges: Doubles, scratch: Doubles, powers: Doubles
) -> None:
    for row in range(len(powers)):
        for k in range(len(scratch)):
            value = bins[row, k]
            scratch[k] = (value.real * value.real + value.imag * value.imag) * scale
        sum_bands(scratch, edges, powers[row])


def psr_db(powers_100ms: Doubles, peaks_100ms: Doubles) -> float:
    """Peak to short-term loudness ratio at the programme's densest: the 5th percentile over its 3 s windows.

    Args:
        powers_100ms: float64 [hops], K-weighted power of each 100 ms.
        peaks_100ms: float64 [hops], largest |sample| of each 100 ms, full scale 1.0.

    Returns:
        dB; -inf below 3 s or where nothing is above -70 LUFS.
    """
    windows = short_term_powers(powers_100ms)
    inside = programme(windows)
    if not inside.any():
        return -math.inf
    peaks = np.lib.stride_tricks.sliding_window_view(peaks_100ms, 30).max(axis=1)
    ratios = [
        gain_to_db(peak) - power_to_lufs(power)
        for peak, power in zip(peaks[inside].tolist(), windows[inside].tolist(), strict=True)
    ]
    return float(np.percentile(ratios, 5))
