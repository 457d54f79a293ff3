"""Evidence: what the network sees depends on the sound, not on the level, and survives odd pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.chain import EqBand, Equalizer
from mastering.dsp.biquad import design, magnitude_db
from mastering.host.render import render
from mastering.match.evidence import (
    BAND_FEATURES,
    CHUNK_FEATURES,
    MAX_CHUNKS,
    SCALARS,
    Evidence,
    joined,
    piece_of,
    weigh,
)
from mastering.match.tone import CENTRES_HZ, JUDGED
from mastering.measure.features import Features, analyse
from tests.match.conftest import make_features

RATE = 44_100


def _music(seed: int, seconds: float = 12.0) -> Audio:
    """Noise bursts over a quieter bed: something with chunks that differ."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * RATE)) / RATE
    white = rng.standard_normal((2, len(time_s) + 63))
    dark = sum(0.8**lag * white[:, lag : lag + len(time_s)] for lag in range(24))
    bright = np.diff(rng.standard_normal((2, len(time_s))), prepend=0.0)
    total = dark * (0.2 + np.abs(np.sin(1.6 * time_s)) ** 8) + bright * np.abs(np.sin(0.4 * time_s)) ** 4
    return Audio(samples=(0.4 * total / np.abs(total).max()).astype(np.float32), sample_rate=RATE)


@pytest.fixture(scope="module")
def pieces() -> tuple[Features, Features]:
    return analyse(_music(1)), analyse(_music(2))


def _case(own: Features, reference: Features) -> Evidence:
    return weigh(piece_of(own), [piece_of(reference)])


def test_shapes(pieces: tuple[Features, Features]) -> None:
    case = _case(*pieces)
    assert case.bands.shape == (31, BAND_FEATURES)
    assert case.own_chunks.shape == case.reference_chunks.shape == (MAX_CHUNKS, CHUNK_FEATURES)
    assert case.scalars.shape == (SCALARS,)
    assert case.wanted.shape == case.trusted.shape == (2, 31)


def test_level_of_either_piece_changes_nothing_but_the_two_loudness_numbers(
    pieces: tuple[Features, Features],
) -> None:
    louder = Audio(samples=2.0 * _music(1).samples, sample_rate=RATE)
    before, after = _case(*pieces), _case(analyse(louder), pieces[1])
    for name in ("bands", "own_chunks", "reference_chunks", "own_levels", "wanted"):
        assert np.abs(getattr(before, name) - getattr(after, name)).max() < 2e-3, name
    moved = np.flatnonzero(np.abs(before.scalars - after.scalars) > 1e-3)
    assert moved.tolist() == [2]  # the input's loudness
    assert after.scalars[2] - before.scalars[2] == pytest.approx(0.602, abs=1e-3)


def test_an_equaliser_on_the_reference_is_the_wanted_difference() -> None:
    piece = _music(3)
    band = EqBand(frequency_hz=1_000.0, gain_db=6.0, q=0.7)
    changed = render(piece, (Equalizer(mid=(band,), side=(band,)),))
    case = _case(analyse(piece), analyse(changed))
    curve = magnitude_db(design("peak", 1_000.0, 6.0, 0.7, RATE), CENTRES_HZ, RATE)
    expected = curve[JUDGED] - curve[JUDGED].mean()
    assert np.abs(case.wanted[0, JUDGED] - expected).max() < 0.25
    assert np.abs(case.wanted[1, JUDGED]).max() < 0.05
    # Every chunk moved alike, so their deviations from the mean did not move.
    assert np.abs(case.own_chunks - case.reference_chunks).max() < 0.1


def test_a_piece_against_itself_asks_for_nothing(pieces: tuple[Features, Features]) -> None:
    case = _case(pieces[0], pieces[0])
    assert np.abs(case.wanted).max() < 1e-5
    assert np.array_equal(case.own_chunks, case.reference_chunks)


def test_features_without_chunks_count_as_one_chunk() -> None:
    case = _case(make_features(), make_features())
    assert case.own_mask.sum() == case.reference_mask.sum() == 1.0


def test_several_references_are_their_mean_and_all_of_their_chunks(pieces: tuple[Features, Features]) -> None:
    first, second = map(piece_of, pieces)
    both = joined([first, second])
    assert np.allclose(both.mid, 0.5 * (first.mid + second.mid))
    assert len(both.chunks_mid) == MAX_CHUNKS
    assert both.duration_s == first.duration_s + second.duration_s


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 5 * RATE), np.float32),
        np.zeros((1, 5 * RATE), np.float32),
        np.zeros((2, 0), np.float32),
        np.eye(2, 1000, dtype=np.float32),
        np.repeat(_music(4, 3.0).samples[:1], 2, axis=0),
        np.full((1, 44_100), 0.5, np.float32),
    ],
    ids=["silence", "mono silence", "no frames", "a click", "mono in stereo", "direct current"],
)
def test_odd_pieces_give_finite_numbers(samples: np.ndarray, pieces: tuple[Features, Features]) -> None:
    odd = analyse(Audio(samples=samples, sample_rate=RATE))
    for case in (_case(odd, pieces[0]), _case(pieces[0], odd), _case(odd, odd)):
        for name in Evidence.__slots__:
            assert np.isfinite(getattr(case, name)).all(), name


def test_a_mono_piece_has_no_trusted_side(pieces: tuple[Features, Features]) -> None:
    mono = analyse(Audio(samples=_music(5).samples[:1], sample_rate=RATE))
    case = _case(mono, pieces[0])
    assert case.trusted[1].sum() == 0.0
    assert np.abs(case.wanted[1]).max() == 0.0


def test_bands_above_the_bandwidth_are_not_trusted(pieces: tuple[Features, Features]) -> None:
    narrow = replace(pieces[0], bandwidth_hz=7_000.0)
    case = _case(narrow, pieces[1])
    assert case.trusted[0, CENTRES_HZ > 7_000.0].sum() == 0.0
    assert case.trusted[0, (CENTRES_HZ > 100.0) & (CENTRES_HZ < 5_000.0)].all()
