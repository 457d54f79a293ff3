"""Finished-sounding renders of POP909 songs: an arrangement, FluidSynth, and a light master.

The three tracks of a song (melody, bridge, piano) get General MIDI programs of their own; a pad
and a bass line follow its chord file, drums its beat file; sections of eight bars switch tracks on
and off. Everything random comes from the song's number. A render is kept in the work folder as
WAV, named after everything that makes it.
"""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import mido
import numpy as np
import pedalboard
import soundfile
from filters import shaped
from metrics import CENTRES_HZ, integrated_lufs, third_octaves_db

RATE = 44_100
VERSION = 1
"""Raise when a render changes: kept ones are then made again."""

TICKS_PER_S = 960
SECTION_BARS = 8

MELODY, BRIDGE, PIANO, PAD, BASS, DRUMS = 0, 1, 2, 3, 4, 9
PROGRAMS = {
    MELODY: (73, 65, 80, 81, 56, 40, 22, 53, 26, 11, 68, 0),
    BRIDGE: (25, 27, 48, 88, 4, 12, 46, 61, 28, 45),
    PIANO: (0, 1, 4, 5, 24, 25, 16, 6, 2),
    PAD: (48, 49, 50, 89, 90, 91, 52, 95),
    BASS: (32, 33, 34, 35, 36, 38, 39),
    DRUMS: (0, 8, 16, 24, 25),
}
SECTIONS = (
    {PIANO, PAD, MELODY},
    {MELODY, PIANO, BASS},
    {MELODY, PIANO, BASS, DRUMS},
    {MELODY, BRIDGE, PIANO, BASS, DRUMS},
    {MELODY, BRIDGE, PIANO, PAD, BASS, DRUMS},
    {MELODY, BRIDGE, PAD, BASS, DRUMS},
    {BRIDGE, PIANO, PAD},
    {MELODY, PAD, BASS, DRUMS},
)
"""What plays in a section; after the first, sections are drawn from here, no one twice in a row."""

NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ROOTS = NATURALS | {
    f"{name}{sign}": (at + step) % 12 for name, at in NATURALS.items() for sign, step in (("#", 1), ("b", -1))
}
KICK, RIM, SNARE, CLOSED_HAT, OPEN_HAT, CRASH, RIDE = 36, 37, 38, 42, 46, 49, 51
GROOVES = (  # (position in beats, note, velocity) within a bar of four
    ((0, KICK, 110), (1, SNARE, 105), (2, KICK, 104), (2.5, KICK, 84), (3, SNARE, 108)),
    ((0, KICK, 112), (1, KICK, 106), (2, KICK, 110), (3, KICK, 106), (1, SNARE, 96), (3, SNARE, 98)),
    ((0, KICK, 104), (2, SNARE, 110), (3.5, KICK, 80)),
    ((0, KICK, 96), (1, RIM, 88), (2.5, KICK, 84), (3, RIM, 92)),
)
HATS = ((CLOSED_HAT, 0.5), (CLOSED_HAT, 0.25), (RIDE, 1.0), (RIDE, 0.5))


@dataclass(frozen=True)
class Note:
    """One note in seconds."""

    start_s: float
    end_s: float
    channel: int
    pitch: int
    velocity: int


@dataclass
class Source:
    """What POP909 says about one song."""

    notes: list[Note] = field(default_factory=list)
    pedal: list[tuple[float, int, int]] = field(default_factory=list)
    beats_s: list[float] = field(default_factory=list)
    downbeats: list[int] = field(default_factory=list)
    chords: list[tuple[float, float, str]] = field(default_factory=list)


def render(archive: Path, number: int, sound_font: Path, folder: Path) -> Path:
    """WAV of one song, made unless `folder` has it already.

    Args:
        archive: POP909 as tar.xz.
        number: 1..909.
        sound_font: a GM sound font.
        folder: work folder.
    """
    path = folder / f"pop909-{number:03d}-{sound_font.stem}-v{VERSION}.wav"
    if path.exists():
        return path
    source = read_source(unpack(archive, folder), number)
    rng = np.random.default_rng(909_000 + number)
    midi = folder / f"{path.stem}.mid"
    arrange(source, rng).save(midi)
    raw = folder / f"{path.stem}.raw.wav"
    command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RATE), "-O", "float", "-T", "wav"]
    subprocess.run([*command, "-F", str(raw), str(sound_font), str(midi)], check=True, capture_output=True)
    samples, _ = soundfile.read(raw, dtype="float32")
    raw.unlink()
    part = path.with_suffix(".part")
    soundfile.write(part, finish(samples, rng), RATE, "PCM_24", format="WAV")
    part.replace(path)
    return path


def unpack(archive: Path, folder: Path) -> Path:
    """Folder of the songs 001 to 020, unpacked once."""
    songs = folder / "POP909"
    if not (songs / "020" / "020.mid").exists():
        wanted = tuple(f"POP909/{number:03d}/" for number in range(1, 21))
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name.startswith(wanted):
                    tar.extract(member, folder, filter="data")
    return songs


