"""Linear-phase filters: taps from a gain curve, and streaming convolution without delay.

Convolution is overlap-save with a fixed partition of absolute time, so the samples do not
depend on how the stream is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples

__all__ = [
    "StreamingCrossover",
    "StreamingFir",
    "curve_at",
    "hop_frames",
    "linear_phase_taps",
    "low_pass_taps",
    "tap_count",
]

_REFERENCE_RATE = 48_000
_REFERENCE_TAPS = 8_192


def tap_count(sample_rate: int) -> int:
    """Odd number of taps that resolves about 12 Hz at any rate: 8191 at 44.1 and 48 kHz."""
    octaves = round(math.log2(sample_rate / _REFERENCE_RATE))
    return max(1_024, round(_REFERENCE_TAPS * 2.0**octaves)) - 1


def hop_frames(sample_rate: int) -> int:
    """Frames of one step of the fast convolution with `tap_count` taps.

    A stream that starts on a multiple of it is transformed in the same windows, and so rounded alike.
    """
    return _hop_frames(tap_count(sample_rate))


def _hop_frames(count: int) -> int:
    return 4 * (count + 1) - (count - 1)


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


def low_pass_taps(frequency_hz: float, sample_rate: int) -> npt.NDArray[np.float64]:
    """Symmetric taps of a low-pass with the magnitude of a 4th-order Linkwitz-Riley crossover."""
    octaves = np.arange(-6.0, 6.01, 0.125)
    gain_db = -20.0 * np.log10(1.0 + 2.0 ** (4.0 * octaves))
    return linear_phase_taps(frequency_hz * 2.0**octaves, gain_db, sample_rate)


class _OverlapSave:
    """Fixed partition of a stream for fast convolution: collects frames, and takes the delay out.

    `convolved` gets the spectrum [channels, bins] of each full window and returns
    [rows, size] samples; rows may be more than channels.
    """

    def __init__(self, channels: int, count: int) -> None:
        self.size = 4 * (count + 1)
        self._history = count - 1
        self._hop = _hop_frames(count)
        self._delay = self._history // 2
        self._window = np.zeros((channels, self.size), dtype=np.float32)
        self._filled = 0
        self._skip = self._delay

    def convolved(self, spectrum: npt.NDArray[np.complex64]) -> Samples:
        raise NotImplementedError

    @property
    def rows(self) -> int:
        """Rows of what comes out."""
        return int(self._window.shape[0])

    def process(self, samples: Samples) -> Samples:
        """Push a block [channels, frames]; returns the frames that are complete, delay already removed."""
        ready: list[Samples] = []
        start = 0
        while start < samples.shape[1]:
            take = min(self._hop - self._filled, samples.shape[1] - start)
            at = self._history + self._filled
            self._window[:, at : at + take] = samples[:, start : start + take]
            self._filled += take
            start += take
            if self._filled == self._hop:
                ready.append(self._next())
        return self._joined(ready)

    def flush(self) -> Samples:
        """The frames still inside; the whole output is then as long as the whole input."""
        pending, missing = self._filled, self._delay
        tail: list[Samples] = []
        while pending or missing:
            self._window[:, self._history + pending :] = 0.0
            silence = min(missing, self._hop - pending)
            tail.append(self._next()[:, : pending + silence])
            pending, missing = 0, missing - silence
        return self._joined(tail)

    def _next(self) -> Samples:
        out = self.convolved(np.asarray(np.fft.rfft(self._window, axis=-1), dtype=np.complex64))[
            :, self._history :
        ]
        self._window[:, : self._history] = self._window[:, self._hop :]
        self._filled = 0
        return out

    def _joined(self, parts: list[Samples]) -> Samples:
        out = np.concatenate([np.empty((self.rows, 0), dtype=np.float32), *parts], axis=1)
        drop = min(self._skip, out.shape[1])
        self._skip -= drop
        return out[:, drop:]


class StreamingFir(_OverlapSave):
    """Convolve each channel with its own symmetric taps; the delay is taken out.

    Args:
        taps: [channels, taps], odd count.
    """

    def __init__(self, taps: npt.NDArray[np.float64]) -> None:
        super().__init__(*taps.shape)
        self._response = np.fft.rfft(taps, n=self.size, axis=-1).astype(np.complex64)

    def convolved(self, spectrum: npt.NDArray[np.complex64]) -> Samples:
        """The window through the filters."""
        return np.asarray(np.fft.irfft(spectrum * self._response, n=self.size, axis=-1), dtype=np.float32)


class StreamingCrossover(_OverlapSave):
    """Split into linear-phase bands that sum to the input; the delay is taken out.

    Args:
        crossovers_hz: rising.
        sample_rate: in Hz.
        channels: number of channels.

    `process` and `flush` return [bands * channels, frames], the low band's channels first.
    """

    def __init__(self, crossovers_hz: tuple[float, ...], sample_rate: int, channels: int) -> None:
        taps = [low_pass_taps(frequency_hz, sample_rate) for frequency_hz in crossovers_hz]
        super().__init__(channels, len(taps[0]))
        whole = np.zeros_like(taps[0])
        whole[len(whole) // 2] = 1.0
        bands = np.diff([np.zeros_like(whole), *taps, whole], axis=0)
        self._response = np.fft.rfft(bands, n=self.size, axis=-1).astype(np.complex64)
        self._channels = channels

    @property
    def rows(self) -> int:
        """Rows of what comes out: bands times channels."""
        return len(self._response) * self._channels

    def convolved(self, spectrum: npt.NDArray[np.complex64]) -> Samples:
        """The window split into bands."""
        bands = self._response[:, np.newaxis] * spectrum
        split = np.asarray(np.fft.irfft(bands, n=self.size, axis=-1), dtype=np.float32)
        return split.reshape(self.rows, self.size)
