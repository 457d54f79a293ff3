"""The held-out mixtures of the separation benchmark, each with its true stems.

`caesium`: the song kept from training, whole; it has no bass track. `renders`: POP909 songs 800 to 859
by FluidSynth with a sound font that training does not use, balanced, and sung over by Caesium's voices.
`band`: pieces of our own synthesizer with seeds from 9000, sung over in the same way. `sodium`: a song
that only a model of a leave-one-out fold may be judged on; its bass is real.

Whole cases are kept in the work folder, under the digest of the code that makes them.
"""

from __future__ import annotations

import functools
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TOOLS = Path(__file__).resolve().parents[1]
if str(TOOLS) not in sys.path:
    sys.path.append(str(TOOLS))

from cases import code_digest  # noqa: E402
from matcher import midi, remix  # noqa: E402
from separator.tracks import group, is_master  # noqa: E402

from generation.piece import render_piece  # noqa: E402

RATE = remix.RATE
STEMS = ("drums", "bass", "other", "vocals")
SETS = ("caesium", "renders", "band", "sodium")
FOLDERS = {"caesium": "6.Caesium", "sodium": "3.Sodium"}
SONGS = range(800, 860, 5)
SEEDS = range(9000, 9006)
SECONDS = 30
VOICE_DB = (-5.0, 1.0)
"""Level of the singing against the band's."""
BALANCE_DB = {"drums": (-6.0, 2.0), "bass": (-7.0, 0.0)}
"""Levels of a render's stems against all other players; as FluidSynth plays them, drums are hardly heard."""
SUNG = 0.6
"""Least share of a stretch that is sung."""
LOUD = 1e-3
"""RMS that a stem of a render must reach."""


@dataclass(frozen=True)
class Places:
    """Where the material lies, and the work folder."""

    multitrack: Path
    midi: Path
    sound_font: Path
    work: Path


@dataclass(frozen=True)
class Spec:
    """One case before it is built.

    Args:
        set: one of SETS.
        name: key of its kept results; of renders and pieces also number or seed.
        number: POP909's, or the seed.
    """

    set: str
    name: str
    number: int = 0


@dataclass(frozen=True, eq=False)
class Case:
    """A mixture and what it is made of: stem -> float32 [2, frames], without stems that are not there."""

    spec: Spec
    stems: dict[str, np.ndarray]

    @functools.cached_property
    def mix(self) -> np.ndarray:
        """The plain sum."""
        return np.sum(list(self.stems.values()), axis=0, dtype=np.float32)


def specs() -> list[Spec]:
    """All cases in order."""
    found = [Spec("caesium", "caesium")]
    found += [Spec("renders", f"render-{number}", number) for number in SONGS]
    found += [Spec("band", f"band-{seed}", seed) for seed in SEEDS]
    return [*found, Spec("sodium", "sodium")]


def build(spec: Spec, places: Places) -> Case:
    """A case, from the work folder where it was made before."""
    folder = places.work / "cases" / f"{spec.name}-{version()}"
    if not folder.exists():
        unfinished = folder.with_name(f".{folder.name}-{os.getpid()}")
        unfinished.mkdir(parents=True, exist_ok=True)
        for stem, samples in _made(spec, places).items():
            np.save(unfinished / f"{stem}.npy", np.ascontiguousarray(samples, np.float32))
        unfinished.rename(folder)
    kept = {stem: folder / f"{stem}.npy" for stem in STEMS}
    return Case(spec, {stem: np.load(path) for stem, path in kept.items() if path.exists()})


@functools.cache
def version() -> str:
    """Of everything that makes a case."""
    made_by = ("separate_cases.py", "../matcher/midi.py", "../matcher/remix.py", "../separator/tracks.py")
    return code_digest(*made_by)


def _made(spec: Spec, places: Places) -> dict[str, np.ndarray]:
    makers = {"renders": _render, "band": _band}
    return makers[spec.set](spec, places) if spec.set in makers else _song(spec, places)


def _song(spec: Spec, places: Places) -> dict[str, np.ndarray]:
    name = FOLDERS[spec.set]
    stems: dict[str, np.ndarray] = {}
    for track, samples in remix.read_tracks(places.multitrack / name).items():
        if not is_master(track):
            stem = group(f"{name}_Stem_{track}")
            stems[stem] = stems.get(stem, np.float32(0.0)) + samples.astype(np.float32)
    return stems


def _render(spec: Spec, places: Places) -> dict[str, np.ndarray]:
    """The first arrangement, from the song's number on, in which drums, bass and others sound."""
    song = _unpacked(places) / f"{spec.number:03d}"
    for turn in range(50):
        rng = np.random.default_rng([spec.number, turn])
        stems = _grouped(midi.stems(song, places.sound_font, SECONDS, rng))
        if len(stems) == 3 and all(_rms(samples) > LOUD for samples in stems.values()):
            return _sung_over(_balanced(stems, rng), rng, places)
    raise SystemExit(f"{spec.name}: no arrangement with drums and bass")


def _balanced(stems: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    level = _rms(stems["other"])
    wanted = {stem: level * 10.0 ** (rng.uniform(*limits) / 20.0) for stem, limits in BALANCE_DB.items()}
    return {
        stem: samples * np.float32(wanted[stem] / _rms(samples)) if stem in wanted else samples
        for stem, samples in stems.items()
    }


def _band(spec: Spec, places: Places) -> dict[str, np.ndarray]:
    piece = render_piece(spec.number, duration_s=SECONDS, sample_rate=RATE)
    parts = {name: audio.samples for name, audio in piece.parts.items()}
    return _sung_over(_grouped(parts), np.random.default_rng(spec.number), places)


def _grouped(players: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    stems: dict[str, np.ndarray] = {}
    for player, samples in players.items():
        stem = player if player in ("drums", "bass") else "other"
        stems[stem] = stems.get(stem, np.float32(0.0)) + samples
    return stems


def _sung_over(
    stems: dict[str, np.ndarray], rng: np.random.Generator, places: Places
) -> dict[str, np.ndarray]:
    """The band with a stretch of Caesium's voices that is sung for the most part."""
    voices = build(Spec("caesium", "caesium"), places).stems["vocals"]
    seconds = voices[:, : voices.shape[1] // RATE * RATE].reshape(2, -1, RATE)
    sounding = np.square(seconds).mean(axis=(0, 2)) > LOUD**2
    sung = np.convolve(sounding, np.ones(SECONDS), mode="valid") / SECONDS
    start = int(rng.choice(np.flatnonzero(sung > SUNG))) * RATE
    stretch = voices[:, start : start + SECONDS * RATE]
    band = np.sum(list(stems.values()), axis=0)
    gain = _rms(band) / _rms(stretch) * 10.0 ** (rng.uniform(*VOICE_DB) / 20.0)
    return {**stems, "vocals": stretch * np.float32(gain)}


def _unpacked(places: Places) -> Path:
    """Folder of the held-out POP909 songs, unpacked once."""
    if places.midi.is_dir():
        return places.midi
    songs = places.work / "POP909"
    if not (songs / f"{SONGS[-1]}" / f"{SONGS[-1]}.mid").exists():
        wanted = tuple(f"POP909/{number:03d}/" for number in SONGS)
        with tarfile.open(places.midi) as tar:
            for member in tar:
                if member.name.startswith(wanted):
                    tar.extract(member, places.work, filter="data")
    return songs


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
