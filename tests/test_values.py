"""Core values: Audio, Stems, Range and the errors."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.audio import BLOCK_FRAMES, Audio, Stems
from mastering.chain import Compressor, EqBand, Limiter
from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError, TonmeisterError
from mastering.measure.features import analyse
from mastering.units import Range, db_to_gain, gain_to_db, ranges


def make(samples: np.ndarray, rate: int = 44_100) -> Audio:
    return Audio(samples=samples.astype(np.float32), sample_rate=rate)


def test_audio_is_read_only_and_frozen() -> None:
    audio = make(np.zeros((2, 10)))
    with pytest.raises(ValueError, match="read-only"):
        audio.samples[0, 0] = 1.0
    with pytest.raises(FrozenInstanceError):
        audio.sample_rate = 48_000  # type: ignore[misc]


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(10, np.float32), 44_100, "shape (10,)"),
        (np.zeros((9, 10), np.float32), 44_100, "1..8 channels"),
        (np.zeros((2, 10)), 44_100, "float64"),
        (np.full((2, 10), np.nan, np.float32), 44_100, "NaN"),
        (np.zeros((2, 10), np.float32), 7_999, "8000..384000 Hz"),
    ],
)
def test_audio_refuses_with_what_is_allowed(samples: np.ndarray, rate: int, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Audio(samples=samples, sample_rate=rate)
    assert words in str(caught.value)


@pytest.mark.parametrize("frames", [0, 1, BLOCK_FRAMES, 2 * BLOCK_FRAMES + 5])
def test_blocks_are_the_samples(frames: int) -> None:
    audio = make(np.arange(2 * frames).reshape(2, frames) / max(1, frames))
    blocks = list(audio.blocks())
    assert all(block.shape[1] == BLOCK_FRAMES for block in blocks[:-1])
    joined = np.concatenate([np.zeros((2, 0), np.float32), *blocks], axis=1)
    assert np.array_equal(joined, audio.samples)


def test_stems_and_residual_are_the_mix() -> None:
    rng = np.random.default_rng(1)
    parts = {name: make(0.1 * rng.standard_normal((2, 500))) for name in ("drums", "bass", "other")}
    stems = Stems(parts=parts)
    original = make(0.2 * rng.standard_normal((2, 500)))
    rebuilt = stems.mix().samples + stems.residual(original).samples
    assert np.abs(rebuilt - original.samples).max() < 1e-7
    with pytest.raises(ParameterError, match="different layouts"):
        Stems(parts={**parts, "short": make(np.zeros((2, 499)))})


@settings(max_examples=20, deadline=None)
@given(st.floats(-30.0, 6.0))
def test_gain_moves_every_level_by_the_gain(gain_db: float) -> None:
    noise = 0.1 * np.random.default_rng(2).standard_normal((2, 44_100))
    before, after = analyse(make(noise)), analyse(make(noise * 10 ** (gain_db / 20)))
    for name in ("integrated_lufs", "true_peak_dbtp", "sample_peak_dbfs", "max_momentary_lufs"):
        assert getattr(after, name) - getattr(before, name) == pytest.approx(gain_db, abs=1e-3)
    assert after.plr_db == pytest.approx(before.plr_db, abs=1e-3)


@given(st.floats(-120.0, 60.0))
def test_db_there_and_back(level_db: float) -> None:
    assert gain_to_db(db_to_gain(level_db)) == pytest.approx(level_db, abs=1e-9)


@given(st.floats(0.0, 1.0))
def test_a_range_maps_to_one_and_back(position: float) -> None:
    limits = Range(-24.0, 6.0, "dB")
    assert limits.normalise(limits.denormalise(position)) == pytest.approx(position, abs=1e-12)


def test_every_number_of_a_step_has_a_range_with_a_unit() -> None:
    for kind in (EqBand, Compressor, Limiter):
        for name, limits in ranges(kind).items():
            assert limits.unit or name == "q", f"{kind.__name__}.{name}"


@pytest.mark.parametrize("value", [0.99, 20.01, float("nan"), "2"])
def test_a_number_outside_its_range_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match=r"Compressor.ratio=.*allowed 1..20 :1"):
        Compressor(threshold_dbfs=-20.0, ratio=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [TonmeisterError, AudioFileError, ParameterError, EnvironmentProblem])
def test_errors_cross_processes_whole(kind: type[TonmeisterError]) -> None:
    error = kind("what", hint="do", code="some_code")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.hint, copy.code) == (kind, "what", "do", "some_code")
