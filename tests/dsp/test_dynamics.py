"""The compressor against its static curve, its time constants and its own scaling laws."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.dsp.dynamics import CompressorCore, control_frames, static_gain_db

RATE = 48_000


def _compress(samples: np.ndarray, **changes: float) -> np.ndarray:
    settings = {
        "threshold_dbfs": -20.0,
        "ratio": 4.0,
        "knee_db": 0.0,
        "attack_ms": 10.0,
        "release_ms": 100.0,
        "makeup_db": 0.0,
    } | changes
    out = np.zeros_like(samples)
    CompressorCore(sample_rate=RATE, **settings).add(samples, out)
    return out


def _tone(level_dbfs: float, seconds: float = 1.0) -> np.ndarray:
    """Stereo 1 kHz sine with that RMS level."""
    t = np.arange(int(seconds * RATE)) / RATE
    sine = np.sqrt(2) * 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 1_000 * t)
    return np.stack([sine, sine]).astype(np.float32)


def _rms_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("level", [-40.0, -20.0, -12.0, -6.0])
@pytest.mark.parametrize("ratio", [1.5, 4.0])
def test_steady_tone_lands_on_the_static_curve(level: float, ratio: float) -> None:
    out = _compress(_tone(level, 2.0), ratio=ratio, knee_db=6.0)
    expected = level + static_gain_db(level, -20.0, ratio, 6.0)
    assert _rms_db(out[:, RATE:]) == pytest.approx(expected, abs=0.25)


def test_knee_is_continuous_and_monotone() -> None:
    levels = np.linspace(-40, 0, 2_001)
    gains = np.array([static_gain_db(x, -20.0, 3.0, 10.0) for x in levels])
    assert np.abs(np.diff(gains)).max() < 0.02
    assert (np.diff(levels + gains) > 0).all()
    assert gains[0] == 0.0


def test_attack_and_release_are_time_constants() -> None:
    step = np.concatenate([_tone(-40.0), _tone(-8.0), _tone(-40.0)], axis=1)
    out = _compress(step, attack_ms=50.0, release_ms=200.0)
    heard = np.abs(step[0]) > 1e-4
    gain_db = 20 * np.log10(np.abs(out[0][heard] / step[0][heard]))
    at = np.flatnonzero(heard)
    full = static_gain_db(-8.0, -20.0, 4.0, 0.0)
    after_attack = gain_db[np.searchsorted(at, RATE + int(0.050 * RATE))]
    after_release = gain_db[np.searchsorted(at, 2 * RATE + int(0.200 * RATE))]
    assert after_attack == pytest.approx(0.63 * full, abs=0.4)
    assert after_release == pytest.approx(0.37 * full, abs=0.4)


def test_channels_are_linked() -> None:
    samples = _tone(-8.0)
    samples[1] *= 0.1
    out = _compress(samples)
    heard = np.abs(samples[1]) > 1e-3
    assert out[0][heard] / samples[0][heard] == pytest.approx(out[1][heard] / samples[1][heard], rel=1e-4)


def test_ratio_one_changes_nothing_and_makeup_is_a_gain() -> None:
    samples = _tone(-10.0)
    assert np.array_equal(_compress(samples, ratio=1.0), samples)
    assert _compress(samples, ratio=1.0, makeup_db=6.0) == pytest.approx(samples * 10 ** (6 / 20), rel=1e-5)


def test_whole_control_steps_can_come_in_any_number() -> None:
    samples = np.random.default_rng(4).standard_normal((2, 40 * control_frames(RATE))).astype(np.float32)
    core = CompressorCore(
        threshold_dbfs=-20.0,
        ratio=3.0,
        knee_db=6.0,
        attack_ms=5.0,
        release_ms=50.0,
        makeup_db=1.0,
        sample_rate=RATE,
    )
    pieces = np.split(samples, [control_frames(RATE) * k for k in (1, 7, 20)], axis=1)
    out = [np.zeros_like(piece) for piece in pieces]
    for piece, into in zip(pieces, out, strict=True):
        core.add(piece, into)
    whole = _compress(samples, ratio=3.0, knee_db=6.0, attack_ms=5.0, release_ms=50.0, makeup_db=1.0)
    assert np.array_equal(np.concatenate(out, axis=1), whole)
