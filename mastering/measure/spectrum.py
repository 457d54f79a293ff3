"""Long-term spectrum: third-octave levels of mid and side, tilt, bandwidth, correlation per band.

Conventions
    Hann frames of about 0.7 s (32 768 frames at 44.1 and 48 kHz), half overlapped; the last one
    ends with the piece, a shorter piece is one frame. So long because the 20 Hz third octave is
    4.6 Hz wide.
    Audible programme: frames at most 30 dB below the mean power of all that are not digital
    silence (-150 dBFS). Third-octave levels are RMS levels over these.
    Channels beyond the second do not count; mono is all mid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.bands import (
    THIRD_OCTAVE_EDGES_HZ,
    WIDE_EDGES_HZ,
    audible,
    edges_in_bins,
    hann,
    levels_db,
    sum_bands,
)
from mastering.measure.bandwidth import bandwidth
from mastering.measure.blocks import Framer, checked_block
from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.measure.levels import correlation

__all__ = ["Spectrum", "SpectrumMeter"]

Doubles = npt.NDArray[np.float64]
Bins = npt.NDArray[np.complex64]

_MAX_SIDE_TO_MID_DB = 120.0
_TILT_RANGE_HZ = (60.0, 13_000.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """What SpectrumMeter reads; see `mastering.measure.features.Features` for the fields.

    `heard` are the third-octave powers of the audible frames, float32 [frames, 2, 31].
    """

    band_levels_mid_db: tuple[float, ...]
    band_levels_side_db: tuple[float, ...]
    tilt_db_per_octave: float
    side_to_mid_db: tuple[float, ...]
    band_correlation: tuple[float, ...]
    bandwidth_hz: float
    heard: npt.NDArray[np.float32]


class SpectrumMeter:
    """Long-term spectrum of a stream. Keeps 670 bytes a second (15 MB for six hours).

    Args:
        sample_rate: in Hz.
        channels: of the stream.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._sample_rate = sample_rate
        self._channels = channels
        self._frame = 2 ** math.ceil(math.log2(0.65 * sample_rate))
        self._framer = Framer(min(channels, 2), self._frame, self._frame // 2)
        self._window = hann(self._frame)
        self._thirds = edges_in_bins(THIRD_OCTAVE_EDGES_HZ, sample_rate, self._frame)
        self._wides = edges_in_bins(WIDE_EDGES_HZ, sample_rate, self._frame)
        self._sums = _Sums(
            spectrum=np.zeros(self._frame // 2 + 1), wide=np.zeros((3, len(WIDE_EDGES_HZ) - 1))
        )
        self._windowed = np.zeros(self._frame, np.float32)
        self._bins = np.zeros((2, self._frame // 2 + 1), np.complex64)
        self._scratch = np.zeros((3, self._frame // 2 + 1))
        self._parts: list[npt.NDArray[np.float32]] = []

    def push(self, samples: Samples) -> None:
        """Take a block [channels, frames]."""
        block = checked_block(samples, self._channels)
        stretch = _mid_side(self._framer.push(block[:2]))
        count = (stretch.shape[1] - self._frame) // (self._frame // 2) + 1
        if count > 0:
            powers = np.zeros((count, 2, len(THIRD_OCTAVES_HZ)))
            for i in range(count):
                start = i * (self._frame // 2)
                self._absorb(stretch[:, start : start + self._frame], self._window, self._sums, powers[i])
            self._parts.append(powers.astype(np.float32))

    def powers(self) -> npt.NDArray[np.float32]:
        """Third-octave powers of mid and side of all whole frames so far, float32 [frames, 2, 31]."""
        return np.concatenate([np.zeros((0, 2, len(THIRD_OCTAVES_HZ)), np.float32), *self._parts])

    def result(self) -> Spectrum:
        """The readings if the stream ended here; more blocks may follow."""
        sums = _Sums(spectrum=self._sums.spectrum.copy(), wide=self._sums.wide.copy())
        last = np.zeros((1, 2, len(THIRD_OCTAVES_HZ)))
        rest = _mid_side(self._framer.rest())
        if rest.shape[1]:
            self._absorb(rest, hann(rest.shape[1]), sums, last[0])
        powers = np.concatenate([*self._parts, last.astype(np.float32)])
        heard = audible(powers, powers.sum(axis=(1, 2)))
        mid_db, side_db = levels_db(heard)
        return Spectrum(
            band_levels_mid_db=tuple(mid_db.tolist()),
            band_levels_side_db=tuple(side_db.tolist()),
            tilt_db_per_octave=_tilt(mid_db),
            side_to_mid_db=_side_to_mid(mid_db, side_db),
            band_correlation=_correlations(*sums.wide),
            bandwidth_hz=bandwidth(sums.spectrum, self._sample_rate),
            heard=heard,
        )

    def _absorb(self, mid_side: Samples, window: Samples, sums: _Sums, powers: Doubles) -> None:
        """Add one frame to the sums; its third-octave powers go to `powers` [2, 31]."""
        for row in range(mid_side.shape[0]):
            self._windowed[len(window) :] = 0.0
            np.multiply(mid_side[row], window, out=self._windowed[: len(window)])
            np.fft.rfft(self._windowed, out=self._bins[row])
        # Parseval: twice the sum over the positive half is the mean square of the frame.
        scale = 2.0 / (self._frame * float(np.sum(window.astype(np.float64) ** 2)))
        _collect(
            self._bins, scale, self._thirds, self._wides, self._scratch, sums.spectrum, sums.wide, powers
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """Sums over all frames: power per bin; mid, side and cross power [3, 4] per wide band."""

    spectrum: Doubles
    wide: Doubles


def _mid_side(samples: Samples) -> Samples:
    if samples.shape[0] == 1:
        return samples
    half = np.float32(0.5)
    return np.stack(((samples[0] + samples[1]) * half, (samples[0] - samples[1]) * half))


@kernel
def _collect(
    bins: Bins,
    scale: float,
    thirds: Doubles,
    wides: Doubles,
    scratch: Doubles,
    spectrum: Doubles,
    wide: Doubles,
    powers: Doubles,
) -> None:
    for k in range(bins.shape[1]):
        mid, side = bins[0, k], bins[1, k]
        scratch[0, k] = (mid.real * mid.real + mid.imag * mid.imag) * scale
        scratch[1, k] = (side.real * side.real + side.imag * side.imag) * scale
        scratch[2, k] = (mid.real * side.real + mid.imag * side.imag) * scale
        spectrum[k] += scratch[0, k] + scratch[1, k]
    sum_bands(scratch[0], thirds, powers[0])
    sum_bands(scratch[1], thirds, powers[1])
    for row in range(3):
        sum_bands(scratch[row], wides, wide[row])


def _tilt(mid_db: Doubles) -> float:
    centres_hz = np.array(THIRD_OCTAVES_HZ)
    used = np.isfinite(mid_db) & (centres_hz > _TILT_RANGE_HZ[0]) & (centres_hz < _TILT_RANGE_HZ[1])
    if used.sum() < 2:
        return 0.0
    octaves = np.log2(centres_hz[used])
    octaves -= octaves.mean()
    return float(octaves @ mid_db[used] / (octaves @ octaves))


def _side_to_mid(mid_db: Doubles, side_db: Doubles) -> tuple[float, ...]:
    return tuple(
        -math.inf if side == -math.inf else min(side - mid, _MAX_SIDE_TO_MID_DB)
        for mid, side in zip(mid_db.tolist(), side_db.tolist(), strict=True)
    )


def _correlations(mid: Doubles, side: Doubles, cross: Doubles) -> tuple[float, ...]:
    # left = mid + side, right = mid - side.
    return tuple(
        correlation(m - s, m + s + 2.0 * x, m + s - 2.0 * x)
        for m, s, x in zip(mid.tolist(), side.tolist(), cross.tolist(), strict=True)
    )
