"""Songs as takes on disk: one folder a song, one float16 file a track, all of a song on one timeline.

    WORK/songs/<kind>-<song>/<source>--<track>.npy      float16 [2, frames] at 44.1 kHz

`kind` is `multitrack` (people playing and singing), `midi` (FluidSynth), `sung` (the same with the
melody as a made voice), `band` (our synthesizer), `hits` (one-shots and loops put in a row) or `voice`
(dry singing). The file's own name says which of the four sources it is part of.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matcher import midi, remix

from separator.singer import sing
from separator.tracks import group, is_master

__all__ = ["SOURCES", "Folders", "prepare"]

SOURCES = ("drums", "bass", "other", "vocals")
"""The order of the model's outputs, as in Demucs."""

TRAIN_MULTITRACKS = ("2.Lithium", "3.Sodium", "7.Francium")
MIDI_SONGS = range(5, 780, 12)
SUNG_SONGS = range(11, 780, 12)
"""POP909 songs 800 and above are kept for the benchmark."""
MIDI_S = 40.0
BANDS = range(3000, 3048)
BAND_S = 40.0
HIT_SONGS = 24
SHIFTS_SEMITONES = (-4.0, -2.0, 2.0, 4.0)
"""Singing is scarce: each sung track is also kept at these pitches."""
SHIFTED = ("VOX LEAD", "vocadito")
RATE = remix.RATE


@dataclass(frozen=True)
class Folders:
    """Where the sources are; each may be missing but the multitracks."""

    multitrack: Path
    voice: Path
    samples: Path
    midi: Path
    sound_fonts: tuple[Path, ...]


def prepare(folders: Folders, out: Path, jobs: int) -> Iterator[str]:
    """Make every song that is not there yet; yields a line each."""
    tasks: list[tuple[str, str, Folders, Path]] = [
        (kind, name, folders, out) for kind, name in _wanted(folders) if not (out / f"{kind}-{name}").exists()
    ]
    with ProcessPoolExecutor(jobs) as pool:
        for count, line in enumerate(pool.map(_make, tasks)):
            yield f"{count + 1}/{len(tasks)} {line}"


def _wanted(folders: Folders) -> Iterator[tuple[str, str]]:
    yield from (("multitrack", name) for name in TRAIN_MULTITRACKS)
    yield from (("voice", path.stem) for path in _voices(folders))
    yield from (("hits", f"{number:03d}") for number in range(HIT_SONGS))
    yield from (("band", str(seed)) for seed in BANDS)
    yield from (
        (kind, f"{number:03d}")
        for kind, numbers in (("midi", MIDI_SONGS), ("sung", SUNG_SONGS))
        for number in numbers
        if (folders.midi / f"{number:03d}").exists()
    )


def _make(task: tuple[str, str, Folders, Path]) -> str:
    kind, name, folders, out = task
    rng = np.random.default_rng([zlib.crc32(f"{kind}-{name}".encode()), 20261122])
    makers = {
        "multitrack": _multitrack,
        "voice": _voice,
        "hits": _hits,
        "band": _band,
        "midi": _midi,
        "sung": _sung,
    }
    tracks = makers[kind](folders, name, rng)
    unfinished = out / f".{kind}-{name}"
    unfinished.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    for source, track, samples in tracks:
        np.save(unfinished / f"{source}--{track}.npy", samples.astype(np.float16))
        seconds += samples.shape[1] / RATE
    unfinished.rename(out / f"{kind}-{name}")
    return f"{kind}-{name}: {seconds:.0f} s"


Track = tuple[str, str, np.ndarray]


def _multitrack(folders: Folders, name: str, rng: np.random.Generator) -> Iterator[Track]:
    for track, samples in remix.read_tracks(folders.multitrack / name).items():
        if is_master(track):
            continue
        source = group(f"{name}_Stem_{track}")
        yield source, track, samples
        if track in SHIFTED:
            yield from _shifted(source, track, samples.astype(np.float32))


def _shifted(source: str, track: str, samples: np.ndarray) -> Iterator[Track]:
    import pedalboard

    for semitones in SHIFTS_SEMITONES:
        shifted = pedalboard.PitchShift(semitones)(samples, RATE, reset=True)
        yield source, f"{track} shifted {semitones:+g}", shifted


def _voice(folders: Folders, name: str, rng: np.random.Generator) -> Iterator[Track]:
    samples = remix.read_stereo(next(path for path in _voices(folders) if path.stem == name))
    yield "vocals", name, samples
    yield from _shifted("vocals", name, samples)


def _voices(folders: Folders) -> list[Path]:
    """Dry singing, and speech: it has no melody but it is a voice."""
    speech = folders.voice.parent / "music" / "librosa"
    return sorted([*folders.voice.glob("*/*.wav"), *speech.glob("*-*-0000.hq.ogg")])


def _band(folders: Folders, name: str, rng: np.random.Generator) -> Iterator[Track]:
    from generation.piece import render_piece

    for part, audio in render_piece(int(name), duration_s=BAND_S, sample_rate=RATE).parts.items():
        yield part if part in ("drums", "bass") else "other", part, audio.samples


def _midi(
    folders: Folders, name: str, rng: np.random.Generator, singer: midi.Sing | None = None
) -> Iterator[Track]:
    font = folders.sound_fonts[int(rng.integers(len(folders.sound_fonts)))]
    for player, samples in midi.stems(folders.midi / name, font, MIDI_S, rng, singer).items():
        yield player if player in SOURCES else "other", player, samples


def _sung(folders: Folders, name: str, rng: np.random.Generator) -> Iterator[Track]:
    yield from _midi(folders, name, rng, sing)


def _hits(folders: Folders, name: str, rng: np.random.Generator) -> Iterator[Track]:
    """A bar of one-shots and a loop or two, repeated with changes for forty seconds."""
    paths = sorted(folders.samples.glob("*/*.flac"))
    drums = [
        p for p in paths if p.stem.startswith(("bd_", "drum_", "hat_", "sn_", "perc_", "elec_", "tabla_"))
    ]
    loops = [p for p in paths if p.stem.startswith("loop_")]
    basses = [p for p in paths if p.stem.startswith("bass_")]
    beat = int(RATE * 60 / rng.uniform(80, 170))
    kit = [remix.read_stereo(p) for p in rng.choice(drums, 6, replace=False)]
    yield "drums", "kit", _sequence(kit, beat // 4, rng)
    if rng.random() < 0.6:
        yield "drums", "loop", _repeated(remix.read_stereo(rng.choice(loops)), rng)
    yield "bass", "bass", _sequence([remix.read_stereo(rng.choice(basses))], beat, rng)


def _sequence(sounds: list[np.ndarray], step: int, rng: np.random.Generator) -> np.ndarray:
    total = np.zeros((2, int(MIDI_S * RATE)), np.float32)
    for sound in sounds:
        pattern = rng.random(16) < rng.uniform(0.1, 0.5)
        gain, pan = rng.uniform(0.3, 1.0), rng.uniform(-0.5, 0.5)
        for index, start in enumerate(range(0, total.shape[1], step)):
            if pattern[index % 16]:
                hit = sound[:, : total.shape[1] - start] * np.float32(gain * rng.uniform(0.7, 1.0))
                total[:, start : start + hit.shape[1]] += hit * np.float32([[1 - pan], [1 + pan]])
    return total


def _repeated(loop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    frames = int(MIDI_S * RATE)
    return np.tile(loop, (1, frames // loop.shape[1] + 1))[:, :frames] * np.float32(rng.uniform(0.3, 1.0))
