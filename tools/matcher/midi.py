"""POP909 songs arranged for a band and played by FluidSynth, one stem per player.

The data set has melody, bridge and piano; bass, drums and pad are added from its chords and
beats. Players pause by sections of eight bars, as arrangements do: the two halves of a song
must not be the same music.
"""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile

RATE = 44_100
DRUMS = 9

PROGRAMS = {
    "melody": (0, 4, 11, 22, 25, 26, 40, 52, 53, 54, 56, 64, 65, 66, 68, 71, 73, 80, 81, 85, 87),
    "bridge": (4, 5, 11, 24, 25, 26, 27, 28, 29, 30, 45, 46, 48, 61, 62, 80, 82, 88),
    "piano": (0, 1, 2, 4, 5, 6, 7, 16, 17, 18, 24, 25, 26, 27, 46),
    "bass": (32, 33, 34, 35, 36, 38, 39, 43, 58),
    "pad": (48, 49, 50, 51, 52, 61, 88, 89, 90, 91, 92, 94, 95),
}
"""General MIDI programs each player may draw (0-based)."""

PLAYING = {"melody": 0.8, "bridge": 0.6, "piano": 0.8, "bass": 0.85, "pad": 0.5, "drums": 0.8}
"""Share of the sections in which a player plays."""

DRUM_PATTERNS = (
    {36: (0, 1, 2, 3), 42: (0.5, 1.5, 2.5, 3.5), 39: (1, 3)},
    {36: (0, 2), 38: (1, 3), 42: (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)},
    {36: (0, 1.5, 2), 40: (1, 3), 51: (0, 1, 2, 3), 44: (1, 3)},
    {36: (0, 2.5), 38: (2,), 42: tuple(i / 4 for i in range(16))},
    {36: (0,), 37: (2,), 70: (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)},
    {35: (0, 0.75, 2.25), 38: (1, 3, 3.75), 46: (0.5, 2.5), 42: (1, 1.5, 2, 3, 3.5)},
)
"""Drum key -> beats of a bar of four."""

