"""Audio and Stems: plain values. No files and no signal processing here.

Layout: samples are float32 [channels, frames], full scale 1.0, everywhere in the project;
only `mastering.io` transposes (see tools/decisions/0001).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mastering.errors import ParameterError
from mastering.units import Range, check_ranges

__all__ = ["BLOCK_FRAMES", "MAX_CHANNELS", "Audio", "AudioSource", "Samples", "Stems"]

Samples: TypeAlias = npt.NDArray[np.float32]

BLOCK_FRAMES = 65_536
"""Frames in every block of a stream but the last: 1.5 s at 44.1 kHz, 512 kB in stereo."""

MAX_CHANNELS = 8


class AudioSource(Protocol):
    """Audio that can be read from the start any number of times, block by block.

    `Audio` is one; a file opened by `mastering.io.files.open_source` is another. Everything
    that measures or renders takes a source, so that six hours need no more memory than six
    seconds.
    """

    @property
    def sample_rate(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def frames(self) -> int: ...

    def blocks(self) -> Iterator[Samples]:
        """Blocks float32 [channels, BLOCK_FRAMES], the last one shorter; finite values."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audio:
    """Samples with their rate.

    Args:
        samples: float32 [channels, frames], 1 to 8 channels, finite; kept read-only.
        sample_rate: in Hz, 8000 to 384000.

    Raises:
        ParameterError: wrong shape, type, rate, or a value that is not finite.

    >>> Audio(samples=np.zeros((2, 441), np.float32), sample_rate=44_100).duration_s
    0.01
    """

    samples: Samples = field(repr=False)
    sample_rate: Annotated[int, Range(8_000, 384_000, "Hz")]

    def __post_init__(self) -> None:
        check_ranges(self)
        samples = self.samples
        if samples.ndim != 2 or not 1 <= samples.shape[0] <= MAX_CHANNELS:
            raise ParameterError(
                f"Audio.samples has shape {samples.shape}: allowed [1..{MAX_CHANNELS} channels, frames]",
                hint="Put channels first: samples.T if they came from soundfile.",
            )
        if samples.dtype != np.float32:
            raise ParameterError(
                f"Audio.samples is {samples.dtype}: allowed float32",
                hint="Convert with samples.astype(numpy.float32), full scale 1.0.",
            )
        if not np.isfinite(samples).all():
            raise ParameterError(
                "Audio.samples holds NaN or infinite values: only finite samples are allowed",
                hint="Repair or re-export the audio.",
            )
        view = samples.view()
        view.flags.writeable = False
        object.__setattr__(self, "samples", view)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate

    def blocks(self) -> Iterator[Samples]:
        """The samples in blocks of BLOCK_FRAMES, so that Audio is an AudioSource."""
        for start in range(0, self.frames, BLOCK_FRAMES):
            yield self.samples[:, start : start + BLOCK_FRAMES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stems:
    """Named stems of one piece: one rate, one length, one number of channels.

    Args:
        parts: name ("drums", "bass", ...) -> Audio; at least one.

    Raises:
        ParameterError: no stems, or stems that do not line up.
    """

    parts: Mapping[str, Audio]

    def __post_init__(self) -> None:
        layouts = {(a.sample_rate, a.channels, a.frames) for a in self.parts.values()}
        if len(layouts) != 1:
            raise ParameterError(
                f"Stems of {len(layouts)} different layouts (rate, channels, frames): allowed exactly one",
                hint="Resample and pad the stems to the same rate and length first.",
            )

    @property
    def sample_rate(self) -> int:
        return next(iter(self.parts.values())).sample_rate

    def mix(self) -> Audio:
        """The plain sum of all stems."""
        total = np.stack([a.samples for a in self.parts.values()]).sum(axis=0, dtype=np.float64)
        return Audio(samples=np.asarray(total, dtype=np.float32), sample_rate=self.sample_rate)

    def residual(self, original: Audio) -> Audio:
        """`original` minus the sum: what the stems leave out."""
        return Audio(samples=original.samples - self.mix().samples, sample_rate=self.sample_rate)
