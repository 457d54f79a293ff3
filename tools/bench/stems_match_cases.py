"""Cases: one stem of a song is degraded; the reference is the clean song, another stretch or the same.

level      3 to 8 dB up or down
eq         a smooth curve over the stem, 4 to 9 dB deep, at the stem's loudness
pressed    the input's stem is compressed, the song's is not
open       the song's stem is compressed, the input's is not

Every random number comes from song and turn. The sum of the input's stems is the input, so stems
may be handed over as the truth of what a separator looks for.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
from envelopes import follow, level_db, with_gain
from filters import shaped
from metrics import CENTRES_HZ, integrated_lufs
from stems_match_songs import RATE, Places, Song, Stems, stretches

__all__ = ["KINDS", "Case", "Spec", "build", "specs"]

KINDS = ("level", "eq", "pressed", "open")
SAME_SHARE = 0.25
"""Share of the cases whose reference is the same stretch."""

HELD_OUT = (
    *(Song("6.Caesium", False, True), Song("3.Sodium", False, True)),
    *(Song(f"pop909-{number}", True, True) for number in range(800, 860, 5)),
)
DEVELOPMENT = (
    *(Song("2.Lithium", False, False), Song("7.Francium", False, False)),
    *(Song(f"pop909-{number:03d}", True, False) for number in range(20, 780, 76)),
)
TURNS = {False: 10, True: 3}
"""Rendered or not -> cases of a song."""


@dataclass(frozen=True)
class Spec:
    """Which case: enough to build it again; `place` decides on the kind of degradation."""

    song: Song
    turn: int
    place: int

    @property
    def name(self) -> str:
        return f"{self.song.name}/{self.turn}"


@dataclass(frozen=True)
class Case:
    """A built case; samples float32 [frames, 2] at 44.1 kHz.

    Args:
        spec: which.
        kind: of the degradation.
        stem: the degraded one.
        stems: of the input.
        truth: stems of what the input was made of.
        reference: stems of the reference.
        same: the reference is the same stretch.
    """

    spec: Spec
    kind: str
    stem: str
    stems: Stems = field(repr=False)
    truth: Stems = field(repr=False)
    reference: Stems = field(repr=False)
    same: bool


def specs(held_out: bool) -> list[Spec]:
    """All cases, songs in turn."""
    songs = HELD_OUT if held_out else DEVELOPMENT
    turns = range(max(TURNS.values()))
    found = [(song, turn) for turn in turns for song in songs if turn < TURNS[song.rendered]]
    return [Spec(song, turn, songs.index(song) + turn) for song, turn in found]


def build(spec: Spec, places: Places) -> Case:
    """The case's audio.

    Raises:
        LookupError: the song has no two stretches with the same stems.
    """
    rng = np.random.default_rng([zlib.crc32(spec.song.name.encode()), spec.turn])
    truth, reference = stretches(spec.song, places, rng)
    if spec.turn % 2 and spec.song.rendered:
        truth, reference = reference, truth
    same = bool(rng.random() < SAME_SHARE)
    if same:
        reference = dict(truth)
    kind = KINDS[spec.place % len(KINDS)]
    stem = str(rng.choice(sorted(truth)))
    stems = dict(truth)
    if kind == "level":
        stems[stem] = truth[stem] * np.float32(
            10.0 ** (rng.choice((-1.0, 1.0)) * rng.uniform(3.0, 8.0) / 20.0)
        )
    elif kind == "eq":
        stems[stem] = _equalised(truth[stem], rng)
    elif kind == "pressed":
        stems[stem] = _compressed(truth[stem], rng)
    else:
        amount = rng.bit_generator.state
        truth = {**truth, stem: _compressed(truth[stem], rng)}
        rng.bit_generator.state = amount
        reference = {**reference, stem: _compressed(reference[stem], rng)}
    return Case(spec, kind, stem, stems, truth, reference, same)


def _equalised(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    band = np.arange(len(CENTRES_HZ))
    covariance = np.exp(-0.5 * (band[:, None] - band) ** 2 / rng.uniform(2.5, 6.0) ** 2)
    curve = rng.multivariate_normal(np.zeros(len(band)), covariance + 1e-6 * np.eye(len(band)))
    curve *= rng.uniform(4.0, 9.0) / np.abs(curve).max()
    return _as_loud(shaped(part, CENTRES_HZ, curve), part)


def _compressed(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Feed-forward, RMS, at the loudness of before."""
    level = follow(level_db(part), rng.uniform(3.0, 15.0), rng.uniform(60.0, 200.0))
    threshold = np.percentile(level[level > -60.0], 50)
    ratio = rng.uniform(3.0, 6.0)
    return _as_loud(with_gain(part, -np.maximum(0.0, level - threshold) * (1.0 - 1.0 / ratio)), part)


def _as_loud(samples: np.ndarray, like: np.ndarray) -> np.ndarray:
    gain_db = integrated_lufs(like, RATE) - integrated_lufs(samples, RATE)
    return (samples * 10.0 ** (gain_db / 20.0)).astype(np.float32)
