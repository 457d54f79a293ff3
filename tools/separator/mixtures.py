"""Mixtures drawn while training: random songs, random tracks, every source changed in its own way.

Half of the mixtures are coherent (all sources of one song at one time: they share keys, beats and
rooms, which is what makes music hard to take apart), half are put together across songs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch

from separator.songs import RATE, SOURCES

__all__ = ["Song", "draw", "load_songs", "stretches"]

Array = np.ndarray

KIND_WEIGHTS = {"multitrack": 4.0, "midi": 2.5, "sung": 2.5, "band": 1.2, "hits": 0.8}
"""How often a kind of song is drawn; within a kind all songs alike."""
VOCAL_KIND_WEIGHTS = {"multitrack": 4.0, "voice": 1.5, "sung": 3.0}
COHERENT = 0.5
SILENT = {"drums": 0.08, "bass": 0.1, "other": 0.05, "vocals": 0.15}
LEVELS_DB = {"drums": -1.0, "bass": -2.0, "other": 0.0, "vocals": 0.5}
AUDIBLE_DBFS = -45.0
BLOCK = RATE // 2


@dataclass(frozen=True)
class Song:
    """Tracks of one song on one timeline.

    Attributes:
        tracks: source -> parts; a part is the versions (pitches) of one track, float16 [2, frames] on disk.
        loud: source -> starts (in blocks of half a second) around which the source is audible.
    """

    kind: str
    name: str
    tracks: dict[str, list[list[Array]]]
    loud: dict[str, Array]


def load_songs(folder: Path, without: tuple[str, ...] = ()) -> list[Song]:
    """All songs of a folder, memory-mapped, but those whose names are in `without`."""
    songs = []
    for path in sorted(folder.iterdir()):
        kind, _, name = path.name.partition("-")
        if not path.name.startswith(".") and name not in without:
            songs.append(_song(path, kind, name))
    return songs


def _song(path: Path, kind: str, name: str) -> Song:
    versions: dict[tuple[str, str], list[Array]] = defaultdict(list)
    for file in sorted(path.glob("*.npy")):
        source, _, track = file.stem.partition("--")
        versions[source, re.sub(r" shifted .*", "", track)].append(np.load(file, mmap_mode="r"))
    tracks: dict[str, list[list[Array]]] = defaultdict(list)
    for (source, _), arrays in versions.items():
        tracks[source].append(arrays)
    loud = {source: _loud_blocks(parts) for source, parts in tracks.items()}
    return Song(kind, name, {s: p for s, p in tracks.items() if len(loud[s])}, loud)


def _loud_blocks(parts: list[list[Array]]) -> Array:
    powers = [_block_power(versions[0]) for versions in parts]
    total = np.zeros(max(map(len, powers)))
    for power in powers:
        total[: len(power)] += power
    return np.flatnonzero(10 * np.log10(total + 1e-12) > AUDIBLE_DBFS)


def _block_power(samples: Array) -> Array:
    count = samples.shape[1] // BLOCK
    return np.array(
        [
            np.mean(np.square(samples[:, i * BLOCK : (i + 1) * BLOCK : 7], dtype=np.float32))
            for i in range(count)
        ]
    )


def stretches(folder: Path, name: str, count: int = 24, seconds: float = 6.0) -> torch.Tensor:
    """Stretches of a multitrack as it is, to judge on: float32 [count, 4, 2, frames]."""
    song = next(s for s in load_songs(folder) if s.name == name)
    frames, length = int(seconds * RATE), max(v[0].shape[1] for p in song.tracks.values() for v in p)
    taken = []
    for start in np.linspace(0, length - frames, count).astype(int):
        mix = np.zeros((4, 2, frames), np.float32)
        for index, source in enumerate(SOURCES):
            for versions in song.tracks.get(source, []):
                mix[index] += versions[0][:, start : start + frames]
        if mix.std() > 1e-3:
            taken.append(mix * np.float32(0.1) / mix.sum(axis=0).std())
    return torch.from_numpy(np.stack(taken))


def draw(songs: list[Song], frames: int, rng: np.random.Generator) -> Array:
    """One mixture as its sources: float32 [4, 2, frames], the mix at a standard deviation near 0.1."""
    sources = _coherent(songs, frames, rng) if rng.random() < COHERENT else _crossed(songs, frames, rng)
    for index, source in enumerate(SOURCES):
        if rng.random() < SILENT[source]:
            sources[index] = 0.0
    scale = 0.1 / (sources.sum(axis=0).std() + 1e-4)
    return np.asarray(sources * scale, np.float32)


def _coherent(songs: list[Song], frames: int, rng: np.random.Generator) -> Array:
    song = _pick([s for s in songs if s.kind in KIND_WEIGHTS], KIND_WEIGHTS, rng)
    speed, start = _speed(rng), _start(song, str(rng.choice(sorted(song.tracks))), rng)
    mix = np.zeros((4, 2, frames), np.float32)
    for index, source in enumerate(SOURCES):
        if source in song.tracks:
            stem = _sum(song, source, start, frames, speed, rng)
            mix[index] = _changed(stem, source, rng) * _gain(rng, 3.0)
    if "vocals" not in song.tracks or rng.random() < 0.3:
        level = np.sqrt(np.mean(np.square(mix.sum(axis=0)))) + 1e-4
        mix[3] = _single(songs, "vocals", frames, rng) * level * _gain(rng, 4.0)
    if rng.random() < 0.3:
        level = np.sqrt(np.mean(np.square(mix.sum(axis=0)))) + 1e-4
        mix[2] += _single(songs, "other", frames, rng) * level * _gain(rng, 4.0) * np.float32(0.5)
    return mix


def _crossed(songs: list[Song], frames: int, rng: np.random.Generator) -> Array:
    mix = np.stack([_single(songs, source, frames, rng) for source in SOURCES])
    gains = [_gain(rng, 4.0) * np.float32(10 ** (LEVELS_DB[source] / 20)) for source in SOURCES]
    return np.asarray(mix * np.array(gains, np.float32)[:, None, None])


def _single(songs: list[Song], source: str, frames: int, rng: np.random.Generator) -> Array:
    """One source of a random song at an RMS of 1."""
    weights = VOCAL_KIND_WEIGHTS if source == "vocals" else KIND_WEIGHTS
    song = _pick([s for s in songs if source in s.tracks and s.kind in weights], weights, rng)
    stem = _sum(song, source, _start(song, source, rng), frames, _speed(rng), rng)
    stem = _changed(stem, source, rng)
    rms = np.sqrt(np.mean(np.square(stem)))
    return stem / max(rms, 3e-3)


def _pick(songs: list[Song], weights: dict[str, float], rng: np.random.Generator) -> Song:
    kinds = sorted({song.kind for song in songs})
    chances = np.array([weights[kind] for kind in kinds])
    kind = rng.choice(kinds, p=chances / chances.sum())
    among = [song for song in songs if song.kind == kind]
    return among[rng.integers(len(among))]


def _start(song: Song, source: str, rng: np.random.Generator) -> int:
    return max(0, int(rng.choice(song.loud[source])) * BLOCK - int(rng.integers(0, 2 * RATE)))


def _speed(rng: np.random.Generator) -> float:
    return float(2 ** rng.uniform(-0.5, 0.5)) if rng.random() < 0.8 else 1.0


def _gain(rng: np.random.Generator, spread_db: float) -> np.float32:
    return np.float32(10 ** (rng.normal(0.0, spread_db) / 20))


def _sum(song: Song, source: str, start: int, frames: int, speed: float, rng: np.random.Generator) -> Array:
    """The source's tracks in one stretch (some left out), at another speed and pitch."""
    length = int(frames * speed) + 64
    keep = rng.uniform(0.3, 1.0)
    total = np.zeros((2, length), np.float32)
    for versions in song.tracks[source]:
        if rng.random() < keep or len(song.tracks[source]) == 1:
            piece = versions[rng.integers(len(versions))][:, start : start + length]
            total[:, : piece.shape[1]] += piece * _gain(rng, 1.5)
    if speed != 1.0:
        total = soxr.resample(total.T, RATE * speed, RATE, quality="LQ").T
    return np.ascontiguousarray(total[:, :frames]) if total.shape[1] >= frames else _padded(total, frames)


