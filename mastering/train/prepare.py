"""Masters as takes: a loud stretch of each and degraded versions of it, in an order drawn by the seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from mastering.audio import Audio
from mastering.dsp.resample import resample
from mastering.io.files import open_source
from mastering.pipeline import loudest_stretch
from mastering.train.degrade import degrade
from mastering.train.masters import MIN_MASTERS, Master, part_of
from mastering.train.takes import Take, measure

__all__ = ["FAMILY", "STRETCH_S", "prepare"]

FAMILY = "personal"

STRETCH_S = 90.0
"""Most of a song that is learned from."""

RATE_HZ = 44_100
"""What takes are kept at."""


def prepare(
    masters: Sequence[Master],
    *,
    seed: int,
    versions: int,
    seconds: float,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[int, Take]:
    """Takes of the masters by their index, in an order drawn at random.

    Args:
        masters: what to learn from.
        seed: of the order and of the degradations; each song's are its own, whatever the others are.
        versions: degraded ones of each song.
        seconds: no song is begun after this long, but MIN_MASTERS are prepared in any case.
        progress: called with the share that is prepared.

    Raises:
        AudioFileError: a file cannot be read any more.
    """
    begun = time.monotonic()
    takes: dict[int, Take] = {}
    for index in np.random.default_rng(seed).permutation(len(masters)).tolist():
        if len(takes) >= MIN_MASTERS and time.monotonic() - begun > seconds:
            break
        part = part_of(progress, len(takes), len(masters))
        takes[index] = _take(masters[index], np.random.default_rng([seed, index]), versions, part)
    return takes


def _take(master: Master, rng: np.random.Generator, versions: int, progress: Callable[[float], None]) -> Take:
    with open_source(master.path) as source:
        finished = _as_kept(loudest_stretch(source, master.features, STRETCH_S))
    heard = [finished]
    for done in range(versions):
        progress((done + 1) / (versions + 1))
        heard.append(degrade(finished, rng))
    return measure(heard, FAMILY)


def _as_kept(audio: Audio) -> Audio:
    """In stereo at RATE_HZ."""
    samples = audio.samples if audio.channels == 2 else np.repeat(audio.samples, 2, axis=0)
    return Audio(samples=resample(samples, audio.sample_rate, RATE_HZ), sample_rate=RATE_HZ)
