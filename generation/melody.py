"""A melody: rhythmic cells that return, chord tones on the beat, scale steps between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from generation.harmony import Chord, Key

__all__ = ["Motif", "draw_motifs", "sing_bar"]

Cell: TypeAlias = tuple[tuple[float, float], ...]

CALM: tuple[Cell, ...] = (
    ((0.0, 1.5), (1.5, 0.5), (2.0, 1.5)),
    ((0.5, 0.5), (1.0, 1.0), (2.5, 1.0)),
    ((0.0, 1.0), (1.0, 0.5), (1.5, 2.0)),
    ((1.0, 0.5), (1.5, 0.5), (2.0, 1.5)),
    ((0.0, 2.5),),
)
LIVELY: tuple[Cell, ...] = (
    ((0.0, 0.5), (0.5, 0.5), (1.0, 0.5), (1.5, 1.0), (2.5, 0.5), (3.0, 0.75)),
    ((0.0, 0.75), (0.75, 0.75), (1.5, 0.5), (2.0, 1.0), (3.0, 0.5), (3.5, 0.5)),
    ((0.0, 1.0), (1.0, 0.5), (1.5, 0.5), (2.0, 0.5), (2.5, 1.25)),
    ((0.5, 0.5), (1.0, 0.5), (1.5, 0.5), (2.0, 1.5), (3.5, 0.5)),
    ((0.0, 0.5), (0.5, 1.0), (1.5, 0.5), (2.0, 0.5), (2.5, 0.5), (3.0, 0.75)),
)
"""One bar each as (start, length) in beats."""

LOWEST, HIGHEST = 65, 84


@dataclass(frozen=True, slots=True, kw_only=True)
class Motif:
    """A rhythm and the scale steps between its notes."""

    cell: Cell
    steps: tuple[int, ...]


def draw_motifs(rng: np.random.Generator, *, lively: bool) -> tuple[Motif, Motif, Motif, Motif]:
    """Four bars A B A C: what comes back is what makes a tune."""
    cells = LIVELY if lively else CALM
    order = rng.permutation(len(cells))
    a, b, c = (_motif(rng, cells[int(i)]) for i in order[:3])
    return a, b, a, c


def _motif(rng: np.random.Generator, cell: Cell) -> Motif:
    steps = rng.choice((-2, -1, -1, 1, 1, 2, 3), size=len(cell))
    return Motif(cell=cell, steps=tuple(int(s) for s in steps))


def sing_bar(motif: Motif, key: Key, chord: Chord, start_pitch: int) -> list[tuple[float, float, int]]:
    """One bar over one chord as (start, length, pitch), beginning near `start_pitch`."""
    ladder = [p for p in range(LOWEST, HIGHEST + 1) if p % 12 in key.pitch_classes]
    tones = [p for p in range(LOWEST, HIGHEST + 1) if p % 12 in chord.pitch_classes]
    rung = min(range(len(ladder)), key=lambda i: abs(ladder[i] - start_pitch))
    sung = []
    for (start, length), step in zip(motif.cell, motif.steps, strict=True):
        rung += step if 0 <= rung + step < len(ladder) else -step
        pitch = ladder[rung]
        if start % 1.0 == 0.0 or length >= 1.0:
            pitch = min(tones, key=lambda tone: abs(tone - pitch))
        rung = min(range(len(ladder)), key=lambda i: abs(ladder[i] - pitch))
        sung.append((start, length, pitch))
    return sung
