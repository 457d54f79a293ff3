"""Corruptions no matcher has been trained on: what machines, rooms, codecs and mistakes do to a master.

Training knows smooth curves and tilts, RBJ resonances, low- and high-passes, level and multiband
compression and expansion, tanh saturation and hard clipping, side gain curves, and our own chain
inverted. None of those is used here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from corruptions_behaviour import bleed, codec, dynamic_eq, exciter, gate, haas, phase, transients, upward
from corruptions_colour import air, comb, graphic, loudspeaker, room, tape, vinyl

Rng = np.random.Generator
Family = Callable[[np.ndarray, Rng, float], np.ndarray]

COLOURS: dict[str, Family] = {
    "tape": tape,
    "graphic": graphic,
    "loudspeaker": loudspeaker,
    "room": room,
    "comb": comb,
    "vinyl": vinyl,
    "air": air,
}
"""Families that change the average spectrum most."""

BEHAVIOURS: dict[str, Family] = {
    "transients": transients,
    "upward": upward,
    "dynamic_eq": dynamic_eq,
    "exciter": exciter,
    "gate": gate,
    "bleed": bleed,
    "haas": haas,
    "phase": phase,
    "codec": codec,
}
"""Families that act on dynamics, stereo and detail; a codec comes last."""

STRENGTH = 1.0
"""Chosen by looking at what identity leaves alone: its median LTAS-M is to lie between 2.0 and 2.5 dB."""


def unseen(samples: np.ndarray, rng: Rng) -> tuple[np.ndarray, tuple[str, ...]]:
    """One or two colours and one or two behaviours at random, in random strength; also their names."""
    names = [
        *rng.choice(list(COLOURS), int(rng.integers(1, 3)), replace=False).tolist(),
        *rng.choice(list(BEHAVIOURS), int(rng.integers(1, 3)), replace=False).tolist(),
    ]
    names.sort(key=lambda name: name == "codec")
    for name in names:
        family = (COLOURS | BEHAVIOURS)[name]
        samples = family(samples, rng, STRENGTH * rng.uniform(0.6, 1.3))
    return samples, tuple(names)
