"""libebur128 on every piece of real music at hand, and the truth where it and we disagree.

Where we differ on purpose:
    - Loudness below 32 kHz: libebur128 keeps the numerator 1, -2, 1 of the standard's 48 kHz table at
      every rate, which adds 0.09 dB at 16 kHz. There the truth is its own reading of the piece
      resampled to 48 kHz, where the table applies as printed.
    - Loudness range: libebur128 looks once a second, Tech 3342 has asked for ten times a second since
      2016. The same windows give the same range.
    - True peak: libebur128 interpolates 4x. The truth is 32x FFT resampling around the highest peaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from mastering.dsp.interpolate import CONTEXT_FRAMES, true_peak_per_frame
from mastering.measure.loudness import LoudnessMeter
from mastering.measure.peaks import TruePeakMeter


@dataclass(frozen=True, kw_only=True)
class Reading:
    integrated_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    name: str
    duration_s: float
    ours: Reading
    ours_once_a_second_lu: float
    theirs: Reading
    true_peak_by_fft_dbtp: float


def _theirs(samples: np.ndarray, sample_rate: int) -> Reading:
    pyebur128 = pytest.importorskip(
        "pyebur128", reason="libebur128's binding has no wheel for this Python", exc_type=ImportError
    )
    mode = pyebur128.MeasurementMode
    state = pyebur128.R128State(
        samples.shape[0], sample_rate, mode.MODE_I | mode.MODE_LRA | mode.MODE_TRUE_PEAK
    )
    state.add_frames(np.ascontiguousarray(samples.T).ravel(), samples.shape[1])
    peaks = [pyebur128.get_true_peak(state, channel) for channel in range(samples.shape[0])]
    return Reading(
        integrated_lufs=pyebur128.get_loudness_global(state),
        loudness_range_lu=pyebur128.get_loudness_range(state),
        true_peak_dbtp=20.0 * np.log10(max(peaks)),
    )


def _once_a_second(meter: LoudnessMeter) -> float:
    """Our range over the windows that libebur128 takes: those that end at 3, 4, 5, ... seconds."""
    powers = meter.powers_100ms()
    seconds = powers[: len(powers) // 10 * 10].reshape(-1, 10).mean(axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(seconds, 3).mean(axis=1)
    loud = windows[windows > 10.0 ** (-69.309 / 10.0)]
    kept = np.sort(loud[loud > 0.01 * loud.mean()])
    low, high = (kept[int((len(kept) - 1) * share + 0.5)] for share in (0.10, 0.95))
    return float(10.0 * np.log10(high / low))


def _by_fft(samples: np.ndarray, factor: int = 32, half: int = 512) -> float:
    """True peak by FFT resampling of stretches around the highest candidates, ours and the samples'."""
    padded = np.pad(samples, ((0, 0), (CONTEXT_FRAMES, CONTEXT_FRAMES)))
    between, at = true_peak_per_frame(padded, 0.0), np.abs(samples).max(axis=0)
    highest = np.union1d(np.argpartition(between, -10)[-10:], np.argpartition(at, -10)[-10:])
    wide = np.pad(samples, ((0, 0), (2 * half, 2 * half)))
    best = 0.0
    for frame in highest:
        stretch = wide[:, frame : frame + 4 * half].astype(float)
        spectrum = np.fft.rfft(stretch)
        dense = np.fft.irfft(spectrum, stretch.shape[1] * factor) * factor
        centre = 2 * half * factor
        best = max(best, float(np.abs(dense[:, centre - factor : centre + factor + 1]).max()))
    return 20.0 * np.log10(best)


def _compare(path: Path) -> Compared | None:
    samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    if not samples.any():
        return None
    samples = np.ascontiguousarray(samples.T)
    loudness, peaks = LoudnessMeter(sample_rate, samples.shape[0]), TruePeakMeter(samples.shape[0])
    loudness.push(samples)
    peaks.push(samples)
    theirs = _theirs(samples, sample_rate)
    if sample_rate < 32_000:
        resampled = soxr.resample(samples.T, sample_rate, 48_000, "VHQ").T
        at_48k = _theirs(np.ascontiguousarray(resampled), 48_000)
        theirs = Reading(
            integrated_lufs=at_48k.integrated_lufs,
            loudness_range_lu=theirs.loudness_range_lu,
            true_peak_dbtp=theirs.true_peak_dbtp,
        )
    reading = loudness.result()
    return Compared(
        name=path.name,
        duration_s=samples.shape[1] / sample_rate,
        ours=Reading(
            integrated_lufs=reading.integrated_lufs,
            loudness_range_lu=reading.loudness_range_lu,
            true_peak_dbtp=peaks.result().true_peak_dbtp,
        ),
        ours_once_a_second_lu=_once_a_second(loudness),
        theirs=theirs,
        true_peak_by_fft_dbtp=_by_fft(samples),
    )


@pytest.fixture(scope="module")
def pieces(music_dir: Path) -> list[Compared]:
    compared = [_compare(path) for path in sorted(music_dir.rglob("*.ogg"))]
    return [piece for piece in compared if piece is not None]


def _off(differences: dict[str, float], limit: float) -> dict[str, float]:
    return {name: round(value, 4) for name, value in differences.items() if abs(value) > limit}


def test_integrated_loudness(pieces: list[Compared]) -> None:
    assert pieces
    assert not _off({p.name: p.ours.integrated_lufs - p.theirs.integrated_lufs for p in pieces}, 0.02)


def test_loudness_range_over_the_same_windows(pieces: list[Compared]) -> None:
    assert not _off({p.name: p.ours_once_a_second_lu - p.theirs.loudness_range_lu for p in pieces}, 0.05)


def test_loudness_range_of_long_pieces_at_ten_windows_a_second(pieces: list[Compared]) -> None:
    long = [p for p in pieces if p.duration_s >= 60.0]
    assert not _off({p.name: p.ours.loudness_range_lu - p.theirs.loudness_range_lu for p in long}, 1.0)


def test_true_peak_against_the_truth(pieces: list[Compared]) -> None:
    assert not _off({p.name: p.ours.true_peak_dbtp - p.true_peak_by_fft_dbtp for p in pieces}, 0.03)


def test_true_peak_against_libebur128_where_4x_is_enough(pieces: list[Compared]) -> None:
    near = [p for p in pieces if abs(p.theirs.true_peak_dbtp - p.true_peak_by_fft_dbtp) <= 0.1]
    assert len(near) > 0.9 * len(pieces)
    assert not _off({p.name: p.ours.true_peak_dbtp - p.theirs.true_peak_dbtp for p in near}, 0.15)
