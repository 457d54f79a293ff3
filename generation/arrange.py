"""The players: what drums, bass, chords and lead play in each bar of the form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generation.harmony import Chord, Key, voice
from generation.melody import Motif, sing_bar
from generation.rhythm import STEPS, Groove, bass_steps, drum_steps
from generation.score import BEATS_PER_BAR, Note

__all__ = ["Bar", "Ideas", "arrange"]

LOWEST_BASS = 28
DRUM_KEYS = {"kick": 36, "snare": 38, "clap": 39, "hat": 42, "open_hat": 46, "crash": 49}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the form: where it is, its harmony and what follows."""

    index: int
    section: str
    chord: Chord
    following: Chord
    motif: Motif
    opens: bool
    closes: bool

    @property
    def start_beats(self) -> float:
        return float(self.index * BEATS_PER_BAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ideas:
    """What is drawn once for the whole piece."""

    key: Key
    groove: Groove
    swing: float
    bass_lines: dict[str, str]
    arpeggio: tuple[int, ...]
    fill: str
    intro_hat: bool


def arrange(bars: list[Bar], ideas: Ideas, *, ending_beats: float) -> dict[str, list[Note]]:
    """Every part's notes on the grid, before swing and human timing.

    A last tonic of `ending_beats` ends the piece on the beat after its bars.
    """
    lines = {
        **_drums(bars, ideas),
        "bass": _bass(bars, ideas),
        "pad": _pad(bars),
        "pluck": _pluck(bars, ideas),
        "lead": _lead(bars, ideas),
    }
    _end(lines, bars[-1], ideas.key, ending_beats)
    return lines


def _drums(bars: list[Bar], ideas: Ideas) -> dict[str, list[Note]]:
    lines: dict[str, list[Note]] = {name: [] for name in DRUM_KEYS}
    for bar in bars:
        for name, pattern in _drum_patterns(bar, ideas):
            for step, velocity in drum_steps(pattern):
                lines[name].append(_hit(name, bar.start_beats + step * BEATS_PER_BAR / STEPS, velocity))
    return lines


def _drum_patterns(bar: Bar, ideas: Ideas) -> Iterator[tuple[str, str]]:
    groove = ideas.groove
    chorus = bar.section == "chorus"
    snare = groove.snare[:8] + ideas.fill[8:] if bar.closes else groove.snare
    if bar.section == "intro":
        yield "hat", groove.hat if ideas.intro_hat else "." * STEPS
        yield "snare", ideas.fill if bar.closes else "." * STEPS
        return
    yield "kick", groove.chorus_kick if chorus else groove.kick
    yield "snare", snare
    yield "hat", groove.chorus_hat if chorus else groove.hat
    if chorus:
        yield "clap", groove.snare.replace("o", ".")
        yield "open_hat", groove.open_hat
    if bar.opens:
        yield "crash", "X" + "." * (STEPS - 1)


def _hit(name: str, start_beats: float, velocity: float) -> Note:
    return Note(start_beats=start_beats, length_beats=0.25, pitch=DRUM_KEYS[name], velocity=velocity)


def _bass(bars: list[Bar], ideas: Ideas) -> list[Note]:
    notes = []
    for bar in bars:
        if bar.section == "intro":
            continue
        root = LOWEST_BASS + (bar.chord.root - LOWEST_BASS) % 12
        target = LOWEST_BASS + (bar.following.root - LOWEST_BASS) % 12
        scale = [p for p in range(LOWEST_BASS - 4, LOWEST_BASS + 24) if p % 12 in ideas.key.pitch_classes]
        lead_in = max((p for p in scale if p < target), default=root)
        fifth = root + (bar.chord.pitch_classes[2] - root) % 12
        pitches = {"R": root, "O": root + 12, "F": fifth, "N": lead_in}
        for step, length, what in bass_steps(ideas.bass_lines[bar.section]):
            notes.append(
                Note(
                    start_beats=bar.start_beats + step * BEATS_PER_BAR / STEPS,
                    length_beats=length * BEATS_PER_BAR / STEPS * 0.92,
                    pitch=pitches[what],
                    velocity=0.85 if step % 4 == 0 else 0.7,
                )
            )
    return notes


def _pad(bars: list[Bar]) -> list[Note]:
    notes: list[Note] = []
    voicing: tuple[int, ...] = ()
    for bar in bars:
        voicing = voice(bar.chord, voicing)
        velocity = {"intro": 0.6, "verse": 0.55, "chorus": 0.85}[bar.section]
        notes += _block(bar.start_beats, float(BEATS_PER_BAR), voicing, velocity)
    return notes


def _block(start_beats: float, length_beats: float, pitches: tuple[int, ...], velocity: float) -> list[Note]:
    return [
        Note(start_beats=start_beats, length_beats=length_beats, pitch=pitch, velocity=velocity)
        for pitch in pitches
    ]


def _pluck(bars: list[Bar], ideas: Ideas) -> list[Note]:
    """Broken chords in eighths: alone in the intro, on top of everything in the chorus."""
    notes = []
    for bar in bars:
        if bar.section == "verse":
            continue
        pitches = voice(bar.chord, (), centre=72)
        ladder = (*pitches, pitches[0] + 12)
        for step, rung in enumerate(ideas.arpeggio):
            start_beats = bar.start_beats + step * 0.5
            velocity = 0.75 if step % 2 == 0 else 0.55
            notes += _block(start_beats, 0.4, (ladder[rung % len(ladder)],), velocity)
    return notes


def _lead(bars: list[Bar], ideas: Ideas) -> list[Note]:
    notes: list[Note] = []
    pitch = 72
    for bar in bars:
        if bar.section == "intro":
            continue
        pitch = max(pitch, 74) if bar.section == "chorus" else min(pitch, 74)
        sung = sing_bar(bar.motif, ideas.key, bar.chord, pitch)
        pitch = sung[-1][2]
        for start, length, tone in sung:
            velocity = (0.85 if start % 2.0 == 0.0 else 0.72) - (0.12 if bar.section == "verse" else 0.0)
            notes += _block(bar.start_beats + start, length * 0.95, (tone,), velocity)
    return notes


def _end(lines: dict[str, list[Note]], last: Bar, key: Key, length_beats: float) -> None:
    start_beats = last.start_beats + BEATS_PER_BAR
    pitches = voice(last.following, ())
    lines["kick"].append(_hit("kick", start_beats, 0.95))
    lines["crash"].append(_hit("crash", start_beats, 0.9))
    bass = LOWEST_BASS + (key.tonic - LOWEST_BASS) % 12
    lines["bass"] += _block(start_beats, length_beats, (bass,), 0.8)
    lines["pad"] += _block(start_beats, length_beats, pitches, 0.7)
    lead = min((72 + (key.tonic - 72) % 12, 60 + (key.tonic - 60) % 12), key=lambda p: abs(p - 72))
    lines["lead"] += _block(start_beats, 0.8 * length_beats, (max(lead, 65),), 0.75)