def read_source(songs: Path, number: int) -> Source:
    """Notes, pedal, beats and chords of one song."""
    folder = songs / f"{number:03d}"
    source = Source()
    open_notes: dict[tuple[int, int], tuple[float, int]] = {}
    now_s = 0.0
    for message in mido.MidiFile(folder / f"{number:03d}.mid"):
        now_s += message.time
        if message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            if key in open_notes:
                start_s, velocity = open_notes.pop(key)
                source.notes.append(Note(start_s, now_s, *key, velocity))
            if message.type == "note_on" and message.velocity:
                open_notes[key] = (now_s, message.velocity)
        elif message.type == "control_change" and message.control == 64:
            source.pedal.append((now_s, message.channel, message.value))
    for i, line in enumerate((folder / "beat_midi.txt").read_text().splitlines()):
        time, _, bar = (float(word) for word in line.split()[:3])
        source.beats_s.append(time)
        if bar == 1.0:
            source.downbeats.append(i)
    for line in (folder / "chord_midi.txt").read_text().splitlines():
        start, end, name = line.split()[:3]
        source.chords.append((float(start), float(end), name))
    return source


def arrange(source: Source, rng: np.random.Generator) -> mido.MidiFile:
    """The song for six parts, some of them silent in some sections."""
    first = source.downbeats[0] if source.downbeats else 0
    beats = source.beats_s[first:]
    bars = [beats[i : i + 5] for i in range(0, len(beats) - 4, 4)]
    playing = _sections(len(bars), rng)
    starts = np.array([bar[0] for bar in bars[::SECTION_BARS]])

    def heard(time_s: float, channel: int) -> bool:
        section = max(0, int(np.searchsorted(starts, time_s + 0.05, side="right")) - 1)
        return channel in playing[min(section, len(playing) - 1)]

    notes = [note for note in source.notes if note.channel in (MELODY, BRIDGE, PIANO)]
    notes += _pad(source.chords) + _bass(source.chords, beats, rng) + _drums(bars, rng)
    events: list[tuple[float, int, mido.Message]] = []
    for note in notes:
        if heard(note.start_s, note.channel):
            common = {"channel": note.channel, "note": note.pitch}
            on = mido.Message("note_on", velocity=note.velocity, **common)
            events += [(note.start_s, 1, on), (note.end_s, 0, mido.Message("note_off", **common))]
    for time_s, channel, value in source.pedal:
        events.append((time_s, 0, mido.Message("control_change", channel=channel, control=64, value=value)))
    return _file(events, rng)


