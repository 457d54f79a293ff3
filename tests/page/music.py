"""Music to test on, made up: chords, a bass line, drums and a voice-like tone, from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

__all__ = ["LONG_S", "RATE", "write_song"]

RATE = 44_100
LONG_S = 30.0
"""So long that it does not end while a busy machine gets around to a test's next step."""


def write_song(path: Path, *, seconds: float, seed: int, level: float) -> None:
    """Writes stereo, 24 bit."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    beat = np.mod(time, 0.5)
    chord = sum(
        np.sin(2 * np.pi * f * time + rng.uniform(0, 6)) / (k + 1)
        for k, f in enumerate((220, 277, 330, 440, 660))
    )
    bass = np.sin(2 * np.pi * np.where(np.mod(time, 4) < 2, 55.0, 65.4) * time)
    hiss = rng.standard_normal((2, len(time))) * np.exp(-beat * 30)
    kick = np.sin(2 * np.pi * 50 * beat) * np.exp(-beat * 14)
    slow = 0.6 + 0.4 * np.sin(2 * np.pi * time / 5.0) ** 2
    both = 0.30 * chord * slow + 0.5 * bass + 0.9 * kick
    stereo = np.stack([both, both]) + 0.25 * hiss + 0.05 * rng.standard_normal((2, len(time)))
    stereo *= level / np.sqrt(np.mean(stereo**2))
    soundfile.write(path, np.clip(stereo.T, -1.0, 1.0), RATE, subtype="PCM_24")
