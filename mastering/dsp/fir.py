"""Linear-phase filters: taps from a gain curve, and streaming convolution without delay.

Convolution is overlap-save with a fixed partition of absolute time, so the samples do not
depend on how the stream is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples

__all__ = ["StreamingFir", "curve_at", "linear_phase_taps", "tap_count"]

_REFERENCE_RATE = 48_000
_REFERENCE_TAPS = 8_192


def tap_count(sample_rate: int) -> int:
    """Odd number of taps that resolves about 12 Hz at any rate: 8191 at 44.1 and 48 kHz."""
    octaves = round(math.log2(sample_rate / _REFERENCE_RATE))
    return max(1_024, round(_REFERENCE_TAPS * 2.0**octaves)) - 1


def curve_at(
    frequencies_hz: npt.ArrayLike, points_hz: npt.ArrayLike, gains_db: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """A gain curve between its points: monotone cubic (Fritsch-Carlson) over log frequency, held outside.

    Args:
        frequencies_hz: where to evaluate; zero counts as the lowest point.
        points_hz: rising frequencies of the curve.
        gains_db: gain at each point.
    """
    x = np.log2(np.asarray(points_hz, dtype=np.float64))
    y = np.asarray(gains_db, dtype=np.float64)
    at = np.log2(np.maximum(np.asarray(frequencies_hz, dtype=np.float64), 1e-3))
    if len(x) == 1:
        return np.full(at.shape, y[0])
    at = np.clip(at, x[0], x[-1])
    step, rise = np.diff(x), np.diff(y) / np.diff(x)
    slope = _monotone_slopes(rise)
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h, t = step[i], (at - x[i]) / step[i]
    return np.asarray(
        y[i] * (1 + 2 * t) * (1 - t) ** 2
        + slope[i] * h * t * (1 - t) ** 2
        + y[i + 1] * t * t * (3 - 2 * t)
        + slope[i + 1] * h * t * t * (t - 1)
    )


def _monotone_slopes(rise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Slopes at the points from the rises between them: harmonic mean where both agree in sign, else 0."""
    inner = np.zeros(len(rise) - 1)
    same = rise[:-1] * rise[1:] > 0.0
    inner[same] = 2.0 * rise[:-1][same] * rise[1:][same] / (rise[:-1][same] + rise[1:][same])
    return np.concatenate([[rise[0]], inner, [rise[-1]]])


def linear_phase_taps(
    points_hz: npt.ArrayLike, gains_db: npt.ArrayLike, sample_rate: int
) -> npt.NDArray[np.float64]:
    """Symmetric taps of a gain curve (frequency sampling, Blackman-tapered at the ends).

    Args:
        points_hz: rising frequencies.
        gains_db: gain at each; the curve is held beyond its ends.
        sample_rate: in Hz.

    Returns:
        [tap_count(sample_rate)], delay (taps - 1) / 2 frames.
    """
    taps = tap_count(sample_rate)
    size = 4 * (taps + 1)
    grid = np.fft.rfftfreq(size, 1.0 / sample_rate)
    magnitude = 10.0 ** (curve_at(grid, points_hz, gains_db) / 20.0)
    impulse = np.roll(np.fft.irfft(magnitude, n=size), taps // 2)[:taps]
    return np.asarray(impulse * np.blackman(taps + 2)[1:-1] ** 0.25)


class StreamingFir:
    """Convolve each channel with its own symmetric taps; the delay is taken out.

    Args:
        taps: [channels, taps], odd count.
    """

    def __init__(self, taps: npt.NDArray[np.float64]) -> None:
        channels, count = taps.shape
        self._size = 4 * (count + 1)
        self._hop = self._size - (count - 1)
        self._spectrum = np.fft.rfft(taps, n=self._size, axis=-1).astype(np.complex64)
        self._delay = (count - 1) // 2
        self._window = np.zeros((channels, self._size), dtype=np.float32)
        self._filled = 0  # new frames at the end of the history part of the window
        self._history = count - 1
        self._skip = self._delay

    def process(self, samples: Samples) -> Samples:
        """Push a block; returns the frames that are complete, delay already removed."""
        ready: list[Samples] = []
        start = 0
        while start < samples.shape[1]:
            take = min(self._hop - self._filled, samples.shape[1] - start)
            at = self._history + self._filled
            self._window[:, at : at + take] = samples[:, start : start + take]
            self._filled += take
            start += take
            if self._filled == self._hop:
                ready.append(self._convolve()[:, : self._hop])
        return self._joined(ready)

    def flush(self) -> Samples:
        """The frames still inside; the whole output is then as long as the whole input."""
        pending = self._filled
        tail: list[Samples] = []
        missing = self._delay
        while missing > 0 or pending > 0:
            room = self._hop - self._filled
            self._window[:, self._history + self._filled :] = 0.0
            valid = pending + min(missing, room)
            missing -= min(missing, room)
            tail.append(self._convolve()[:, :valid])
            pending = 0
        return self._joined(tail)

    def _convolve(self) -> Samples:
        spectrum = np.fft.rfft(self._window, axis=-1)
        spectrum *= self._spectrum
        out = np.fft.irfft(spectrum, n=self._size, axis=-1)[:, self._history :]
        self._window[:, : self._history] = self._window[:, self._hop :]
        self._filled = 0
        return np.asarray(out, dtype=np.float32)

    def _joined(self, parts: list[Samples]) -> Samples:
        out = (
            np.concatenate(parts, axis=1) if parts else np.empty((self._window.shape[0], 0), dtype=np.float32)
        )
        drop = min(self._skip, out.shape[1])
        self._skip -= drop
        return out[:, drop:]
