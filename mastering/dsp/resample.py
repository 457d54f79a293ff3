"""Sample-rate conversion with soxr VHQ: the only resampler of the project.

Conventions: linear phase with the filter's delay removed, so a sample at time t stays at
time t; the output has exactly `resampled_frames` frames; the signal counts as silent
before its first and after its last sample. The result does not depend on how the signal
is cut into blocks, to the bit. Equal rates pass the samples through untouched.

The stop band lies below -120 dB with float32 samples (soxr's "very high quality", 28 bit).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import soxr

from mastering.audio import MAX_CHANNELS, Audio, Samples
from mastering.errors import ParameterError
from mastering.units import ranges

__all__ = ["RATES_HZ", "Resampler", "resample", "resampled_frames"]

RATES_HZ = ranges(Audio)["sample_rate"]
"""Rates that can be converted from and to: those an `Audio` may have."""


def resampled_frames(frames: int, rate_in: int, rate_out: int) -> int:
    """Frames that `frames` at `rate_in` Hz become at `rate_out` Hz: the nearest whole number.

    >>> resampled_frames(44_100, 44_100, 48_000)
    48000
    """
    return round(Fraction(frames * rate_out, rate_in))


class Resampler:
    """Converts a stream from one rate to another: push blocks, then flush once.

    Args:
        rate_in: rate of the blocks pushed, Hz, 8000 to 384000.
        rate_out: rate of the blocks returned, Hz, 8000 to 384000.
        channels: rows of every block, 1 to 8.

    Raises:
        ParameterError: a rate or number of channels outside these limits.

    >>> resampler = Resampler(44_100, 48_000, channels=2)
    >>> parts = [resampler.push(np.zeros((2, 44_100), np.float32)), resampler.flush()]
    >>> sum(part.shape[1] for part in parts)
    48000
    """

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        for name, rate in (("rate_in", rate_in), ("rate_out", rate_out)):
            if not RATES_HZ.low <= rate <= RATES_HZ.high:
                raise ParameterError(
                    f"Resampler.{name}={rate}: allowed {RATES_HZ}",
                    hint="Choose a rate such as 44100 or 48000.",
                )
        if not 1 <= channels <= MAX_CHANNELS:
            raise ParameterError(f"Resampler.channels={channels}: allowed 1..{MAX_CHANNELS}")
        self._rate_in = rate_in
        self._rate_out = rate_out
        self._channels = channels
        self._frames_in = 0
        self._frames_out = 0
        # One mono stream per channel keeps [channels, frames]; its bits equal those of a stereo stream.
        self._streams = [
            soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="VHQ")
            for _ in range(channels if rate_in != rate_out else 0)
        ]

    def push(self, samples: Samples) -> Samples:
        """Take float32 [channels, frames]; return what is ready, float32 [channels, >= 0 frames]."""
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise ParameterError(
                f"Resampler.push got shape {samples.shape}: allowed [{self._channels} channels, frames]"
            )
        self._frames_in += samples.shape[1]
        return self._emit(samples, last=False)

    def flush(self) -> Samples:
        """The rest of the stream, float32 [channels, frames]; nothing may be pushed afterwards."""
        # Enough silence that the last frame exists even where soxr rounds the length down.
        silence = np.zeros((self._channels, 2 + 2 * self._rate_in // self._rate_out), np.float32)
        rest = self._emit(silence if self._streams else silence[:, :0], last=True)
        wanted = resampled_frames(self._frames_in, self._rate_in, self._rate_out)
        return rest[:, : rest.shape[1] - (self._frames_out - wanted)]

    def _emit(self, samples: Samples, *, last: bool) -> Samples:
        if self._streams:
            rows = [
                stream.resample_chunk(np.ascontiguousarray(row), last=last)
                for stream, row in zip(self._streams, samples, strict=True)
            ]
            samples = np.stack(rows)
        self._frames_out += samples.shape[1]
        return samples


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """`samples`, float32 [channels, frames], at another rate; raises what `Resampler` raises.

    >>> resample(np.zeros((1, 96_000), np.float32), 96_000, 44_100).shape
    (1, 44100)
    """
    resampler = Resampler(rate_in, rate_out, samples.shape[0])
    return np.concatenate([resampler.push(samples), resampler.flush()], axis=1)