def _sections(bars: int, rng: np.random.Generator) -> list[set[int]]:
    chosen = [int(rng.choice([0, 1, 6]))]
    while len(chosen) < max(1, -(-bars // SECTION_BARS)):
        # Full arrangements come oftener than thin ones, as in finished songs.
        weights = np.array([0.4, 0.7, 1.5, 2.0, 2.0, 1.0, 0.5, 0.8])
        weights[chosen[-1]] = 0.0
        chosen.append(int(rng.choice(len(SECTIONS), p=weights / weights.sum())))
    return [SECTIONS[i] for i in chosen]


def _pitches(chord: str) -> list[int]:
    """Pitch classes of a chord's triad or suspension, root first; empty for no chord."""
    root, _, quality = chord.split("/")[0].partition(":")
    if root not in ROOTS:
        return []
    third = 4
    if quality.startswith(("min", "dim", "hdim")):
        third = 3
    elif quality.startswith("sus"):
        third = 2 if quality.startswith("sus2") else 5
    fifth = 6 if quality.startswith(("dim", "hdim")) else 8 if quality.startswith("aug") else 7
    return [(ROOTS[root] + step) % 12 for step in (0, third, fifth)]


def _pad(chords: list[tuple[float, float, str]]) -> list[Note]:
    return [
        Note(start, end, PAD, 55 + (pitch - 55) % 12 + (12 if i == 1 else 0), 66)
        for start, end, name in chords
        for i, pitch in enumerate(_pitches(name))
    ]


def _bass(chords: list[tuple[float, float, str]], beats: list[float], rng: np.random.Generator) -> list[Note]:
    notes = []
    style = int(rng.integers(3))
    for start, end, name in chords:
        pitches = _pitches(name)
        if not pitches:
            continue
        root = 28 + (pitches[0] - 28) % 12
        fifth = root + 7 if root < 36 else root - 5
        inside = [time for time in beats if start - 0.02 <= time < end - 0.1]
        for i, time in enumerate(inside):
            length = (inside[i + 1] if i + 1 < len(inside) else end) - time
            if style == 0 and i % 2:
                continue
            pitch = fifth if style == 2 and i % 4 == 2 else root
            notes.append(Note(time, time + 0.9 * length * (2 if style == 0 else 1), BASS, pitch, 96))
            if style == 1:
                notes.append(Note(time + 0.5 * length, time + 0.95 * length, BASS, pitch, 84))
    return notes


def _drums(bars: list[list[float]], rng: np.random.Generator) -> list[Note]:
    groove, (hat, every) = GROOVES[int(rng.integers(len(GROOVES)))], HATS[int(rng.integers(len(HATS)))]
    notes = []
    for number, bar in enumerate(bars):
        hits = list(groove)
        hits += [(beat, hat, 82 if beat % 1 == 0 else 62) for beat in np.arange(0.0, 4.0, every)]
        if number % SECTION_BARS == 0:
            hits.append((0, CRASH, 100))
        if number % SECTION_BARS == SECTION_BARS - 1:
            hits += [(3 + step / 4, int(45 + 2 * (3 - step)), 90 + 5 * step) for step in range(4)]
        for beat, pitch, velocity in hits:
            time = float(np.interp(beat, range(5), bar)) + float(rng.normal(0.0, 0.003))
            notes.append(Note(time, time + 0.1, DRUMS, pitch, int(velocity + rng.integers(-8, 9))))
    return notes


def _file(events: list[tuple[float, int, mido.Message]], rng: np.random.Generator) -> mido.MidiFile:
    """A MIDI file at 960 ticks a second, programs and mixer settings first."""
    pans = {MELODY: 64, BASS: 64, DRUMS: 64}
    spread = int(rng.integers(18, 55))
    side = 1 if rng.random() < 0.5 else -1
    pans |= {BRIDGE: 64 + side * spread, PIANO: 64 - side * int(0.7 * spread), PAD: 64 + side * 8}
    levels = {MELODY: 104, BRIDGE: 76, PIANO: 84, PAD: 62, BASS: 98, DRUMS: 104}
    track = mido.MidiTrack()
    for channel, programs in PROGRAMS.items():
        program = int(rng.choice(programs))
        settings = {
            7: int(np.clip(levels[channel] + rng.normal(0.0, 7.0), 30, 127)),
            10: int(np.clip(pans[channel], 0, 127)),
            91: int(rng.integers(10, 60)),
            93: int(rng.integers(0, 40)),
        }
        track.append(mido.Message("program_change", channel=channel, program=program))
        for control, value in settings.items():
            track.append(mido.Message("control_change", channel=channel, control=control, value=value))
    now = 0
    for time_s, _, message in sorted(events, key=lambda event: event[:2]):
        tick = max(now, round(max(0.0, time_s) * TICKS_PER_S))
        track.append(message.copy(time=tick - now))
        now = tick
    midi = mido.MidiFile(ticks_per_beat=TICKS_PER_S // 2)
    midi.tracks.append(track)
    return midi


def finish(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A light master: gentle EQ, bus compression, limiter to a loudness drawn from -13 to -9 LUFS."""
    samples = _narrowed(shaped(samples, CENTRES_HZ, _balance_db(samples) + _taste_db(rng)))
    samples = samples * 10.0 ** ((-20.0 - integrated_lufs(samples, RATE)) / 20.0)
    bus = pedalboard.Compressor(threshold_db=-18.0, ratio=1.8, attack_ms=120.0, release_ms=1_200.0)
    samples = bus(np.ascontiguousarray(samples.T, dtype=np.float32), RATE).T
    wanted_lufs, ceiling_db = rng.uniform(-13.0, -9.0), rng.uniform(-1.0, -0.3)
    gain_db, limited = 0.0, samples
    for _ in range(3):
        gain_db += wanted_lufs - integrated_lufs(limited, RATE)
        limiter = pedalboard.BrickwallLimiter(
            ceiling_db=ceiling_db, release_ms=120.0, lookahead_ms=3.0, true_peak=True
        )
        loud = np.ascontiguousarray((samples * 10.0 ** (gain_db / 20.0)).T, dtype=np.float32)
        limited = limiter(loud, RATE).T
    return limited


def _balance_db(samples: np.ndarray) -> np.ndarray:
    """Half the way, smoothed over an octave, to flat up to 100 Hz and -1.2 dB a third octave from there."""
    wanted = -1.2 * np.maximum(0.0, np.arange(len(CENTRES_HZ)) - 5.0)
    wanted[:2] -= (4.0, 1.5)
    missing = wanted - third_octaves_db(samples.mean(axis=1), RATE)
    missing = np.clip(missing - np.median(missing), -12.0, 12.0)
    smooth = np.convolve(np.pad(missing, 2, mode="edge"), (0.1, 0.2, 0.4, 0.2, 0.1), mode="valid")
    return 0.5 * smooth


def _narrowed(samples: np.ndarray) -> np.ndarray:
    """The side cut to 4 dB under the mid where stereo samples of the sound font come wider."""
    mid, side = samples.mean(axis=1), 0.5 * (samples[:, 0] - samples[:, 1])
    ratio_db = third_octaves_db(side, RATE) - third_octaves_db(mid, RATE)
    side = shaped(np.stack([side, side], axis=1), CENTRES_HZ, np.minimum(0.0, -4.0 - ratio_db))[:, 0]
    return np.stack([mid + side, mid - side], axis=1).astype(np.float32)


def _taste_db(rng: np.random.Generator) -> np.ndarray:
    """What one engineer does otherwise than another: +-1.2 dB, broad."""
    knots = rng.normal(0.0, 1.2, 6)
    return np.interp(np.arange(len(CENTRES_HZ)), np.linspace(0, len(CENTRES_HZ) - 1, 6), knots)
