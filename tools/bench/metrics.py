"""Metrics of a master that share no code with the product: what the benchmark judges by.

Loudness by pyloudnorm (DeMan filter), true peak by polyphase resampling to 8 times the rate,
third octaves by Welch's method, delay by generalised cross-correlation, and the share of a
master's energy that no linear filter of the input explains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyloudnorm
from scipy import signal

CENTRES_HZ = 1000.0 * 10.0 ** (np.arange(-15, 13) / 10.0)
"""28 third octaves, 31.5 Hz to 16 kHz."""


@dataclass(frozen=True)
class Levels:
    """What is compared between a master and its reference."""

    lufs: float
    true_peak_dbtp: float
    mid_db: np.ndarray
    side_to_mid_db: np.ndarray

    @property
    def plr_db(self) -> float:
        return self.true_peak_dbtp - self.lufs


def measure(samples: np.ndarray, rate: int) -> Levels:
    """Levels of stereo samples [frames, 2]."""
    lufs = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(samples.astype(np.float64))
    mid, side = samples.mean(axis=1), 0.5 * (samples[:, 0] - samples[:, 1])
    mid_db, side_db = third_octaves_db(mid, rate), third_octaves_db(side, rate)
    return Levels(lufs, true_peak_8x_db(samples), mid_db, np.clip(side_db - mid_db, -60.0, 30.0))


def third_octaves_db(channel: np.ndarray, rate: int) -> np.ndarray:
    """Mean power in each of the 28 bands, in dB."""
    at, density = signal.welch(channel, rate, "hann", 16_384)
    edges = CENTRES_HZ[:, None] * 10.0 ** np.array([-0.05, 0.05])
    step = at[1]
    power = []
    for low, high in edges:
        overlap = np.clip(np.minimum(at + step / 2, high) - np.maximum(at - step / 2, low), 0.0, None)
        power.append(float(density @ overlap))
    return 10.0 * np.log10(np.maximum(power, 1e-16))


def true_peak_8x_db(samples: np.ndarray) -> float:
    """Highest absolute value at 8 times the rate, in chunks that overlap."""
    highest = 1e-9
    chunk, lap = 1 << 18, 256
    for start in range(0, len(samples), chunk):
        part = samples[max(0, start - lap) : start + chunk + lap]
        highest = max(highest, float(np.abs(signal.resample_poly(part, 8, 1, axis=0)).max()))
    return 20.0 * np.log10(highest)


def spectrum_error_db(a: Levels, b: Levels) -> tuple[float, float]:
    """Mean |dB| over 28 bands of mid (mean removed) and of side-to-mid."""
    mid = a.mid_db - b.mid_db
    return float(np.abs(mid - mid.mean()).mean()), float(np.abs(a.side_to_mid_db - b.side_to_mid_db).mean())


def delay_frames(before: np.ndarray, after: np.ndarray) -> int:
    """Delay of `after` against `before` by GCC-PHAT of the mids, within +-4096 frames."""
    frames = min(len(before), len(after), 1 << 21)
    size = 2 * frames
    x = np.fft.rfft(before[:frames].mean(axis=1), size)
    y = np.fft.rfft(after[:frames].mean(axis=1), size)
    cross = y * np.conj(x)
    lags = np.fft.irfft(cross / np.maximum(np.abs(cross), 1e-12), size)
    near = np.concatenate([lags[-4096:], lags[:4097]])
    return int(near.argmax()) - 4096


def unexplained_db(before: np.ndarray, after: np.ndarray, rate: int) -> float:
    """Energy of `after` that no linear time-invariant 2x2 filter of `before` explains, in dB of its energy.

    Wiener solution per frequency from averaged cross spectra (frames of 16384, Hann, half overlap).
    """
    frames = min(len(before), len(after))
    x, y = (_spectra(z[:frames]) for z in (before, after))
    sxx = np.einsum("tfi,tfj->fij", np.conj(x), x) + 1e-9 * np.eye(2) * np.mean(np.abs(x) ** 2)
    sxy = np.einsum("tfi,tfj->fij", np.conj(x), y)
    filters = np.linalg.solve(sxx, sxy)
    rest = y - np.einsum("tfi,fij->tfj", x, filters)
    return float(10.0 * np.log10(np.sum(np.abs(rest) ** 2) / np.sum(np.abs(y) ** 2)))


def _spectra(samples: np.ndarray, size: int = 16_384) -> np.ndarray:
    parts = np.lib.stride_tricks.sliding_window_view(samples, size, axis=0)[:: size // 2]
    return np.fft.rfft(parts * np.hanning(size), axis=-1).transpose(0, 2, 1)