ROOTS = {name: i for i, name in enumerate(("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"))}
ROOTS |= {"C#": 1, "D#": 3, "F#": 6, "G#": 8, "A#": 10}
QUALITIES = {"maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "sus": (0, 5, 7)}


@dataclass(frozen=True)
class Note:
    start_s: float
    stop_s: float
    key: int
    velocity: int


Part = list[Note]
Sing = Callable[[Part, float, np.random.Generator], np.ndarray]
"""Part, seconds, random numbers -> float32 [2, frames]."""


def stems(
    song: Path, sound_font: Path, seconds: float, rng: np.random.Generator, sing: Sing | None = None
) -> dict[str, np.ndarray]:
    """A stretch of one POP909 song, arranged and played: player -> float32 [2, frames].

    Args:
        song: folder of one song (NNN.mid, beat_midi.txt, chord_midi.txt).
        sound_font: .sf2 that FluidSynth plays.
        seconds: length of the stretch.
        rng: draws players, programs, patterns and pauses.
        sing: sings the melody instead of FluidSynth; the stem is called `vocals` then.
    """
    parts = _band(song, rng)
    end_s = max((n.stop_s for part in parts.values() for n in part), default=0.0)
    first_s = rng.uniform(0.0, max(0.0, end_s - seconds))
    sounding = {}
    for player, part in parts.items():
        inside = [
            Note(max(0.0, n.start_s - first_s), n.stop_s - first_s, n.key, n.velocity)
            for n in part
            if first_s <= n.start_s < first_s + seconds
        ]
        if inside and sing is not None and player == "melody":
            sounding["vocals"] = sing(inside, seconds, rng)
        elif inside:
            program = 0 if player == "drums" else int(rng.choice(PROGRAMS[player]))
            sounding[player] = _play(inside, player, program, sound_font, seconds, rng)
    return sounding


def _band(song: Path, rng: np.random.Generator) -> dict[str, Part]:
    beats_s = [float(line.split()[0]) for line in (song / "beat_midi.txt").read_text().splitlines() if line]
    chords = [line.split() for line in (song / "chord_midi.txt").read_text().splitlines() if line]
    parts = _tracks(song / f"{song.name}.mid")
    parts["bass"] = _bass(chords, beats_s, rng)
    parts["pad"] = _pad(chords)
    if rng.random() < 0.85:
        parts["drums"] = _drums(beats_s, rng)
    return {player: _with_pauses(part, player, beats_s, rng) for player, part in parts.items()}


def _tracks(path: Path) -> dict[str, Part]:
    """Melody, bridge and piano in seconds, at the first tempo (POP909 songs have one)."""
    file = mido.MidiFile(path)
    parts: dict[str, Part] = {}
    tempo = next((m.tempo for m in file.tracks[0] if m.type == "set_tempo"), 500_000)
    for track in file.tracks[1:]:
        ticks, open_notes, part = 0, {}, []
        for message in track:
            ticks += message.time
            now_s = mido.tick2second(ticks, file.ticks_per_beat, tempo)
            if message.type == "note_on" and message.velocity > 0:
                open_notes[message.note] = (now_s, message.velocity)
            elif message.type in ("note_off", "note_on") and message.note in open_notes:
                start_s, velocity = open_notes.pop(message.note)
                part.append(Note(start_s, max(now_s, start_s + 0.05), message.note, velocity))
        if track.name.lower() in PROGRAMS:
            parts[track.name.lower()] = part
    return parts


def _chord(name: str) -> tuple[int, tuple[int, ...]] | None:
    root, _, quality = name.partition(":")
    if root not in ROOTS:
        return None
    return ROOTS[root], QUALITIES.get(quality[:3], (0, 4, 7))


def _bass(chords: list[list[str]], beats_s: list[float], rng: np.random.Generator) -> Part:
    """Roots on beats: long, on every beat, or in eighths."""
    per_beat = int(rng.choice((0, 1, 2)))
    part: Part = []
    for start, stop, name in chords:
        chord = _chord(name)
        if chord is None:
            continue
        key, first_s, last_s = 28 + (chord[0] + 8) % 12, float(start), float(stop)
        inside = [b for b in beats_s if first_s - 0.01 <= b < last_s - 0.1] if per_beat else []
        times = inside or [first_s]
        if per_beat == 2 and len(times) > 1:
            times = sorted(times + [0.5 * (a + b) for a, b in itertools.pairwise(times)])
        for begin, end in zip(times, [*times[1:], last_s], strict=True):
            part.append(Note(begin, begin + 0.9 * (end - begin), key, int(rng.integers(75, 110))))
    return part


def _pad(chords: list[list[str]]) -> Part:
    part: Part = []
    for start, stop, name in chords:
        chord = _chord(name)
        if chord is not None:
            part += [Note(float(start), float(stop), 55 + (chord[0] + i + 5) % 12, 70) for i in chord[1]]
    return part


def _drums(beats_s: list[float], rng: np.random.Generator) -> Part:
    patterns = [DRUM_PATTERNS[i] for i in rng.choice(len(DRUM_PATTERNS), 2, replace=False)]
    part: Part = []
    for bar in range(len(beats_s) // 4 - 1):
        beats = beats_s[4 * bar : 4 * bar + 5]
        for key, times in patterns[(bar // 8) % 2].items():
            for time in times:
                at_s = float(np.interp(time, range(5), beats)) + rng.normal(0.0, 0.004)
                part.append(Note(max(at_s, 0.0), max(at_s, 0.0) + 0.1, key, int(rng.integers(70, 120))))
        if bar % 8 == 0 and rng.random() < 0.6:
            part.append(Note(beats[0], beats[0] + 1.0, 49, 100))
    return part


def _with_pauses(part: Part, player: str, beats_s: list[float], rng: np.random.Generator) -> Part:
    section_s = 32 * float(np.median(np.diff(beats_s))) if len(beats_s) > 1 else 16.0
    plays = rng.random(200) < PLAYING[player]
    return [n for n in part if plays[min(int(n.start_s / section_s), 199)]]


def _play(
    part: Part, player: str, program: int, sound_font: Path, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """One player's part through FluidSynth: float32 [2, frames]."""
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "part.mid"), Path(folder, "part.wav")
        _write_midi(score, part, DRUMS if player == "drums" else 0, program)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-R", str(int(rng.random() < 0.6)), "-C", "0"]
        command += [
            "-r",
            str(RATE),
            "-F",
            str(sound),
            "-T",
            "wav",
            "-O",
            "float",
            str(sound_font),
            str(score),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    whole = np.zeros((2, int(seconds * RATE)), np.float32)
    frames = min(len(samples), whole.shape[1])
    whole[:, :frames] = samples[:frames].T
    return whole


def _write_midi(path: Path, part: Part, channel: int, program: int) -> None:
    events = [(n.start_s, 1, n.key, n.velocity) for n in part] + [(n.stop_s, 0, n.key, 0) for n in part]
    track = mido.MidiTrack([mido.Message("program_change", program=program, channel=channel)])
    file = mido.MidiFile(ticks_per_beat=480, tracks=[track])
    last = 0
    for time_s, on, key, velocity in sorted(events):
        ticks = round(time_s * 960)
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, note=key, velocity=velocity, channel=channel, time=ticks - last))
        last = ticks
    file.save(path)
