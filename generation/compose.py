"""Seeded composition: key, tempo, form and harmony are drawn, arranged and played by human hands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from generation.arrange import Bar, Ideas, arrange
from generation.harmony import Key, chord_on, draw_key, draw_progression
from generation.melody import draw_motifs
from generation.rhythm import BASS_LINES, FILLS, GROOVES
from generation.score import BEATS_PER_BAR, Note, Part, Score, Section

__all__ = ["compose"]

SLOWEST_BPM, FASTEST_BPM = 84, 128
RING_OUT_S, TAIL_S = 1.8, 0.9
"""Shortest time for the last chord, and what of it is left to its release and the room."""

TIMING_BEATS = {"kick": 0.003, "bass": 0.005, "crash": 0.003, "pad": 0.01}
"""Standard deviation of human timing; other parts have 0.008 beats (about 5 ms)."""


def compose(rng: np.random.Generator, *, duration_s: float) -> Score:
    """Write a piece that fills `duration_s`: intro, verses, choruses and a last chord that rings out."""
    tempo_bpm = int(rng.integers(SLOWEST_BPM, FASTEST_BPM + 1))
    bar_s = BEATS_PER_BAR * 60.0 / tempo_bpm
    form = _form(max(1, int((duration_s - RING_OUT_S) / bar_s)))
    ideas = _draw_ideas(rng)
    bars = _lay_out(rng, form, ideas.key)
    left_s = duration_s - len(bars) * bar_s
    lines = arrange(bars, ideas, ending_beats=max(1.0, (left_s - TAIL_S) * tempo_bpm / 60.0))
    parts = tuple(_humanise(rng, name, notes, ideas.swing) for name, notes in lines.items())
    return Score(tempo_bpm=tempo_bpm, key=ideas.key.name, sections=_sections(form), parts=parts)


def _form(bars: int) -> list[tuple[str, int]]:
    """(section, bars): a short piece has one verse and one chorus, a long one alternates eights."""
    if bars < 6:
        return [("verse", bars // 2), ("chorus", bars - bars // 2)] if bars > 1 else [("chorus", bars)]
    if bars < 24:
        return (
            [("intro", 2), ("verse", 4), ("chorus", bars - 6)]
            if bars >= 8
            else [("verse", 2), ("chorus", bars - 2)]
        )
    form = [("intro", 4)]
    left = bars - 4
    while left >= 24:
        form += [("verse", 8), ("chorus", 8)]
        left -= 16
    return [*form, ("verse", left // 2), ("chorus", left - left // 2)]


def _sections(form: list[tuple[str, int]]) -> tuple[Section, ...]:
    sections = []
    bar = 0
    for name, bars in form:
        beats = (float(bar * BEATS_PER_BAR), float(bars * BEATS_PER_BAR))
        sections.append(Section(name=name, start_beats=beats[0], length_beats=beats[1]))
        bar += bars
    return tuple(sections)


def _draw_ideas(rng: np.random.Generator) -> Ideas:
    lines = rng.permutation(len(BASS_LINES))
    return Ideas(
        key=draw_key(rng),
        groove=GROOVES[int(rng.integers(len(GROOVES)))],
        swing=float(rng.choice((0.0, 0.0, 0.08, 0.16, 0.24))),
        bass_lines={"verse": BASS_LINES[int(lines[0])], "chorus": BASS_LINES[int(lines[1])]},
        arpeggio=tuple(int(i) for i in rng.integers(0, 4, size=8)),
        fill=FILLS[int(rng.integers(len(FILLS)))],
        intro_hat=bool(rng.integers(2)),
    )


def _lay_out(rng: np.random.Generator, form: list[tuple[str, int]], key: Key) -> list[Bar]:
    degrees = {"verse": draw_progression(rng, key), "chorus": draw_progression(rng, key)}
    degrees["intro"] = degrees["verse"]
    size = int(rng.choice((3, 4)))
    motifs = {"verse": draw_motifs(rng, lively=False), "chorus": draw_motifs(rng, lively=True)}
    motifs["intro"] = motifs["verse"]
    plan = [(name, i, i == count - 1) for name, count in form for i in range(count)]
    chords = [chord_on(key, degrees[name][i % 4], sizes=size) for name, i, _ in plan]
    chords[-1] = chord_on(key, 5, sizes=size) if len(plan) > 1 else chords[-1]
    chords.append(chord_on(key, 1, sizes=size))
    return [
        Bar(
            index=index,
            section=name,
            chord=chords[index],
            following=chords[index + 1],
            motif=motifs[name][i % 4],
            opens=i == 0,
            closes=last,
        )
        for index, (name, i, last) in enumerate(plan)
    ]


def _humanise(rng: np.random.Generator, name: str, notes: list[Note], swing: float) -> Part:
    """Swing the off-sixteenths, then move every note and velocity as a player would."""
    spread = TIMING_BEATS.get(name, 0.008)
    ordered = sorted(notes, key=lambda note: (note.start_beats, note.pitch))
    drift = np.clip(rng.normal(0.0, 1.0, len(ordered)), -2.5, 2.5) * spread
    touch = np.clip(rng.normal(0.0, 0.05, len(ordered)), -0.12, 0.12)
    played = [
        replace(
            note,
            start_beats=max(0.0, note.start_beats + _swung(note.start_beats, swing) + float(drift[i])),
            velocity=float(np.clip(note.velocity + touch[i], 0.05, 1.0)),
        )
        for i, note in enumerate(ordered)
    ]
    return Part(name=name, notes=tuple(sorted(played, key=lambda note: note.start_beats)))


def _swung(start_beats: float, swing: float) -> float:
    """Delay in beats of an odd sixteenth; `swing` is the share of a sixteenth."""
    return swing * 0.25 if round(start_beats * 4.0) % 2 == 1 else 0.0
