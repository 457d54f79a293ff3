"""How far a master lies from the truth and from the reference, and what harm it did.

Conventions
    Samples float32 [frames, 2] at 44.1 kHz. Everything is measured by tools/bench/metrics.py or
    libebur128, nothing by the product.
    LTAS-M: mean |difference| of 28 third octaves (31.5 Hz to 16 kHz) of mid, their mean removed.
    LTAS-S: mean |difference| of side minus mid per third octave, both held between -40 and 30 dB: what
    lies more than 40 dB under the mid is not heard as width, and a mono piece compares as one.
    Width: side minus mid power of the whole, held at -40 dB too.
    STFT: Hann windows of 512, 2048 and 8192, half overlapped, left and right, the master at the truth's
    loudness, magnitudes held at 80 dB under the truth's highest; per size the spectral convergence
    (Frobenius norm of the difference over the truth's) plus the mean |difference of natural logarithms|;
    then the mean of the three (Yamamoto, Song, Kim, ICASSP 2020).
    Harm is judged against the input at equal loudness: a third octave of mid raised by over 12 dB; a
    third octave of side below -60 dBFS raised by over 12 dB (to above -90 dBFS).
    A true peak is over the ceiling from 0.05 dB on, the uncertainty of the meter.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from metrics import integrated_lufs, third_octaves_db, true_peak_8x_db
from scipy import fft, signal

RATE = 44_100
CEILING_DBTP = -0.02
SIDE_FLOOR_DB = -40.0
BOOST_CAP_DB = 12.0
SIDE_NOISE_DBFS = -60.0
SIDE_SILENCE_DBFS = -90.0
TOLERANCE_DB = 0.05
SIZES = (512, 2_048, 8_192)

ERRORS = ("ltas_m", "ltas_s", "lufs", "plr", "lra", "width", "stft")
TO_REFERENCE = ("ref_ltas_m", "ref_ltas_s", "ref_lufs")
HARMS = ("boosted", "side_noise", "over_ceiling")


@dataclass(frozen=True)
class Measured:
    """What is compared of one piece."""

    lufs: float
    true_peak_dbtp: float
    lra_lu: float
    mid_db: np.ndarray
    side_db: np.ndarray
    width_db: float

    @property
    def plr_db(self) -> float:
        return self.true_peak_dbtp - self.lufs

    @property
    def side_to_mid_db(self) -> np.ndarray:
        return np.clip(self.side_db - self.mid_db, SIDE_FLOOR_DB, 30.0)


def measure(samples: np.ndarray) -> Measured:
    """Everything but the spectrogram."""
    mid, side = samples.mean(axis=1), 0.5 * (samples[:, 0] - samples[:, 1])
    ratio = np.sum(np.square(side, dtype=float)) / max(np.sum(np.square(mid, dtype=float)), 1e-12)
    return Measured(
        lufs=integrated_lufs(samples, RATE),
        true_peak_dbtp=true_peak_8x_db(samples),
        lra_lu=loudness_range_lu(samples),
        mid_db=third_octaves_db(mid, RATE),
        side_db=third_octaves_db(side, RATE),
        width_db=max(SIDE_FLOOR_DB, 10.0 * np.log10(max(ratio, 1e-12))),
    )


def loudness_range_lu(samples: np.ndarray) -> float:
    """EBU Tech 3342 by libebur128 where its wheel exists, else by pyloudnorm."""
    try:
        import pyebur128
    except ImportError:
        import pyloudnorm

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(pyloudnorm.Meter(RATE, filter_class="DeMan").loudness_range(samples))
    state = pyebur128.R128State(2, RATE, pyebur128.MeasurementMode.MODE_LRA)
    state.add_frames(np.ascontiguousarray(samples, dtype=np.float32).reshape(-1), len(samples))
    return float(pyebur128.get_loudness_range(state))


def ltas_db(a: Measured, b: Measured) -> tuple[float, float]:
    """LTAS-M and LTAS-S."""
    mid = a.mid_db - b.mid_db
    side = a.side_to_mid_db - b.side_to_mid_db
    return float(np.abs(mid - mid.mean()).mean()), float(np.abs(side).mean())


class Judge:
    """One case's truth, reference and input, measured once for all systems."""

    def __init__(self, source: np.ndarray, reference: np.ndarray, truth: np.ndarray) -> None:
        self._samples = source
        self._source, self._reference, self._truth = measure(source), measure(reference), measure(truth)
        self._spectrograms = [_spectrogram(truth, size) for size in SIZES]

    def row(self, master: np.ndarray) -> dict[str, float]:
        """All metrics of a master, which is cut and shifted to line up with the input first."""
        master = lined_up(master, self._samples)
        found = measure(master)
        row = self._errors(found)
        row["stft"] = self._stft(master, found)
        gain_db = found.lufs - self._source.lufs
        row["gain_db"] = gain_db
        row["true_peak_dbtp"] = found.true_peak_dbtp
        row |= self._harm(found, gain_db)
        return row

    def _errors(self, found: Measured) -> dict[str, float]:
        truth, reference = self._truth, self._reference
        mid, side = ltas_db(found, truth)
        reference_mid, reference_side = ltas_db(found, reference)
        return {
            "ltas_m": mid,
            "ltas_s": side,
            "lufs": abs(found.lufs - truth.lufs),
            "plr": abs(found.plr_db - truth.plr_db),
            "lra": abs(found.lra_lu - truth.lra_lu),
            "width": abs(found.width_db - truth.width_db),
            "ref_ltas_m": reference_mid,
            "ref_ltas_s": reference_side,
            "ref_lufs": abs(found.lufs - reference.lufs),
        }

    def _harm(self, found: Measured, gain_db: float) -> dict[str, float]:
        boost = found.mid_db - self._source.mid_db - gain_db
        raised = found.side_db - self._source.side_db - gain_db > BOOST_CAP_DB
        heard = found.side_db - gain_db > SIDE_SILENCE_DBFS
        noise = raised & heard & (self._source.side_db < SIDE_NOISE_DBFS)
        return {
            "boosted": float(boost.max() > BOOST_CAP_DB),
            "side_noise": float(noise.any()),
            "over_ceiling": float(found.true_peak_dbtp > CEILING_DBTP + TOLERANCE_DB),
        }

    def _stft(self, master: np.ndarray, found: Measured) -> float:
        level = master * np.float32(10.0 ** ((self._truth.lufs - found.lufs) / 20.0))
        distances = []
        for size, truth in zip(SIZES, self._spectrograms, strict=True):
            made = _spectrogram(level, size)
            floor = 1e-4 * truth.max()
            convergence = np.linalg.norm(made - truth) / np.linalg.norm(truth)
            logs = np.log(np.maximum(made, floor)) - np.log(np.maximum(truth, floor))
            distances.append(float(convergence + np.abs(logs).mean()))
        return float(np.mean(distances))


