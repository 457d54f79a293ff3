"""The limiter: the ceiling holds for anything finite, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.dsp.interpolate import CONTEXT_FRAMES, true_peak_per_frame
from mastering.dsp.limiter import LimiterCore, predict_reduction, times

RATE = 44_100


def _limit(
    samples: np.ndarray, gain_db: float = 0.0, ceiling_dbtp: float = -1.0, cuts: list[int] | None = None
) -> np.ndarray:
    core = LimiterCore(
        input_gain_db=gain_db,
        ceiling_dbtp=ceiling_dbtp,
        lookahead_ms=3.0,
        release_ms=80.0,
        sample_rate=RATE,
        channels=samples.shape[0],
    )
    pieces = [core.process(piece) for piece in np.split(samples, sorted(cuts or []), axis=1)]
    return np.concatenate([*pieces, core.flush()], axis=1)


def _true_peak_db(samples: np.ndarray) -> float:
    """By FFT at 16 times the rate: a route that shares nothing with the limiter's interpolation."""
    padded = np.pad(samples.astype(np.float64), ((0, 0), (4_096, 4_096)))
    spectrum = np.fft.rfft(padded, axis=-1)
    fine = np.fft.irfft(spectrum, n=16 * padded.shape[1], axis=-1) * 16
    return float(20 * np.log10(np.abs(fine).max() + 1e-12))


@pytest.mark.parametrize("kind", ["noise", "drums", "square", "high tone"])
@pytest.mark.parametrize("gain_db", [0.0, 6.0, 18.0])
def test_ceiling_holds_between_the_samples(kind: str, gain_db: float) -> None:
    rng = np.random.default_rng(1)
    t = np.arange(RATE) / RATE
    # Nothing above 0.45 of the rate: there even 16 points between two samples are not the whole truth.
    samples = {
        "noise": rng.standard_normal((2, RATE)) * 0.3,
        "drums": np.stack([np.exp(-(t % 0.25) * 40) * np.sin(2 * np.pi * f * t) for f in (80, 3_000)]) * 1.5,
        "square": np.sign(np.sin(2 * np.pi * 997 * t))[np.newaxis] * 0.9,
        "high tone": 0.9 * np.sin(2 * np.pi * 11_025 * t + np.pi / 4)[np.newaxis] * np.linspace(0, 1.4, RATE),
    }[kind]
    spectrum = np.fft.rfft(samples, axis=-1)
    spectrum[:, int(0.45 * RATE) :] = 0.0
    samples = np.fft.irfft(spectrum, n=RATE, axis=-1).astype(np.float32)
    assert _true_peak_db(_limit(samples, gain_db)) <= -1.0 + 0.05


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    gain_db=st.floats(-20, 40),
    ceiling_dbtp=st.floats(-12, 0),
    spikes=st.integers(0, 20),
)
def test_samples_never_pass_the_ceiling(seed: int, gain_db: float, ceiling_dbtp: float, spikes: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((2, 6_000)).astype(np.float32) * np.float32(rng.uniform(0, 1))
    samples[:, rng.integers(0, 6_000, spikes)] *= 30.0
    out = _limit(samples, gain_db, ceiling_dbtp)
    assert out.shape == samples.shape
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 10 ** (ceiling_dbtp / 20) * (1 + 1e-6)


def test_transparent_below_the_ceiling() -> None:
    samples = (0.2 * np.random.default_rng(2).uniform(-1, 1, (2, 20_000))).astype(np.float32)
    assert np.array_equal(_limit(samples), samples)


def test_one_gain_serves_both_channels() -> None:
    t = np.arange(RATE) / RATE
    loud = (1.5 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    quiet = (0.1 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    left, right = _limit(np.stack([loud, quiet]))
    heard = np.abs(right) > 0.01
    assert left[heard] / right[heard] == pytest.approx(15.0, rel=1e-3)


def test_silence_stays_silence_and_gain_recovers() -> None:
    samples = np.zeros((1, 2 * RATE), np.float32)
    samples[0, 1_000:1_100] = 0.99
    samples[0, RATE:] = 0.1
    out = _limit(samples, gain_db=6.0)
    assert not out[0, 1_200:RATE].any()
    assert out[0, -1] == pytest.approx(0.1 * 10 ** (6 / 20), rel=0.01)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 12_000), max_size=8))
def test_blocks_do_not_matter(cuts: list[int]) -> None:
    samples = np.random.default_rng(5).standard_normal((2, 12_000)).astype(np.float32)
    assert np.array_equal(_limit(samples, 3.0), _limit(samples, 3.0, cuts=cuts))


def test_prediction_follows_the_real_gain() -> None:
    rng = np.random.default_rng(9)
    samples = rng.standard_normal((1, 4 * RATE)).astype(np.float32) * 0.3
    samples *= 1.0 + np.sin(2 * np.pi * np.arange(4 * RATE) / RATE).astype(np.float32)
    hop = 63
    peaks = true_peak_per_frame(np.pad(samples, ((0, 0), (CONTEXT_FRAMES, CONTEXT_FRAMES))), 0.0)
    peaks = peaks[: len(peaks) // hop * hop].reshape(-1, hop).max(axis=1)
    predicted = predict_reduction(peaks, 3.0, -1.0, times(3.0, 80.0, RATE, hop))
    out = _limit(samples, 3.0)
    real = out[0] / (samples[0] * 10 ** (3 / 20) + 1e-12)
    real_db = 20 * np.log10(np.median(real[: len(peaks) * hop].reshape(-1, hop), axis=1))
    assert np.abs(real_db - 20 * np.log10(predicted)).mean() < 0.25
