"""The held-out songs of the matching benchmark, checked by SHA-256, and their two halves.

match_songs.csv lists them: real pieces by the digest of their file, renders by the digest of
their MIDI file. Never trained or tuned on. Where the second half of a piece repeats the first (a
loop that is played twice), only the first `used_s` seconds are taken: a reference that is the truth
itself would not ask what is mastering and what is music.
"""

from __future__ import annotations

import csv
import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import renders
import soundfile
import soxr
from scipy import signal

RATE = 44_100
HALF_S = 30.0
SHORTEST_HALF_S = 9.0
LIST = Path(__file__).parent / "match_songs.csv"
SOUND_FONT_SHA256 = "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1"
"""TimGM6mb.sf2 as in the wheel of pretty_midi 0.2.11 (GPL-2)."""


@dataclass(frozen=True)
class Song:
    """One row of the list."""

    name: str
    artist: str
    source: str
    licence: str
    sha256: str
    seconds: float
    used_s: float

    @property
    def rendered(self) -> bool:
        return self.source.startswith("POP909/")

    @property
    def number(self) -> int:
        """Of a render: its number in POP909."""
        return int(self.source.split("/")[1])


@dataclass(frozen=True)
class Places:
    """Where the material lies."""

    music: Path
    midi: Path
    sound_font: Path
    work: Path


def listed() -> list[Song]:
    """All songs of the list."""
    with LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [Song(**{**row, **{key: float(row[key]) for key in ("seconds", "used_s")}}) for row in rows]


def source_file(song: Song, places: Places) -> Path:
    """The file whose digest the list holds."""
    if song.rendered:
        songs = renders.unpack(places.midi, places.work)
        return songs / song.source.removeprefix("POP909/")
    return places.music / song.source


def check(songs: list[Song], places: Places) -> None:
    """Stop unless every song is the one that the list names, and the sound font the one of the renders."""
    wanted = [(song.name, source_file(song, places), song.sha256) for song in songs]
    if any(song.rendered for song in songs):
        wanted.append(("sound font", places.sound_font, SOUND_FONT_SHA256))
    for name, path, sha256 in wanted:
        if not path.exists():
            raise SystemExit(f"{name}: {path} is missing; give its place by --music, --midi or --sound-font")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{name}: {path} is not the file that the benchmark was made with")


def prepare(song: Song, places: Places) -> Path:
    """The file to read: the piece itself, or its render (made when it is missing)."""
    if song.rendered:
        return renders.render(places.midi, song.number, places.sound_font, places.work)
    return source_file(song, places)


@functools.lru_cache(maxsize=3)
def halves(song: Song, places: Places) -> tuple[np.ndarray, np.ndarray]:
    """The middle of the song's first half and of its second, at most 30 s each, [frames, 2] at 44.1 kHz.

    The whole song is scaled to a sample peak of at most 0.999, as decoded files reach past full scale.
    """
    samples, rate = soundfile.read(prepare(song, places), dtype="float32", always_2d=True)
    samples = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples
    if rate != RATE:
        samples = soxr.resample(samples, rate, RATE, "VHQ")
    samples = _audible(samples[: round(song.used_s * RATE)])
    samples = samples * np.float32(min(1.0, 0.999 / np.abs(samples).max()))
    middle = len(samples) // 2
    first, second = _middle_of(samples[:middle]), _middle_of(samples[middle:])
    if min(len(first), len(second)) < SHORTEST_HALF_S * RATE:
        raise SystemExit(f"{song.name}: its halves are shorter than {SHORTEST_HALF_S:g} s")
    return first, second


def _audible(samples: np.ndarray) -> np.ndarray:
    """Without the silence (below -60 dBFS) before and after."""
    loud = np.flatnonzero(np.abs(samples).max(axis=1) > 1e-3)
    return samples[loud[0] : loud[-1] + 1]


def _middle_of(samples: np.ndarray) -> np.ndarray:
    frames = min(len(samples), round(HALF_S * RATE))
    start = (len(samples) - frames) // 2
    return np.ascontiguousarray(samples[start : start + frames])


def write_list(songs: list[Song], places: Places) -> None:
    """Write the list anew with digests and lengths: for whoever changes it."""
    with LIST.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "artist", "source", "licence", "sha256", "seconds", "used_s"])
        for song in songs:
            digest = hashlib.sha256(source_file(song, places).read_bytes()).hexdigest()
            seconds = round(soundfile.info(prepare(song, places)).duration, 1)
            used_s = song.used_s or seconds
            writer.writerow([song.name, song.artist, song.source, song.licence, digest, seconds, used_s])


def likeness_db(song: Song, places: Places) -> float:
    """How much of one half's energy the best shifted copy of the other explains: 0 dB is a repeat."""
    first, second = (part.mean(axis=1)[: 20 * RATE] for part in halves(song, places))
    cross = np.abs(signal.fftconvolve(second, first[::-1]))
    energy = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(20.0 * np.log10(cross.max() / energy))
