"""New songs from the tracks of a multitrack: random mutes, gains and pans make each remix another record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr

from mastering.audio import Audio
from mastering.io.files import open_source

RATE = 44_100


def read_stereo(path: Path) -> np.ndarray:
    """A file as float32 [2, frames] at 44.1 kHz; mono on both channels."""
    with open_source(path) as source:
        samples = np.concatenate(list(source.blocks()), axis=1)
        if source.sample_rate != RATE:
            samples = soxr.resample(samples.T, source.sample_rate, RATE).T
    samples = np.repeat(samples, 2, axis=0) if samples.shape[0] == 1 else samples
    return np.ascontiguousarray(samples, np.float32)


def read_tracks(folder: Path) -> dict[str, np.ndarray]:
    """All tracks of one song, start-aligned: name -> float16 (half the memory) [2, frames] at 44.1 kHz."""
    tracks = {}
    for path in sorted(folder.glob("*Stem*.m4a")):
        tracks[path.stem.partition("_Stem_")[2]] = read_stereo(path).astype(np.float16)
    longest = max(samples.shape[1] for samples in tracks.values())
    return {name: np.pad(t, ((0, 0), (0, longest - t.shape[1]))) for name, t in tracks.items()}


def whole(tracks: dict[str, np.ndarray], seconds: float, rng: np.random.Generator) -> Audio:
    """A stretch of the song as it was arranged: the sum of all tracks, at a peak of -3 dBFS."""
    frames = int(seconds * RATE)
    longest = next(iter(tracks.values())).shape[1]
    start = int(rng.integers(0, max(1, longest - frames)))
    total = np.zeros((2, min(frames, longest)), np.float32)
    for samples in tracks.values():
        total += samples[:, start : start + frames]
    return Audio(samples=total * np.float32(0.7 / (np.abs(total).max() + 1e-9)), sample_rate=RATE)


def draw(tracks: dict[str, np.ndarray], seconds: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A stretch with a random choice of the tracks that sound in it: at least four."""
    frames = int(seconds * RATE)
    longest = next(iter(tracks.values())).shape[1]
    while True:
        start = int(rng.integers(0, max(1, longest - frames)))
        keep = rng.uniform(0.35, 0.9)
        chosen = {
            name: samples[:, start : start + frames].astype(np.float32)
            for name, samples in tracks.items()
            if rng.random() < keep
        }
        chosen = {name: s for name, s in chosen.items() if np.sqrt(np.mean(np.square(s))) > 1e-3}
        total = sum(chosen.values(), np.zeros((2, min(frames, longest)), np.float32))
        quiet = np.mean(np.abs(total).max(axis=0) < 1e-4)
        if len(chosen) >= 4 and quiet < 0.2:
            return chosen
