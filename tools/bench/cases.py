"""The cases of the matching benchmark: what goes in, what is the reference, what would be right.

T0   half A untouched, half B the reference, A the truth: nothing should change
T1a  A through the inverse of a random chain of the product's steps
T1b  A through DeepAFx-ST's corruption
T1c  A through corruptions that training has never seen; the headline
T2   A at mix level; the reference is another song through a random chain k, the truth is k(A)

Halves take turns as A. Every random number comes from task, song and turn.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from chains import at_mix_level, audio, inverted, random_chain, rendered
from corruptions import unseen
from corruptions_deepafx import deepafx
from songs import Places, Song, halves

from mastering.measure.features import Features, analyse

RATE = 44_100
PER_SONG = {"T0": 2, "T1a": 2, "T1b": 2, "T1c": 4, "T2": 2}
TASKS = tuple(PER_SONG)
DEGRADED = ("T1a", "T1b", "T1c")


@dataclass(frozen=True)
class Spec:
    """Which case: enough to build it again, to the sample."""

    task: str
    song: Song
    turn: int
    other: Song | None = None

    @property
    def name(self) -> str:
        name = f"{self.task}/{self.song.name}/{self.turn}"
        return name if self.other is None else f"{name}/{self.other.name}"

    @property
    def digest(self) -> str:
        """Of the songs it is made of, as the list has them."""
        return hashlib.sha256(repr((self.song, self.other)).encode()).hexdigest()[:8]

    @property
    def rng(self) -> np.random.Generator:
        seed = f"{self.task}/{self.song.name}/{self.turn}"
        return np.random.default_rng(zlib.crc32(seed.encode()))


@dataclass
class Case:
    """A built case: samples float32 [frames, 2] at 44.1 kHz."""

    spec: Spec
    source: np.ndarray
    reference: np.ndarray
    truth: np.ndarray
    families: tuple[str, ...] = field(default=())

    @functools.cached_property
    def source_features(self) -> Features:
        return analyse(audio(self.source))

    @functools.cached_property
    def reference_features(self) -> Features:
        return analyse(audio(self.reference))


def specs(songs: list[Song]) -> list[Spec]:
    """All cases, songs in turn so that a cut list still holds every song."""
    rng = np.random.default_rng(2)
    found = []
    for task, turns in PER_SONG.items():
        for turn in range(turns):
            others = _others(songs, rng) if task == "T2" else [None] * len(songs)
            found += [Spec(task, song, turn, other) for song, other in zip(songs, others, strict=True)]
    return found


def _others(songs: list[Song], rng: np.random.Generator) -> list[Song]:
    """For each song one by another artist where there is one; each serves about as often."""
    for _ in range(1_000):
        order = [songs[i] for i in rng.permutation(len(songs))]
        if all(a.source != b.source and _apart(a, b) for a, b in zip(songs, order, strict=True)):
            return order
    raise SystemExit("no way found to pair every song with one by another artist")


def _apart(a: Song, b: Song) -> bool:
    return a.artist != b.artist or a.rendered


def build(spec: Spec, places: Places) -> Case:
    """The case's audio."""
    rng = spec.rng
    truth, reference = _turned(spec.song, spec.turn, places)
    if spec.task == "T0":
        return Case(spec, truth, reference, truth)
    if spec.task == "T2":
        return _style(spec, truth, places, rng)
    families: tuple[str, ...] = ()
    if spec.task == "T1a":
        source = inverted(truth, rng)
    elif spec.task == "T1b":
        source = deepafx(truth, rng)
    else:
        source, families = unseen(truth, rng)
    return Case(spec, _at_peak(source, rng.uniform(-10.0, -0.5)), reference, truth, families)


def _turned(song: Song, turn: int, places: Places) -> tuple[np.ndarray, np.ndarray]:
    first, second = halves(song, places)
    return (first, second) if turn % 2 == 0 else (second, first)


def _style(spec: Spec, first: np.ndarray, places: Places, rng: np.random.Generator) -> Case:
    assert spec.other is not None
    chain = random_chain(rng)
    _, other = _turned(spec.other, spec.turn, places)
    mix, model = at_mix_level(first), at_mix_level(other)
    return Case(spec, mix, rendered(model, chain), rendered(mix, chain))


def _at_peak(samples: np.ndarray, peak_dbfs: float) -> np.ndarray:
    return (samples * (10.0 ** (peak_dbfs / 20.0) / np.abs(samples).max())).astype(np.float32)


def code_digest(*names: str) -> str:
    """Digest of modules beside this one, without comments and docstrings: kept results end with it."""
    digest = hashlib.sha256()
    for name in names:
        tree = ast.parse((Path(__file__).parent / name).read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                value = body[0].value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    value.value = ""
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:12]


@functools.cache
def version() -> str:
    """Digest of everything that makes a case, and of the metrics."""
    corrupted_by = ("corruptions", "corruptions_behaviour", "corruptions_colour", "corruptions_deepafx")
    made_by = ("cases", "chains", "envelopes", "filters", "songs", "renders", *corrupted_by)
    return code_digest(*(f"{name}.py" for name in (*made_by, "metrics", "match_metrics")))