def _padded(samples: Array, frames: int) -> Array:
    return np.pad(samples, ((0, 0), (0, frames - samples.shape[1])))


def _changed(stem: Array, source: str, rng: np.random.Generator) -> Array:
    """Tone, room, drive, polarity and sides drawn at random."""
    hard = source == "vocals"
    if rng.random() < 0.7:
        stem = _filtered(stem, rng, reverb=rng.random() < (0.4 if hard else 0.15))
    if rng.random() < 0.3:
        drive = rng.uniform(1.0, 4.0) / (np.abs(stem).max() + 1e-3)
        stem = np.tanh(stem * np.float32(drive)) / np.float32(drive)
    if rng.random() < 0.5:
        stem = stem[::-1]
    if rng.random() < 0.2:
        stem = np.broadcast_to(stem.mean(axis=0, keepdims=True), stem.shape)
    if rng.random() < 0.3:
        pan = rng.uniform(-0.6, 0.6)
        stem = stem * np.array([[1 - pan], [1 + pan]], np.float32)
    return stem * np.float32(rng.choice((-1.0, 1.0)))


def _filtered(stem: Array, rng: np.random.Generator, *, reverb: bool) -> Array:
    """A random smooth tone curve, and a random room, in one product of spectra."""
    frames = stem.shape[1]
    size = -(-(frames + RATE // 2) // 16_384) * 16_384
    spectrum = np.fft.rfft(stem, size)
    octaves = np.log2(np.arange(1, spectrum.shape[1] + 1, dtype=np.float32))
    knots = np.linspace(0.0, float(octaves[-1]), 9)
    spectrum *= 10 ** (np.interp(octaves, knots, rng.normal(0.0, 4.5, 9)).astype(np.float32) / 20)
    if reverb:
        tail_frames = int(RATE * 0.4)
        decay = np.exp(-np.arange(tail_frames, dtype=np.float32) / (RATE * rng.uniform(0.03, 0.15)))
        tail = rng.standard_normal((2, tail_frames), np.float32) * decay
        tail *= np.float32(rng.uniform(0.1, 0.6)) / np.linalg.norm(tail, axis=1, keepdims=True)
        tail[:, 0] += 1.0
        spectrum *= np.fft.rfft(tail, size)
    return np.asarray(np.fft.irfft(spectrum, size)[:, :frames], np.float32)
