"""Songs with their true stems: multitracks grouped by tools/separator/tracks.py, and renders of POP909.

Stems are float32 [frames, 2] at 44.1 kHz, start-aligned; a song that has none of a kind leaves it
out. What is read or rendered is kept in the work folder as float16.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from matcher import midi, remix
from separator.tracks import group

__all__ = ["NAMES", "RATE", "Places", "Song", "stretches"]

NAMES = ("drums", "bass", "other", "vocals")
RATE = 44_100
PLAYERS = {"melody": "vocals", "bass": "bass", "drums": "drums"}
"""Which stem a player of a render stands for; all others are "other". No render sings."""

STRETCH_S = 24.0
RENDER_S = 52.0
HOPS_PER_S = 2
PAIRS = 2_000
"""Pairs of places that are looked at."""

SOUNDING_DB = -25.0
"""A stem sounds in a stretch where its power lies at most this far below the mix's."""

LEAST_STEMS = 3
"""With two stems nobody can tell which one is wrong."""

TRIES = 8
"""Arrangements of a render that are looked at for enough players."""

Stems = dict[str, np.ndarray]


@dataclass(frozen=True)
class Song:
    """Name, where it comes from, and whether settings were chosen by looking at it."""

    name: str
    rendered: bool
    held_out: bool


@dataclass(frozen=True)
class Places:
    """Folders and files.

    Args:
        multitrack: folder of the multitracks.
        midi: folder of the POP909 songs (001, 002, ...).
        sound_font: that FluidSynth plays.
        work: what was read, rendered and measured is kept here.
    """

    multitrack: Path
    midi: Path
    sound_font: Path
    work: Path


def stretches(song: Song, places: Places, rng: np.random.Generator) -> tuple[Stems, Stems]:
    """Two stretches of a song that do not overlap, with at least LEAST_STEMS stems sounding in both.

    Raises:
        LookupError: the song has none.
    """
    stems = _kept(song, places)
    heard = {name: _hops(part) for name, part in stems.items()}
    length = int(STRETCH_S * HOPS_PER_S)
    last = len(next(iter(heard.values()))) - length
    sounding_from = [_sounding(heard, at, length) for at in range(last + 1)]
    pairs = [(0, length)] if song.rendered else rng.integers(0, last + 1, (PAIRS, 2)).tolist()
    for first, second in pairs:
        both = sounding_from[first] & sounding_from[second]
        if abs(first - second) >= length and len(both) >= LEAST_STEMS:
            return _cut(stems, both, first), _cut(stems, both, second)
    raise LookupError(f"{song.name} has no two stretches with the same stems")


def _cut(stems: Stems, names: set[str], hop: int) -> Stems:
    """Stems [frames, 2] of a stretch that starts at a hop."""
    start = hop * RATE // HOPS_PER_S
    frames = int(STRETCH_S * RATE)
    return {name: stems[name][:, start : start + frames].astype(np.float32).T for name in sorted(names)}


def _hops(part: np.ndarray) -> np.ndarray:
    """Mean power of each hop."""
    step = RATE // HOPS_PER_S
    whole = part[:, : part.shape[1] // step * step].reshape(2, -1, step)
    return np.array([np.square(whole[:, hop].astype(np.float32)).mean() for hop in range(whole.shape[1])])


def _sounding(heard: dict[str, np.ndarray], first: int, length: int) -> set[str]:
    """Stems that are there to be heard in a stretch, more than half of the time."""
    powers = {name: hops[first : first + length] for name, hops in heard.items()}
    floor = sum(hops.mean() for hops in powers.values()) * 10.0 ** (SOUNDING_DB / 10.0)
    return {name for name, hops in powers.items() if np.mean(hops > floor) > 0.5}


def _kept(song: Song, places: Places) -> dict[str, np.ndarray]:
    """All stems of a song, float16 [2, frames], from the work folder or made now."""
    folder = places.work / "stems" / song.name
    if not folder.exists():
        made = _rendered(song, places) if song.rendered else _grouped(places.multitrack / song.name)
        unfinished = folder.with_name(f".{song.name}")
        unfinished.mkdir(parents=True, exist_ok=True)
        for name, samples in made.items():
            np.save(unfinished / f"{name}.npy", samples)
        unfinished.rename(folder)
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}


def _grouped(folder: Path) -> dict[str, np.ndarray]:
    """Tracks summed by stem, the whole song at a peak of -3 dBFS."""
    found: dict[str, np.ndarray] = {}
    for track, samples in remix.read_tracks(folder).items():
        name = group(track)
        part = samples.astype(np.float32)
        found[name] = found[name] + part if name in found else part
    gain = np.float32(0.7 / np.abs(sum(found.values())).max())
    return {name: (gain * part).astype(np.float16) for name, part in found.items()}


def _rendered(song: Song, places: Places) -> dict[str, np.ndarray]:
    """The first arrangement in whose halves enough stems sound."""
    number = song.name.removeprefix("pop909-")
    for attempt in range(TRIES):
        found = _arranged(places, number, np.random.default_rng([int(number), attempt]))
        heard = {name: _hops(part) for name, part in found.items()}
        length = int(STRETCH_S * HOPS_PER_S)
        if len(_sounding(heard, 0, length) & _sounding(heard, length, length)) >= LEAST_STEMS:
            return found
    raise LookupError(f"{song.name} has no arrangement with {LEAST_STEMS} stems in both halves")


def _arranged(places: Places, number: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for player, part in midi.stems(places.midi / number, places.sound_font, RENDER_S, rng).items():
        name = PLAYERS.get(player, "other")
        balanced = part * np.float32(10.0 ** (rng.uniform(-3.0, 3.0) / 20.0))
        found[name] = found[name] + balanced if name in found else balanced
    gain = np.float32(0.7 / (np.abs(sum(found.values())).max() + 1e-9))
    return {name: (gain * part).astype(np.float16) for name, part in found.items()}
