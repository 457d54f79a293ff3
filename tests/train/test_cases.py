"""Training cases tell the truth: what curves do to frames is what a filter does to audio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from generation.piece import render_piece
from mastering.audio import Audio
from mastering.chain import LinearPhaseEq
from mastering.host.render import render
from mastering.match.evidence import Evidence, piece_of
from mastering.match.tone import JUDGED
from mastering.measure.features import analyse
from mastering.train import curves, degrade, pairs, stretches, takes

RATE = 44_100


@pytest.fixture(scope="module")
def song() -> Audio:
    return render_piece(seed=5, duration_s=24.0, sample_rate=RATE).mix()


@pytest.fixture(scope="module")
def take(song: Audio) -> takes.Take:
    return takes.measure([song, degrade.degrade(song, np.random.default_rng(3))], "band")


def test_a_whole_take_measures_as_its_audio(song: Audio, take: takes.Take) -> None:
    """The stretch that is everything gives the evidence of the measured file."""
    ours = stretches.stretch_of(take, (slice(0, take.frames),), stretches.NOTHING).piece
    theirs = piece_of(analyse(song))
    assert np.abs(ours.mid - theirs.mid)[JUDGED].max() < 0.1
    assert np.abs(ours.side_to_mid - theirs.side_to_mid)[JUDGED].max() < 0.2
    assert np.abs(ours.crest - theirs.crest).max() < 0.2
    assert ours.integrated_lufs == pytest.approx(theirs.integrated_lufs, abs=0.2)
    assert ours.plr_db == pytest.approx(theirs.plr_db, abs=0.3)


def test_a_curve_on_frames_is_the_curve_on_audio(song: Audio, take: takes.Take) -> None:
    gains = curves.smooth(np.random.default_rng(1))
    points = tuple(round(float(f), 2) for f in curves.CENTRES_HZ)
    gain_db = tuple(gains.tolist())
    filtered = render(
        song, (LinearPhaseEq(frequencies_hz=points, mid_gain_db=gain_db, side_gain_db=gain_db),)
    )
    heard = piece_of(analyse(filtered))
    change = stretches.Change(version=0, mid=gains, side=gains)
    computed = stretches.stretch_of(take, (slice(0, take.frames),), change).piece
    # Energy is not even inside a third octave, so a steep curve is met to a few tenths.
    assert np.abs(computed.mid - heard.mid)[JUDGED].mean() < 0.15
    # A wide band gets one gain: kick and bass inside the lowest one move against each other unseen.
    assert np.abs(computed.crest - heard.crest).max() < 1.0


@pytest.mark.parametrize("kind", list(pairs.KINDS))
def test_every_kind_of_case_is_finite(take: takes.Take, kind: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        case = pairs.draw_case([take], rng, kind)
        assert case.kind == kind
        for name in Evidence.__slots__:
            assert np.isfinite(getattr(case.evidence, name)).all(), name
        assert np.isfinite(case.truth).all()
        assert np.isfinite(case.crest).all()


def test_where_there_is_nothing_to_do_the_truth_is_nothing(take: takes.Take) -> None:
    rng = np.random.default_rng(8)
    for _ in range(10):
        case = pairs.draw_case([take], rng, "leave")
        assert np.abs(case.truth).max() < 1e-4
        assert np.abs(case.crest).max() < 1e-4
        assert abs(case.plr) < 1e-4


def test_a_degraded_stretch_has_something_to_undo(take: takes.Take) -> None:
    rng = np.random.default_rng(9)
    sizes = [np.abs(pairs.draw_case([take], rng, "undo").truth[0, JUDGED]).mean() for _ in range(30)]
    assert 0.5 < float(np.median(sizes)) < 6.0


def test_stretches_share_no_frame(take: takes.Take) -> None:
    rng = np.random.default_rng(10)
    for frames in (30, 60, take.frames):
        short = replace(take, spectra=take.spectra[:, :frames])
        for _ in range(50):
            first, second = (
                [frame for turn in span for frame in range(turn.start, turn.stop)]
                for span in stretches.draw_spans(short, rng)
            )
            assert not set(first) & set(second)
            assert set(first) | set(second) <= set(range(frames))
            assert min(len(first), len(second)) >= 8


def test_the_same_generator_gives_the_same_case(take: takes.Take) -> None:
    one, other = (pairs.draw_case([take], np.random.default_rng(11)) for _ in range(2))
    assert np.array_equal(one.evidence.bands, other.evidence.bands)
    assert np.array_equal(one.truth, other.truth)


def test_takes_survive_the_disk(take: takes.Take, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "take.npz"
    takes.save(take, path)
    again = takes.load(path)
    assert again.family == take.family
    assert np.array_equal(again.spectra, take.spectra)
    assert [p.name for p in tmp_path.iterdir()] == ["take.npz"]


@pytest.mark.parametrize("family", list(degrade.FAMILIES))
def test_each_family_changes_the_sound_and_stays_finite(song: Audio, family: str) -> None:
    short = Audio(samples=song.samples[:, : 4 * RATE], sample_rate=RATE)
    changed = degrade.FAMILIES[family](short, np.random.default_rng(2))
    assert changed.samples.shape == short.samples.shape
    assert np.isfinite(changed.samples).all()
    assert np.abs(changed.samples - short.samples).max() > 1e-4


@pytest.mark.parametrize(
    "family", [curves.smooth, curves.tilt, curves.resonances, curves.passes, curves.tone]
)
def test_curves_are_repeatable_and_bounded(family) -> None:  # type: ignore[no-untyped-def]
    one, other = family(np.random.default_rng(4)), family(np.random.default_rng(4))
    assert np.array_equal(one, other)
    assert one.shape == (31,)
    assert np.isfinite(one).all()


def test_a_resonance_is_the_filter_it_names() -> None:
    """Mean gain in the octave around the peak equals the filter's magnitude there."""
    curve = curves._mean_db("peak", 1_000.0, 6.0, 0.7)
    centre = int(np.abs(curves.CENTRES_HZ - 1_000.0).argmin())
    assert curve[centre] == pytest.approx(6.0, abs=0.1)
    assert abs(curve[2]) < 0.1
