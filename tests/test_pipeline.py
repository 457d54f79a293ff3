"""The pipeline in memory: loudness reached, ceiling held, relative levels of an album kept."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest

from generation.piece import render_piece
from mastering.audio import Audio
from mastering.library import load_style
from mastering.measure.features import analyse
from mastering.pipeline import Held, album_features, loudest_stretch, master
from mastering.ports import MatchRequest
from mastering.prefetch import prefetched
from mastering.styles import Limits
from mastering.target import DeliverySpec


@pytest.fixture(scope="module")
def mix() -> Audio:
    return render_piece(seed=3, duration_s=12.0).mix()


@pytest.fixture(scope="module")
def other() -> Audio:
    return render_piece(seed=8, duration_s=12.0).mix()


@pytest.mark.parametrize("lufs", [-23.0, -14.0, -10.0])
def test_loudness_and_ceiling_together(mix: Audio, lufs: float) -> None:
    request = MatchRequest(
        features=analyse(mix), delivery=DeliverySpec(integrated_lufs=lufs, ceiling_dbtp=-1.0), limits=Limits()
    )
    done = master(mix, request)
    assert done.after.integrated_lufs == pytest.approx(lufs, abs=0.05)
    assert done.after.true_peak_dbtp <= -1.0 + 0.02
    assert done.audio.samples.shape == mix.samples.shape


def test_a_reference_is_come_closer_to(mix: Audio, other: Audio) -> None:
    goal = analyse(other)
    request = MatchRequest(
        features=analyse(mix),
        references=(goal,),
        amount_percent=100.0,
        limits=Limits(max_boost_db=12.0, max_cut_db=12.0, max_side_boost_db=12.0, max_width_change_db=12.0),
    )
    done = master(mix, request)

    def distance(name: str, features: object) -> float:
        difference = np.array(getattr(features, name))[2:30] - np.array(getattr(goal, name))[2:30]
        return float(np.abs(difference - difference.mean()).mean())

    assert distance("band_levels_mid_db", done.after) < 0.5 * distance("band_levels_mid_db", done.before)
    assert done.after.integrated_lufs == pytest.approx(goal.integrated_lufs, abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_the_ceiling_holds_at_the_delivered_rate(mix: Audio, rate: int) -> None:
    spec = DeliverySpec(integrated_lufs=-9.0, ceiling_dbtp=-1.0, sample_rate=rate)
    request = MatchRequest(
        features=analyse(mix), delivery=spec, style=load_style("loud"), limits=load_style("loud").limits
    )
    done = master(mix, request)
    assert done.audio.sample_rate == rate
    assert done.after.true_peak_dbtp <= -1.0 + 0.02


def test_the_style_is_rendered_the_same_way_twice(mix: Audio) -> None:
    style = load_style("warm")
    request = MatchRequest(features=analyse(mix), style=style, limits=style.limits)
    first, second = master(mix, request), master(mix, request)
    assert first.chain == second.chain
    assert np.array_equal(first.audio.samples, second.audio.samples)


def test_album_features_lie_between_the_songs(mix: Audio, other: Audio) -> None:
    songs = [analyse(mix), analyse(other)]
    album = album_features(songs)
    low, high = sorted(song.integrated_lufs for song in songs)
    assert low <= album.integrated_lufs <= high
    assert album.duration_s == pytest.approx(24.0)
    assert album.true_peak_dbtp == max(song.true_peak_dbtp for song in songs)
    assert album_features(songs[:1]) is songs[0]


def test_held_blocks_are_the_sources(mix: Audio) -> None:
    for budget in (0, 1 << 30):
        held = Held(mix, budget)
        for _ in range(2):
            assert np.array_equal(np.concatenate(list(held.blocks()), axis=1), mix.samples)


def test_prefetching_keeps_order_errors_and_threads() -> None:
    assert list(prefetched(iter(range(50)))) == list(range(50))

    def failing() -> object:
        yield 1
        raise ValueError("from the other thread")

    with pytest.raises(ValueError, match="other thread"):
        list(prefetched(failing()))
    before = threading.active_count()
    half_read = prefetched(itertools.count())
    next(half_read)
    half_read.close()
    time.sleep(0.05)
    assert threading.active_count() == before


def test_the_loudest_stretch_is_found() -> None:
    rng = np.random.default_rng(0)
    samples = (0.02 * rng.standard_normal((2, 30 * 8_000))).astype(np.float32)
    samples[:, 14 * 8_000 : 22 * 8_000] *= 6.0
    piece = Audio(samples=samples, sample_rate=8_000)
    stretch = loudest_stretch(piece, analyse(piece), seconds=6.0)
    assert stretch.frames == 6 * 8_000
    assert float(np.sqrt(np.mean(stretch.samples**2))) == pytest.approx(0.12, rel=0.05)


@pytest.mark.parametrize("seconds", [0.3, 2.0, 9.9, 10.0, 12.5])
def test_a_short_piece_is_its_own_loudest_stretch(seconds: float) -> None:
    samples = (0.1 * np.random.default_rng(1).standard_normal((1, int(seconds * 8_000)))).astype(np.float32)
    piece = Audio(samples=samples, sample_rate=8_000)
    stretch = loudest_stretch(piece, analyse(piece), seconds=10.0)
    assert stretch.frames == min(piece.frames, 10 * 8_000)


def test_an_albums_chunks_come_from_its_songs(mix: Audio, other: Audio) -> None:
    songs = [analyse(mix), analyse(other)]
    album = album_features(songs)
    assert set(album.chunks.mid_db) <= set(songs[0].chunks.mid_db) | set(songs[1].chunks.mid_db)
    assert set(album.chunks.mid_db) & set(songs[1].chunks.mid_db)
