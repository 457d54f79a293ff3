"""A rendered piece: exact length, exact repeat, in time, in tune, and like an unmastered mix."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from generation.piece import compose_piece, render_piece
from generation.render import STEMS, draw_sounds, render_score
from generation.score import Note, Part, Score, Section, pitch_hz
from mastering.audio import Stems
from mastering.errors import ParameterError

RATE = 44_100
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def pieces() -> dict[int, Stems]:
    return {seed: render_piece(seed) for seed in SEEDS}


def _play(name: str, notes: list[Note], duration_s: float) -> np.ndarray:
    """One stem of a score that has only these notes; 60 beats a minute, so beats are seconds."""
    names = [part for parts in STEMS.values() for part in parts]
    score = Score(
        tempo_bpm=60,
        key="C major",
        sections=(Section(name="verse", start_beats=0.0, length_beats=duration_s),),
        parts=tuple(Part(name=part, notes=tuple(notes) if part == name else ()) for part in names),
    )
    rng = np.random.default_rng(4)
    stems = render_score(score, draw_sounds(rng), rng, duration_s=duration_s, sample_rate=RATE)
    return next(stems.parts[stem].samples for stem, parts in STEMS.items() if name in parts)


def test_the_same_seed_gives_the_same_samples() -> None:
    first, second = render_piece(8, 5.0), render_piece(8, 5.0)
    for name, audio in first.parts.items():
        assert np.array_equal(audio.samples, second.parts[name].samples)


def test_seeds_differ(pieces: dict[int, Stems]) -> None:
    one, two = pieces[1].mix().samples, pieces[2].mix().samples
    assert abs(np.corrcoef(one[0], two[0])[0, 1]) < 0.2


@pytest.mark.parametrize(("duration_s", "rate"), [(1.0, 44_100), (2.5, 48_000), (3.0, 8_000), (2.0, 96_000)])
def test_length_and_rate_are_exact(duration_s: float, rate: int) -> None:
    mix = render_piece(2, duration_s, rate).mix()
    assert (mix.sample_rate, mix.channels, mix.frames) == (rate, 2, round(duration_s * rate))
    assert np.abs(mix.samples).max() > 0.01


def test_stems_sum_to_the_mix(pieces: dict[int, Stems]) -> None:
    stems = pieces[1]
    assert list(stems.parts) == ["drums", "bass", "chords", "lead"]
    total = sum(audio.samples.astype(np.float64) for audio in stems.parts.values())
    assert np.abs(stems.mix().samples - total).max() < 1e-6
    assert all(np.sqrt(np.mean(audio.samples**2)) > 0.005 for audio in stems.parts.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_it_measures_like_an_unmastered_mix(pieces: dict[int, Stems], seed: int) -> None:
    samples = pieces[seed].mix().samples
    loudness = pyloudnorm.Meter(RATE, filter_class="DeMan").integrated_loudness(samples.T.astype(np.float64))
    peak_db = 20.0 * np.log10(np.abs(samples).max())
    assert -21.5 < loudness < -19.0
    assert -10.0 < peak_db <= -3.4
    assert peak_db - loudness > 10.0
    assert abs(samples.mean()) < 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_its_spectrum_tilts_like_music(pieces: dict[int, Stems], seed: int) -> None:
    mid = pieces[seed].mix().samples.mean(axis=0)
    power = np.abs(np.fft.rfft(mid)) ** 2
    frequency_hz = np.fft.rfftfreq(mid.size, 1.0 / RATE)
    centres = 1_000.0 * 10.0 ** (np.arange(-10, 11) / 10.0)
    edges = 10.0**0.05
    density_db = [
        10.0 * np.log10(power[(frequency_hz >= c / edges) & (frequency_hz < c * edges)].mean())
        for c in centres
    ]
    slope = np.polyfit(np.log2(centres), density_db, 1)[0]
    assert -6.5 < slope < -4.0


@pytest.mark.parametrize("seed", SEEDS)
def test_bass_is_mono_and_the_rest_is_wide_but_holds_in_mono(pieces: dict[int, Stems], seed: int) -> None:
    parts = pieces[seed].parts
    assert np.array_equal(parts["bass"].samples[0], parts["bass"].samples[1])
    assert 0.2 < np.corrcoef(parts["chords"].samples)[0, 1] < 0.95
    assert 0.5 < np.corrcoef(pieces[seed].mix().samples)[0, 1] < 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_sections_grow_louder(pieces: dict[int, Stems], seed: int) -> None:
    score, samples = compose_piece(seed), pieces[seed].mix().samples
    levels = []
    for section in score.sections:
        start, end = (
            round(score.seconds(beats) * RATE)
            for beats in (section.start_beats, section.start_beats + section.length_beats)
        )
        levels.append(20.0 * np.log10(np.sqrt(np.mean(samples[:, start:end] ** 2))))
    assert [section.name for section in score.sections] == ["intro", "verse", "chorus"]
    assert levels[0] + 2.0 < levels[1]
    assert levels[1] + 0.8 < levels[2]


def test_kicks_start_on_the_frame_the_score_says() -> None:
    starts = [0.5, 2.51, 4.7503]
    notes = [Note(start_beats=start, length_beats=0.25, pitch=36) for start in starts]
    drums = _play("kick", notes, 7.0)
    assert np.array_equal(drums[0], drums[1])
    for start in starts:
        onset = round(start * RATE)
        assert np.abs(drums[0, onset - 400 : onset]).max() < 1e-6
        assert np.abs(drums[0, onset : onset + 100]).max() > 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_kicks_of_a_whole_piece_are_where_the_score_has_them(pieces: dict[int, Stems], seed: int) -> None:
    score, drums = compose_piece(seed), pieces[seed].parts["drums"].samples[0]
    spectrum = np.fft.rfft(drums)
    spectrum[np.fft.rfftfreq(drums.size, 1.0 / RATE) > 110.0] = 0.0
    low = np.fft.irfft(spectrum, n=drums.size) ** 2
    gains = []
    for note in score.part("kick").notes:
        onset = round(score.seconds(note.start_beats) * RATE)
        gains.append(low[onset : onset + 1_300].sum() / (low[max(0, onset - 1_300) : onset].sum() + 1e-9))
    assert np.mean(np.array(gains) > 4.0) > 0.95


@pytest.mark.parametrize("pitch", [28, 33, 40, 47])
def test_bass_is_in_tune(pitch: int) -> None:
    bass = _play("bass", [Note(start_beats=0.0, length_beats=5.0, pitch=pitch)], 6.0)[0, 4_410 : 5 * RATE]
    wanted_hz = pitch_hz(pitch)
    spectrum = np.abs(np.fft.rfft(bass * np.hanning(bass.size), n=8 * bass.size))
    bin_hz = RATE / (8 * bass.size)
    around = slice(int(wanted_hz * 0.9 / bin_hz), int(wanted_hz * 1.1 / bin_hz))
    found_hz = (around.start + int(np.argmax(spectrum[around]))) * bin_hz
    assert abs(1200.0 * np.log2(found_hz / wanted_hz)) < 5.0


@pytest.mark.parametrize("name", ["pad", "pluck", "lead"])
def test_tuned_voices_are_in_tune(name: str) -> None:
    sound = _play(name, [Note(start_beats=0.0, length_beats=2.0, pitch=69)], 3.0).mean(axis=0)[: 2 * RATE]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) ** 2
    near = np.arange(2 * 425, 2 * 455)
    centroid_hz = np.sum(near * spectrum[near]) / np.sum(spectrum[near]) / 2.0
    assert abs(1200.0 * np.log2(centroid_hz / 440.0)) < 8.0


def test_harder_notes_are_louder() -> None:
    soft, hard = (
        _play(
            "bass",
            [
                Note(start_beats=0.0, length_beats=1.0, pitch=36, velocity=velocity),
                Note(start_beats=2.0, length_beats=1.0, pitch=36, velocity=0.9),
            ],
            4.0,
        )
        for velocity in (0.3, 0.9)
    )
    ratios = [np.mean(x[0, :RATE] ** 2) / np.mean(x[0, 2 * RATE : 3 * RATE] ** 2) for x in (soft, hard)]
    assert ratios[0] < 0.3
    assert ratios[1] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"duration_s": 0.5}, {"duration_s": float("nan")}, {"sample_rate": 4_000}]
)
def test_wrong_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        render_piece(**wrong)  # type: ignore[arg-type]
