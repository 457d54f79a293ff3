"""Spectrograms: truths of tones, a second way to the same picture, and columns of any number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.signal

from mastering.audio import Audio, Samples
from mastering.errors import ParameterError
from mastering.measure.spectrogram import (
    CEILING_DB,
    FLOOR_DB,
    LOWEST_HZ,
    MOST_COLUMNS,
    ROWS,
    Spectrogram,
    spectrogram,
)

RATES = [8_000, 44_100, 48_000, 96_000, 192_000]
STEP_DB = (CEILING_DB - FLOOR_DB) / 255


def _audio(samples: np.ndarray, sample_rate: int = 44_100) -> Audio:
    return Audio(samples=np.atleast_2d(samples).astype(np.float32), sample_rate=sample_rate)


def _sine(frequency_hz: float, seconds: float = 1.0, sample_rate: int = 44_100) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * sample_rate)) / sample_rate)


def _noise(frames: int, seed: int = 1, channels: int = 2) -> np.ndarray:
    return 0.02 * np.random.default_rng(seed).standard_normal((channels, frames))


def _edges_hz(picture: Spectrogram) -> np.ndarray:
    """Of the rows, the lowest first."""
    return np.geomspace(picture.lowest_hz, picture.highest_hz, ROWS + 1)


def _db(picture: Spectrogram) -> np.ndarray:
    """Levels in dB without their slope, [rows, columns], the lowest row first."""
    edges_hz = _edges_hz(picture)
    slope_db = 3.0 * np.log2((edges_hz[:-1] + edges_hz[1:]) / 2 / 1_000)
    return FLOOR_DB + STEP_DB * picture.levels[::-1].astype(float) - slope_db[:, np.newaxis]


_FREQUENCIES_HZ = (110.0, 440.0, 1_000.0, 3_000.0, 9_000.0)
_SINES = [(hz, rate) for hz in _FREQUENCIES_HZ for rate in RATES if hz < rate / 2]


@pytest.mark.parametrize(("frequency_hz", "sample_rate"), _SINES)
def test_a_sine_is_in_its_row_at_its_level(frequency_hz: float, sample_rate: int) -> None:
    level_db = -40.0
    picture = spectrogram(_audio(10 ** (level_db / 20) * _sine(frequency_hz, 1.0, sample_rate), sample_rate))
    assert picture.highest_hz == min(20_000, sample_rate / 2)
    middle = _db(picture)[:, 3:-3]
    bin_hz = sample_rate / 2 ** np.ceil(np.log2(0.042 * sample_rate))
    edges_hz = _edges_hz(picture)
    near = (edges_hz[1:] > frequency_hz - bin_hz) & (edges_hz[:-1] < frequency_hz + bin_hz)
    assert near[middle.argmax(axis=0)].all()
    highest = middle.max(axis=0)
    assert (highest <= level_db + STEP_DB).all()
    assert (highest >= level_db - 1.5).all()  # between two bins a Hann window reads 1.4 dB less
    far = (edges_hz[:-1] > 1.5 * frequency_hz + 4 * bin_hz) | (edges_hz[1:] < frequency_hz / 1.5 - 4 * bin_hz)
    assert (picture.levels[::-1][far][:, 3:-3] == 0).all()


def test_the_picture_is_that_of_scipys_transform() -> None:
    rate, frames = 44_100, 20 * 1024 + 77
    samples = _noise(frames) + 0.1 * _sine(700.0, 1.0)[:frames]
    whole = np.pad(samples.mean(axis=0), (512, 2048))
    transform = scipy.signal.ShortTimeFFT(
        scipy.signal.get_window("hann", 2048), hop=1024, fs=rate, phase_shift=None
    )
    power = np.abs(transform.stft(whole, p0=1, p1=22)) ** 2 * (4 / 2048) ** 2
    edges_hz = LOWEST_HZ * (20_000 / LOWEST_HZ) ** (np.arange(ROWS + 1) / ROWS)
    rows = []
    for low_hz, high_hz in itertools.pairwise(edges_hz):
        first, last = (int(hz / rate * 2048) for hz in (low_hz, high_hz))
        db = 10 * np.log10(power[first : last + 1].max(axis=0)) + 3 * np.log2((low_hz + high_hz) / 2_000)
        rows.append(np.clip(255 * (db + 78) / 62, 0, 255))
    found = spectrogram(_audio(samples)).levels
    assert found.shape == (ROWS, 21)
    np.testing.assert_allclose(found, np.stack(rows[::-1]), atol=0.6)


@dataclass(frozen=True)
class _Cut:
    """A piece in other blocks than those of Audio."""

    samples: Samples
    size: int
    sample_rate: int = 44_100

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def frames(self) -> int:
        return self.samples.shape[1]

    def blocks(self) -> Iterator[Samples]:
        for start in range(0, self.frames, self.size):
            yield self.samples[:, start : start + self.size]


@pytest.mark.parametrize("size", [313, 4_096, 200_000])
@pytest.mark.parametrize("columns", [1, 50, MOST_COLUMNS])
def test_blocks_do_not_matter(size: int, columns: int) -> None:
    samples = _noise(150_000).astype(np.float32)
    whole, cut = spectrogram(_audio(samples), columns), spectrogram(_Cut(samples, size), columns)
    assert np.array_equal(whole.levels, cut.levels)


@pytest.mark.parametrize("frames", [0, 1, 500, 1_024, 1_025, 2_048, 65_536, 65_537, 131_072])
def test_every_length_has_a_column_for_each_half_window(frames: int) -> None:
    picture = spectrogram(_audio(_noise(frames)))
    assert picture.levels.shape == (ROWS, max(1, -(-frames // 1024)))
    assert picture.duration_s == frames / 44_100
    assert picture.levels[:, -1].any() == (frames > 1)  # one sample alone is too little to be seen


def test_silence_and_a_dc_offset_are_dark() -> None:
    assert not spectrogram(_audio(np.zeros((2, 44_100)))).levels.any()
    offset = spectrogram(_audio(np.full((2, 44_100), 0.5))).levels[:, 3:-3]
    assert not offset[: ROWS // 2].any()


def test_the_loudest_there_can_be_ends_at_the_ceiling() -> None:
    loud = spectrogram(_audio(np.full(8_192, np.finfo(np.float32).max / 4) * np.tile([1, -1], 4_096)))
    assert loud.levels.max() == 255


def test_channels_are_averaged() -> None:
    one, other = _noise(30_000, seed=1, channels=1), _noise(30_000, seed=2, channels=1)
    both = spectrogram(_audio(np.concatenate([one, other]))).levels
    assert np.array_equal(both, spectrogram(_audio((one + other) / 2)).levels)
    assert not spectrogram(_audio(np.concatenate([one, -one]))).levels.any()


def test_a_column_is_the_maximum_of_its_windows() -> None:
    click = np.zeros(20 * 44_100)
    click[300_000] = 0.9
    fine = spectrogram(_audio(click))
    for columns in (1, 7, 100, 861):
        coarse = spectrogram(_audio(click), columns)
        assert coarse.levels.shape == (ROWS, columns)
        assert np.array_equal(coarse.levels, fine.coarser(columns).levels)
        bright = np.flatnonzero(coarse.levels[0])
        assert (np.abs((bright + 0.5) / columns - 300_000 / len(click)) <= 0.5 / columns + 2e-3).all()
    assert fine.coarser(5_000) is fine


@pytest.mark.parametrize("columns", [0, -1, MOST_COLUMNS + 1])
def test_other_numbers_of_columns_are_refused(columns: int) -> None:
    picture = spectrogram(_audio(_noise(5_000)))
    with pytest.raises(ParameterError, match=r"allowed 1\.\.16384"):
        spectrogram(_audio(_noise(5_000)), columns)
    with pytest.raises(ParameterError):
        picture.coarser(columns)
