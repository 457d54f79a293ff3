"""Keys, chords and their voicing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Chord", "Key", "chord_on", "draw_key", "draw_progression", "voice"]

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}

PROGRESSIONS = {
    "major": (
        (1, 5, 6, 4),
        (6, 4, 1, 5),
        (1, 6, 4, 5),
        (4, 1, 5, 6),
        (1, 3, 4, 5),
        (2, 5, 1, 6),
        (1, 4, 6, 5),
    ),
    "minor": ((1, 6, 3, 7), (1, 7, 6, 5), (1, 4, 6, 5), (6, 7, 1, 3), (1, 3, 7, 4), (4, 6, 1, 5)),
}
"""Four-bar progressions as scale degrees, 1 = tonic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Tonic as a pitch class (0 = C) and mode."""

    tonic: int
    mode: str

    @property
    def name(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        return tuple((self.tonic + step) % 12 for step in SCALES[self.mode])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """Pitch classes, root first."""

    pitch_classes: tuple[int, ...]

    @property
    def root(self) -> int:
        return self.pitch_classes[0]


def draw_key(rng: np.random.Generator) -> Key:
    """A key, major and minor equally often."""
    return Key(tonic=int(rng.integers(12)), mode=("major", "minor")[int(rng.integers(2))])


def draw_progression(rng: np.random.Generator, key: Key) -> tuple[int, ...]:
    """Degrees of four bars that are idiomatic in the key's mode."""
    choices = PROGRESSIONS[key.mode]
    return choices[int(rng.integers(len(choices)))]


def chord_on(key: Key, degree: int, *, sizes: int = 3) -> Chord:
    """The chord of `sizes` stacked thirds on a degree; the dominant of a minor key is major."""
    scale = list(key.pitch_classes)
    if key.mode == "minor" and degree == 5:
        scale[6] = (scale[6] + 1) % 12
    return Chord(pitch_classes=tuple(scale[(degree - 1 + 2 * i) % 7] for i in range(sizes)))


def voice(chord: Chord, previous: tuple[int, ...], *, centre: int = 60) -> tuple[int, ...]:
    """MIDI pitches of a chord in close position that move least from the previous voicing.

    Args:
        previous: the last voicing, empty for the first chord.
        centre: pitch the voicing stays around when there is nothing to follow.
    """
    candidates = [
        _stack(chord.pitch_classes[turn:] + chord.pitch_classes[:turn], lowest)
        for turn in range(len(chord.pitch_classes))
        for lowest in (centre - 12, centre - 5)
    ]

    def cost(pitches: tuple[int, ...]) -> float:
        drift = abs(sum(pitches) / len(pitches) - centre)
        if len(previous) != len(pitches):
            return drift
        return sum(abs(a - b) for a, b in zip(pitches, previous, strict=True)) + 0.5 * drift

    return min(candidates, key=cost)


def _stack(pitch_classes: tuple[int, ...], lowest: int) -> tuple[int, ...]:
    pitches: list[int] = []
    floor = lowest
    for pitch_class in pitch_classes:
        pitches.append(floor + (pitch_class - floor) % 12)
        floor = pitches[-1] + 1
    return tuple(pitches)
