"""What the jobs of jobs.py work on: short synthesised songs, and real ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from mastering import library
from mastering.cli.tasks import MasterTask
from mastering.jobspec import MasterJob, merge_delivery

__all__ = ["real_songs", "synthesise", "task"]

_RATE_HZ = 44_100
_MUSIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "music"


def synthesise(path: Path, seed: int, duration_s: float) -> Path:
    """A stereo file of brown noise; each seed another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    samples = np.cumsum(rng.standard_normal((round(duration_s * _RATE_HZ), 2)), axis=0)
    samples -= np.linspace(samples[0], samples[-1], len(samples))
    soundfile.write(path, 0.3 * samples / np.abs(samples).max(), _RATE_HZ, subtype="PCM_24")
    return path


def real_songs(count: int, folder: Path) -> tuple[str, list[Path]]:
    """What they are, and so many files: recordings of 10 to 300 s, the longest first, or synthesised ones."""
    found = []
    for path in sorted(_MUSIC.rglob("*.ogg")):
        duration_s = soundfile.info(path).duration
        if 10.0 <= duration_s <= 300.0:
            found.append((-duration_s, path))
    if len(found) < count:
        return "synthesised songs of 60 s", [
            synthesise(folder / f"{number}.wav", number, 60.0) for number in range(count)
        ]
    chosen = sorted(found)[:count]
    return f"recordings, {-sum(length for length, _ in chosen) / 60.0:.0f} min", [path for _, path in chosen]


def task(source: Path, output: Path) -> MasterTask:
    """What `tonmeister master SOURCE -o OUTPUT` does."""
    style = library.load_style("balanced")
    job = MasterJob(style=style, delivery=merge_delivery(style, None, {}, referenced=False))
    return MasterTask(source=source, output=output, job=job, make_folder=True)
