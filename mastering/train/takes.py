"""Takes: a song and its degraded versions as frames of band powers, small enough to keep hundreds.

What a matcher sees of a piece are `Features`; those of any stretch of a take follow from its
frames without touching audio again, so every training case can be cut anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mastering.audio import BLOCK_FRAMES, Audio
from mastering.measure.dynamics import DynamicsMeter
from mastering.measure.levels import LevelMeter
from mastering.measure.loudness import LoudnessMeter
from mastering.measure.spectrum import SpectrumMeter

__all__ = ["FRAME_S", "Take", "load", "measure", "save"]

Array = npt.NDArray[np.float32]

FRAME_S = 16_384 / 44_100
"""Hop of the spectral frames at the 44.1 kHz that takes are kept at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """Versions of one song; version 0 is the finished song, the others are degraded.

    Attributes:
        spectra: [versions, frames, 2, 31] third-octave powers of mid and side.
        dynamics: [versions, 16 frames + 16, 4] powers of the wide bands every 1024 samples.
        loudness: [versions, hops] K-weighted power of each 100 ms.
        peaks: [versions, hops] largest |sample| of each 100 ms.
        bandwidth_hz: [versions].
        family: names of who made it, for tables: "midi", "multitrack", "band", "music".
    """

    spectra: Array
    dynamics: Array
    loudness: Array
    peaks: Array
    bandwidth_hz: Array
    family: str

    @property
    def frames(self) -> int:
        return int(self.spectra.shape[1])


def measure(versions: list[Audio], family: str) -> Take:
    """A take of one song's versions, all of one length, stereo, 44.1 kHz."""
    rows = [_frames(version) for version in versions]
    columns = [np.stack([row[i] for row in rows]) for i in range(4)]
    bandwidth_hz = np.array([row[4] for row in rows], np.float32)
    spectra, dynamics, loudness, peaks = columns
    return Take(
        spectra=spectra,
        dynamics=dynamics,
        loudness=loudness,
        peaks=peaks,
        bandwidth_hz=bandwidth_hz,
        family=family,
    )


def _frames(audio: Audio) -> tuple[Array, Array, Array, Array, float]:
    spectrum = SpectrumMeter(audio.sample_rate, audio.channels)
    dynamics = DynamicsMeter(audio.sample_rate, audio.channels)
    loudness = LoudnessMeter(audio.sample_rate, audio.channels)
    levels = LevelMeter(audio.sample_rate, audio.channels)
    for start in range(0, audio.frames, BLOCK_FRAMES):
        block = np.ascontiguousarray(audio.samples[:, start : start + BLOCK_FRAMES])
        spectrum.push(block)
        dynamics.push(block)
        loudness.push(block)
        levels.push(block)
    spectra = spectrum.powers()
    return (
        spectra,
        dynamics.powers()[: 16 * len(spectra) + 16],
        loudness.powers_100ms().astype(np.float32),
        levels.peaks_100ms().astype(np.float32),
        spectrum.result().bandwidth_hz,
    )


def save(take: Take, path: Path) -> None:
    """Write a take; the file appears whole or not at all."""
    unfinished = path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        spectra=take.spectra,
        dynamics=take.dynamics,
        loudness=take.loudness,
        peaks=take.peaks,
        bandwidth_hz=take.bandwidth_hz,
        family=np.array(take.family),
    )
    unfinished.replace(path)


def load(path: Path) -> Take:
    """Read a take."""
    with np.load(path) as file:
        return Take(
            spectra=file["spectra"],
            dynamics=file["dynamics"],
            loudness=file["loudness"],
            peaks=file["peaks"],
            bandwidth_hz=file["bandwidth_hz"],
            family=str(file["family"]),
        )