def _spectrogram(samples: np.ndarray, size: int) -> np.ndarray:
    """Magnitudes float32 [2 * windows, bins]."""
    views = np.lib.stride_tricks.sliding_window_view(np.ascontiguousarray(samples.T), size, axis=1)
    window = signal.windows.hann(size, sym=False).astype(np.float32)
    frames = (views[:, :: size // 2] * window).reshape(-1, size)
    return np.abs(fft.rfft(frames, axis=1))


def lined_up(master: np.ndarray, source: np.ndarray, reach: int = 64) -> np.ndarray:
    """A master shifted by up to `reach` frames to line up with its input, and as long as it.

    The delay is where the cross-correlation of the mids' differences (which whiten) over 6 s has its
    highest magnitude.
    """
    frames = min(len(master), len(source), 1 << 18)
    start = (min(len(master), len(source)) - frames) // 2
    x, y = (np.diff(part[start : start + frames].mean(axis=1)) for part in (source, master))
    cross = np.abs(signal.correlate(y, x, "full", "fft"))[len(x) - 1 - reach : len(x) + reach]
    delay = int(np.argmax(cross)) - reach
    moved = master[delay:] if delay >= 0 else np.pad(master, ((-delay, 0), (0, 0)))
    moved = moved[: len(source)]
    return np.pad(moved, ((0, len(source) - len(moved)), (0, 0)))
