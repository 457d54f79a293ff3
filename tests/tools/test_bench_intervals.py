"""The bootstrap over songs: whole songs are drawn, and the intervals cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest

intervals = pytest.importorskip("intervals", reason="tools/bench is not at hand")


def test_a_redraw_takes_songs_whole() -> None:
    clusters = ["a", "b", "a", "c", "c", "c"]
    for rows in intervals.redraws(clusters, resamples=50):
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[2]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3


def test_redraws_repeat_from_their_seed() -> None:
    first, second = (intervals.redraws(["a", "b", "c"], 20) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_interval_of_a_median_covers_the_truth_19_times_of_20() -> None:
    rng = np.random.default_rng(1)
    songs = [str(i) for i in range(27)]
    draws = intervals.redraws(songs, 400)
    hits = 0
    for _ in range(200):
        found = intervals.estimate(rng.normal(3.0, 1.0, 27), draws)
        hits += found.low <= 3.0 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_cases_of_one_song_count_as_one_where_they_agree() -> None:
    rng = np.random.default_rng(2)
    by_song = rng.normal(0.0, 1.0, 20)
    values = np.repeat(by_song, 5)
    clustered = intervals.estimate(values, intervals.redraws([str(i // 5) for i in range(100)]))
    alone = intervals.estimate(values, intervals.redraws([str(i) for i in range(100)]))
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)


def test_estimate_of_a_constant_has_no_width() -> None:
    found = intervals.estimate(np.full(8, 1.5), intervals.redraws(list("abcdefgh")))
    assert (found.value, found.low, found.high) == (1.5, 1.5, 1.5)
    assert str(found) == "1.50 [1.50, 1.50]"


def test_ratio_of_medians_on_the_same_redraws() -> None:
    values = np.random.default_rng(3).uniform(1.0, 4.0, 30)
    found = intervals.ratio(0.5 * values, values, intervals.redraws([str(i) for i in range(30)]))
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_win_rate_counts_ties_half() -> None:
    assert intervals.win_rate(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 2.0, 2.0])) == 0.375
