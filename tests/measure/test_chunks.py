"""Chunks add up to the whole, and show what changes over time."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.measure.chunks import MAX_CHUNKS, chunk_arrays, joined
from mastering.measure.features import CHUNK_PERCENTILES, Chunks, analyse

RATE = 44_100


def _noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((2, int(seconds * RATE)))).astype(np.float32)


def test_the_mean_power_of_the_chunks_is_the_pieces() -> None:
    """Up to the unequal last chunk: chunks are equal shares of the same frames."""
    features = analyse(Audio(samples=_noise(30.0), sample_rate=RATE))
    power = 10.0 ** (np.array(features.chunks.mid_db) / 10.0)
    whole = 10.0 * np.log10(power.mean(axis=0))
    assert np.abs(whole - np.array(features.band_levels_mid_db))[2:30].max() < 0.15


def test_a_brighter_second_half_shows_in_the_later_chunks() -> None:
    samples = _noise(40.0)
    half = samples.shape[1] // 2
    samples[:, half:] = np.diff(samples[:, half:], prepend=0.0, axis=1)
    rows = np.array(analyse(Audio(samples=samples, sample_rate=RATE)).chunks.mid_db)
    assert rows.shape == (MAX_CHUNKS, 31)
    tilt = rows[:, 28] - rows[:, 10]
    assert tilt[16:].min() > tilt[:14].max() + 10.0


@pytest.mark.parametrize("seconds", [0.5, 1.5, 4.0, 60.0])
def test_short_pieces_have_fewer_chunks(seconds: float) -> None:
    chunks = analyse(Audio(samples=_noise(seconds), sample_rate=RATE)).chunks
    assert 1 <= len(chunks.mid_db) <= MAX_CHUNKS
    assert len(chunks.mid_db) == len(chunks.side_db) == len(chunks.crest_db)
    assert len(chunks.mid_percentiles_db) == len(CHUNK_PERCENTILES)


def test_silence_has_no_chunks() -> None:
    assert analyse(Audio(samples=np.zeros((2, RATE), np.float32), sample_rate=RATE)).chunks.mid_db == ()


def test_percentiles_and_crests_are_numpys() -> None:
    rng = np.random.default_rng(1)
    spectra = rng.gamma(2.0, 1.0, (90, 2, 31)).astype(np.float32)
    dynamics = rng.gamma(1.0, 1.0, (900, 4)).astype(np.float32)
    levels, crests, percentiles = chunk_arrays(spectra, dynamics)
    assert levels[3] == pytest.approx(10.0 * np.log10(spectra[9:12].mean(axis=0)), abs=1e-4)
    part = dynamics[60:90].astype(np.float64)
    assert crests[2] == pytest.approx(
        10.0 * np.log10(np.percentile(part, 99, axis=0) / part.mean(axis=0)), abs=1e-4
    )
    assert percentiles == pytest.approx(
        10.0 * np.log10(np.percentile(spectra, CHUNK_PERCENTILES, axis=0)), abs=1e-4
    )


def test_levels_only_move_with_gain() -> None:
    one, other = (analyse(Audio(samples=gain * _noise(8.0), sample_rate=RATE)).chunks for gain in (1.0, 0.5))
    assert np.array(one.mid_db) - np.array(other.mid_db) == pytest.approx(6.0206, abs=1e-3)
    assert np.array(one.crest_db) == pytest.approx(np.array(other.crest_db), abs=1e-3)


def test_an_albums_chunks_come_from_all_songs() -> None:
    songs = [analyse(Audio(samples=_noise(20.0, seed), sample_rate=RATE)).chunks for seed in (1, 2, 3)]
    album = joined(songs)
    assert len(album.mid_db) == MAX_CHUNKS
    for song in songs:
        assert set(song.mid_db) & set(album.mid_db)
    assert joined([Chunks(), Chunks()]) == Chunks()
    assert joined([songs[0], Chunks()]) == songs[0]
