"""The first pass over a recording: which one it is, and the level at which a model hears it.

Demucs hears (mix - mean) / (std + 1e-8), mean and standard deviation taken over the mono mix of the
whole piece. All of that, and the digest by which the cache knows the recording again, comes from one
pass that holds one block.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.audio import AudioSource, Samples
from stems.layout import Group

__all__ = ["Level", "Survey", "survey"]

_SILENCE = 1e-9
_ONE_SIDED = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What the model's input is made with: (samples - mean) / scale; scale 0 is silence."""

    mean: float
    scale: float

    def apply(self, samples: Samples) -> Samples:
        """What the model hears of samples."""
        return (samples - np.float32(self.mean)) / np.float32(self.scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What one pass tells.

    Args:
        sha256: digest of rate, channels and decoded samples, whatever file they come from.
        sample_rate: Hz.
        channels: 1 to 8.
        frames: frames.
        sums: sum of the samples of each channel.
        products: sums of products of each two channels' samples.
    """

    sha256: str
    sample_rate: int
    channels: int
    frames: int
    sums: npt.NDArray[np.float64]
    products: npt.NDArray[np.float64]

    def level(self, group: Group) -> Level:
        """Level of the channels of a group, as demucs takes it: that of their mean.

        Where the channels cancel (polarity turned around on one side) the mean of them tells nothing, and
        their root mean square is taken; a group that never moves is silent.
        """
        chosen, frames = list(group), self.frames
        means = self.sums[chosen] / max(frames, 1)
        covariance = self.products[np.ix_(chosen, chosen)] - frames * np.outer(means, means)
        covariance = covariance / max(frames - 1, 1)
        rms = math.sqrt(max(float(np.trace(covariance)), 0.0) / len(group))
        mono = math.sqrt(max(float(covariance.sum()), 0.0)) / len(group)
        # Rounding of sums leaves a little of a large constant; 1e-7 of it is below 24 bits.
        if rms <= _SILENCE + 1e-7 * float(np.abs(means).max()):
            return Level(mean=0.0, scale=0.0)
        scale = mono if mono > _ONE_SIDED * rms else rms
        return Level(mean=float(means.mean()), scale=scale + 1e-8)


def survey(source: AudioSource, on_progress: Callable[[float], None] = lambda share: None) -> Survey:
    """Read a source once."""
    digest = hashlib.sha256(f"{source.sample_rate} Hz, {source.channels} channels\n".encode())
    sums = np.zeros(source.channels)
    products = np.zeros((source.channels, source.channels))
    frames = 0
    for block in source.blocks():
        digest.update(np.ascontiguousarray(block.T, "<f4").data)
        exact = block.astype(np.float64)
        sums += exact.sum(axis=1)
        products += exact @ exact.T
        frames += block.shape[1]
        on_progress(frames / max(1, source.frames))
    return Survey(
        sha256=digest.hexdigest(),
        sample_rate=source.sample_rate,
        channels=source.channels,
        frames=frames,
        sums=sums,
        products=products,
    )
