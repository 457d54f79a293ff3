"""Metrics of a master that share no code with the product: what the benchmark judges by.

Loudness by libebur128 or pyloudnorm (DeMan filter), true peak by polyphase resampling to 8 times the rate,
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
    lufs = integrated_lufs(samples, rate)
    mid, side = samples.mean(axis=1), 0.5 * (samples[:, 0] - samples[:, 1])
    mid_db, side_db = third_octaves_db(mid, rate), third_octaves_db(side, rate)
    return Levels(lufs, true_peak_8x_db(samples), mid_db, np.clip(side_db - mid_db, -60.0, 30.0))


def integrated_lufs(samples: np.ndarray, rate: int) -> float:
    """By libebur128 where its wheel exists, else by pyloudnorm; they agree to 0.001 LU."""
    try:
        import pyebur128
    except ImportError:
        return float(
            pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(samples.astype(np.float64))
        )
    state = pyebur128.R128State(2, rate, pyebur128.MeasurementMode.MODE_I)
    state.add_frames(np.ascontiguousarray(samples, dtype=np.float32).reshape(-1), len(samples))
    return float(pyebur128.get_loudness_global(state))


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
    """Highest absolute value at 8 times the rate; chunks 9 dB under the highest sample are left out."""
    sample_peak = float(np.abs(samples).max()) + 1e-9
    highest = sample_peak
    chunk, lap = 1 << 13, 256
    for start in range(0, len(samples), chunk):
        first = max(0, start - lap)
        part = samples[first : start + chunk + lap]
        if np.abs(part).max() > 0.35 * sample_peak:
            # The cut edges of a part ring: only what lies inside counts.
            fine = signal.resample_poly(part, 8, 1, axis=0)[8 * (start - first) :][: 8 * chunk]
            highest = max(highest, float(np.abs(fine).max()))
    return 20.0 * np.log10(highest)


def spectrum_error_db(a: Levels, b: Levels) -> tuple[float, float]:
    """Mean |dB| over 28 bands of mid (mean removed) and of side-to-mid."""
    mid = a.mid_db - b.mid_db
    return float(np.abs(mid - mid.mean()).mean()), float(np.abs(a.side_to_mid_db - b.side_to_mid_db).mean())


def delay_frames(before: np.ndarray, after: np.ndarray) -> int:
    """Delay of `after` against `before` by GCC-PHAT of the mids, within +-4096 frames."""
    frames = min(len(before), len(after), 1 << 20)
    size = 2 * frames
    x = np.fft.rfft(before[:frames].mean(axis=1), size)
    y = np.fft.rfft(after[:frames].mean(axis=1), size)
    cross = y * np.conj(x)
    lags = np.fft.irfft(cross / np.maximum(np.abs(cross), 1e-12), size)
    near = np.concatenate([lags[-4096:], lags[:4097]])
    return int(near.argmax()) - 4096


EXPLAINED_FRAMES = 60 * 44_100
"""The first minute is enough to tell a limiter or compressor from a filter."""


def unexplained_db(before: np.ndarray, after: np.ndarray) -> float:
    """Energy of `after` that no linear time-invariant 2x2 filter of `before` explains, in dB of its energy.

    The filter is the Wiener solution from averaged cross spectra (frames of 65536, Hann, half
    overlapped), cut to 16384 frames on either side and convolved with the whole of `before`, so
    that frames and their windows leave no residue of their own.
    """
    size, reach = 65_536, 16_384
    frames = min(len(before), len(after), EXPLAINED_FRAMES)
    x, rest = before[:frames].astype(np.float64), after[:frames].astype(np.float64)
    whole = np.sum(rest**2)
    for _ in range(2):  # what windows hide of the filter in one round is found in the next
        taps = np.roll(_wiener(x, rest, size), reach, axis=0)[: 2 * reach]
        for source in range(2):
            for sink in range(2):
                full = signal.oaconvolve(x[:, source], taps[:, source, sink])
                rest[:, sink] -= full[reach : reach + frames]
    return float(10.0 * np.log10(np.sum(rest**2) / whole))


def _wiener(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """Impulse responses [size, source, sink] that explain y by x best."""
    window = np.hanning(size)[:, None]
    sxx = np.zeros((size // 2 + 1, 2, 2), dtype=np.complex128)
    sxy = np.zeros_like(sxx)
    for start in range(0, len(x) - size, size // 2):
        a, b = (np.fft.rfft(window * z[start : start + size], axis=0) for z in (x, y))
        sxx += np.conj(a)[:, :, None] * a[:, None, :]
        sxy += np.conj(a)[:, :, None] * b[:, None, :]
    sxx += 1e-9 * np.eye(2) * np.trace(sxx, axis1=1, axis2=2).real.mean()
    return np.fft.irfft(np.linalg.solve(sxx, sxy), n=size, axis=0)
