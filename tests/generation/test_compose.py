"""The score: form, harmony and rhythm obey music, not chance."""

from __future__ import annotations

import numpy as np
import pytest

from generation.compose import compose
from generation.harmony import SCALES, Key, chord_on, voice
from generation.rhythm import BASS_LINES, FILLS, GROOVES, STEPS
from generation.score import BEATS_PER_BAR, Note, Score, pitch_hz
from mastering.errors import ParameterError


def _score(seed: int, duration_s: float = 30.0) -> Score:
    return compose(np.random.default_rng(seed), duration_s=duration_s)


def test_same_generator_state_writes_the_same_score() -> None:
    assert _score(5) == _score(5)


def test_seeds_differ_in_key_tempo_and_notes() -> None:
    scores = [_score(seed) for seed in range(24)]
    assert len({score.key for score in scores}) >= 8
    assert len({score.key.split()[1] for score in scores}) == 2
    assert len({score.tempo_bpm for score in scores}) >= 12
    assert len({score.part("lead").notes for score in scores}) == 24
    assert all(84 <= score.tempo_bpm <= 128 for score in scores)


@pytest.mark.parametrize("duration_s", [1.0, 4.0, 9.0, 30.0, 61.0, 200.0])
def test_form_covers_the_piece_without_gaps(duration_s: float) -> None:
    score = _score(3, duration_s)
    ends = [section.start_beats + section.length_beats for section in score.sections]
    starts = [section.start_beats for section in score.sections]
    assert starts == [0.0, *ends[:-1]]
    assert all(section.length_beats % BEATS_PER_BAR == 0 for section in score.sections)
    assert score.sections[-1].name == "chorus"
    bar_s = score.seconds(BEATS_PER_BAR)
    assert score.seconds(ends[-1]) <= max(duration_s, bar_s)
    assert duration_s - score.seconds(ends[-1]) < 1.8 + bar_s


@pytest.mark.parametrize("seed", range(6))
def test_bass_plays_the_root_on_the_first_beat_and_stays_low(seed: int) -> None:
    score = _score(seed)
    bass = score.part("bass").notes
    assert all(24 <= note.pitch <= 52 for note in bass)
    downbeats = {round(n.start_beats): n.pitch % 12 for n in bass if abs(n.start_beats % 4.0) < 0.05}
    for note in score.part("pad").notes:
        bar = round(note.start_beats)
        if bar in downbeats:
            voicing = {n.pitch % 12 for n in score.part("pad").notes if round(n.start_beats) == bar}
            assert downbeats[bar] in voicing


@pytest.mark.parametrize("seed", range(6))
def test_melody_has_chord_tones_on_the_beat_and_scale_tones_between(seed: int) -> None:
    score = _score(seed)
    tonic, mode = score.key.split()
    names = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
    scale = {(names.index(tonic) + step) % 12 for step in SCALES[mode]}
    for note in score.part("lead").notes:
        bar = BEATS_PER_BAR * ((note.start_beats + 0.1) // BEATS_PER_BAR)
        chord = {n.pitch % 12 for n in score.part("pad").notes if abs(n.start_beats - bar) < 0.1}
        assert note.pitch % 12 in scale | chord
        if abs(note.start_beats - round(note.start_beats)) < 0.03:
            assert note.pitch % 12 in chord


def test_drums_sit_on_sixteenths_but_for_swing_and_hands() -> None:
    for seed in range(6):
        for note in _score(seed).part("kick").notes:
            grid = round(note.start_beats * 4.0) / 4.0
            assert abs(note.start_beats - grid) < 0.07


def test_chorus_has_more_layers_than_verse_than_intro() -> None:
    score = _score(1)
    density = []
    for section in score.sections:
        end = section.start_beats + section.length_beats
        count = sum(
            section.start_beats <= note.start_beats < end for part in score.parts for note in part.notes
        )
        density.append(count / section.length_beats)
    assert [section.name for section in score.sections] == ["intro", "verse", "chorus"]
    assert density[0] < density[1] < density[2]


def test_every_pattern_is_one_bar_long() -> None:
    bars = [getattr(g, f) for g in GROOVES for f in ("kick", "snare", "hat", "chorus_kick", "chorus_hat")]
    bars += [g.open_hat for g in GROOVES] + list(FILLS) + list(BASS_LINES)
    assert {len(bar) for bar in bars} == {STEPS}


def test_dominant_of_a_minor_key_is_major() -> None:
    key = Key(tonic=9, mode="minor")  # A minor: E G# B
    assert chord_on(key, 5).pitch_classes == (4, 8, 11)
    assert chord_on(key, 1, sizes=4).pitch_classes == (9, 0, 4, 7)


def test_voicings_move_little() -> None:
    key = Key(tonic=0, mode="major")
    voicing: tuple[int, ...] = ()
    for degree in (1, 5, 6, 4, 2, 5, 1):
        chord = chord_on(key, degree)
        following = voice(chord, voicing)
        assert {pitch % 12 for pitch in following} == set(chord.pitch_classes)
        if voicing:
            assert sum(abs(a - b) for a, b in zip(following, voicing, strict=True)) <= 7
        voicing = following


def test_notes_outside_midi_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"Note.pitch=128: allowed 0..127"):
        Note(start_beats=0.0, length_beats=1.0, pitch=128)
    with pytest.raises(ParameterError, match="no part named 'trombone'"):
        _score(1).part("trombone")


def test_pitch_is_equal_tempered() -> None:
    assert pitch_hz(57) == pytest.approx(220.0)
    assert pitch_hz(60) == pytest.approx(261.6256, abs=1e-4)
