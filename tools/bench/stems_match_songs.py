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
LOUDEST_S = 0.25
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
    """Two stretches of a song that do not overlap, with at least three stems sounding in both."""
    stems = _kept(song, places)
    longest = next(iter(stems.values())).shape[1]
    frames = int(STRETCH_S * RATE)
    for _ in range(400):
        first, second = rng.integers(0, max(1, longest - frames), 2) if not song.rendered else (0, frames)
        if abs(int(first) - int(second)) < frames:
            continue
        found = tuple(
            {name: part[:, at : at + frames].astype(np.float32).T for name, part in stems.items()}
            for at in (int(first), int(second))
        )
        both = sounding(found[0]) & sounding(found[1])
        if len(both) >= LEAST_STEMS:
            return tuple({name: part for name, part in one.items() if name in both} for one in found)
        if song.rendered:
            break
    raise LookupError(f"{song.name} has no two stretches with the same stems")


def sounding(stems: Stems) -> set[str]:
    """Stems that are there to be heard, more than half of the time."""
    mix = sum(stems.values())
    floor = np.mean(np.square(mix)) * 10.0 ** (SOUNDING_DB / 10.0)
    hop = RATE // 2
    found = set()
    for name, part in stems.items():
        whole = part[: len(part) // hop * hop].reshape(-1, hop, 2)
        power = np.square(whole).mean(axis=(1, 2))
        if np.mean(power > floor) > 0.5:
            found.add(name)
    return found


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
        middle = int(STRETCH_S * RATE)
        halves = [
            sounding({name: part[:, at : at + middle].astype(np.float32).T for name, part in found.items()})
            for at in (0, middle)
        ]
        if len(halves[0] & halves[1]) >= LEAST_STEMS:
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
