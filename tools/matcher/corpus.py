"""The corpus as takes on disk: one file a song, with its split and its seed in the name.

Splits, by song and by artist, decided before anything is trained:
    train  remixes of Lithium, Sodium and Francium, and stretches of their whole mixes; every third of
           POP909 021 to 615; our procedural band; the pieces of Johan Brodd in the music folder
    dev    remixes of Caesium; every third of POP909 801 to 859; the pieces of M374LX in the music folder
    test   tools/bench/match_songs.csv: records by other artists, POP909 001 to 020 with another sound font
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generation.piece import render_piece
from mastering.audio import Audio
from mastering.train.degrade import degrade
from mastering.train.takes import measure, save
from matcher import finish, midi, remix

__all__ = ["DEV_PIECES", "Folders", "build", "build_items"]

SECONDS = 64.0
VERSIONS = 6
TRAIN_MULTITRACKS = ("2.Lithium", "3.Sodium", "7.Francium")
DEV_MULTITRACKS = ("6.Caesium",)
DEV_PIECES = ("speed", "title", "drowning")
TRAIN_PIECES = (
    "boss",
    "intro",
    "invincible",
    "menu",
    "sharp",
    "template",
    "theme",
    "winning_plus",
    "winning_plusplus",
)
"""Pieces of at least 15 s by one artist, none of whose works are in the other splits."""

PIECE_S = 130.0
WHOLE_MIXES = 4
"""Stretches of each multitrack with all of its tracks at the gains they have."""

REMIXES = {"train": 55, "dev": 24}
SONGS = {"train": range(21, 618, 3), "dev": range(801, 860, 3)}
ITEM_STRIDE = 3
"""Every third MIDI song also gives a case with sound."""

BANDS = {"train": range(100, 150), "dev": range(150, 156)}


@dataclass(frozen=True)
class Folders:
    """Where the sources are: POP909 unpacked, multitracks, music, a General MIDI sound font."""

    midi: Path
    multitrack: Path
    music: Path
    sound_font: Path


@dataclass(frozen=True)
class Task:
    """One song to make."""

    split: str
    family: str
    name: str
    number: int

    @property
    def file_name(self) -> str:
        return f"{self.split}-{self.family}-{self.name}-{self.number:03d}.npz"

    def rng(self) -> np.random.Generator:
        """The same song always gets the same draws, whichever others are made."""
        return np.random.default_rng([zlib.crc32(self.file_name.encode()), 20261122])


def build(folders: Folders, out: Path, jobs: int, say: Callable[[str], None] = print) -> None:
    """Make all takes that are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    groups = [group for group in _groups() if any(not (out / t.file_name).exists() for t in group)]
    with ProcessPoolExecutor(jobs) as pool:
        for count, names in enumerate(
            pool.map(_make_group, groups, [folders] * len(groups), [out] * len(groups))
        ):
            say(f"{count + 1}/{len(groups)} {names}")


def build_items(folders: Folders, out: Path, jobs: int, say: Callable[[str], None] = print) -> None:
    """Make the cases with sound for the last stage (`mastering.train.dynamics`) that are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    tasks = [
        Task(split, family, "item", number)
        for split in ("dev", "train")
        for family, songs in (("midi", SONGS[split][::ITEM_STRIDE]), ("band", BANDS[split]))
        for number in songs
    ]
    missing = [task for task in tasks if not (out / task.file_name).exists()]
    with ProcessPoolExecutor(jobs) as pool:
        for count, name in enumerate(
            pool.map(_make_item, missing, [folders] * len(missing), [out] * len(missing))
        ):
            say(f"{count + 1}/{len(missing)} {name}")


def _make_item(task: Task, folders: Folders, out: Path) -> str:
    from mastering.train.dynamics import draw_item, save_item

    rng = task.rng()
    save_item(draw_item(_song(task, folders, {}, rng), rng), out / task.file_name)
    return task.file_name


def _groups() -> Iterator[list[Task]]:
    """Tasks that share what is costly to read: one multitrack's remixes come together."""
    for split, songs in (("train", TRAIN_MULTITRACKS), ("dev", DEV_MULTITRACKS)):
        for song in songs:
            yield [Task(split, "multitrack", song, i) for i in range(REMIXES[split])]
    for song in TRAIN_MULTITRACKS:
        yield [Task("train", "whole", song, i) for i in range(WHOLE_MIXES)]
    yield [Task("dev", "music", piece, 0) for piece in DEV_PIECES]
    for piece in TRAIN_PIECES:
        yield [Task("train", "music", piece, number) for number in range(2)]
    for split in ("dev", "train"):
        yield [Task(split, "band", "band", seed) for seed in BANDS[split]]
        for number in SONGS[split]:
            yield [Task(split, "midi", "pop909", number)]


def _make_group(tasks: list[Task], folders: Folders, out: Path) -> str:
    missing = [task for task in tasks if not (out / task.file_name).exists()]
    is_multitrack = missing[0].family in ("multitrack", "whole")
    tracks = remix.read_tracks(folders.multitrack / missing[0].name) if is_multitrack else {}
    for task in missing:
        rng = task.rng()
        song = _song(task, folders, tracks, rng)
        versions = [song, *(degrade(song, rng) for _ in range(VERSIONS - 1))]
        save(measure(versions, task.family), out / task.file_name)
    return missing[0].file_name


def _song(task: Task, folders: Folders, tracks: dict[str, np.ndarray], rng: np.random.Generator) -> Audio:
    if task.family == "music":
        return _part(remix.read_stereo(folders.music / "opensurge" / f"{task.name}.ogg"), task.number)
    if task.family == "whole":
        return finish.finish(remix.whole(tracks, 1.5 * SECONDS, rng), rng)
    if task.family == "multitrack":
        stems = remix.draw(tracks, SECONDS, rng)
        return finish.finish(finish.mix(_balanced(stems, rng), rng, spread_db=0.0), rng)
    if task.family == "band":
        parts = render_piece(seed=task.number, duration_s=SECONDS, sample_rate=finish.RATE).parts
        stems = {name: np.asarray(part.samples) for name, part in parts.items()}
    else:
        folder = folders.midi / f"{task.number:03d}"
        stems = midi.stems(folder, folders.sound_font, SECONDS, rng)
    return finish.finish(finish.mix(stems, rng), rng)


def _balanced(stems: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The multitrack's own balance, moved by 4 dB (standard deviation) a track."""
    return {name: s * np.float32(10.0 ** (rng.normal(0.0, 4.0) / 20.0)) for name, s in stems.items()}


def _part(samples: np.ndarray, number: int) -> Audio:
    """The first or the last PIECE_S of a piece; all of a shorter one."""
    frames = round(PIECE_S * finish.RATE)
    part = samples[:, -frames:] if number else samples[:, :frames]
    return Audio(samples=np.ascontiguousarray(part), sample_rate=finish.RATE)
