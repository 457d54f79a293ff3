"""Dither: float samples become 16- or 24-bit integers without correlated distortion.

Non-subtractive TPDF dither of +-1 LSB: the mean of the error is zero and its power is
LSB^2/4 whatever the signal (Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither:
a theoretical survey", JAES 40, 1992). The noise is drawn in frame order from one seeded
stream, so neither the block size nor the machine changes a bit of the result.

Digital silence stays digital silence: a frame that is exactly zero in every channel is
written as zero. The noise of such a frame is drawn all the same, so the rule is decided
frame by frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.audio import MAX_CHANNELS, Samples
from mastering.dsp.jit import kernel
from mastering.errors import ParameterError

__all__ = ["DITHERED_BIT_DEPTHS", "Dither"]

DITHERED_BIT_DEPTHS = (16, 24)
"""Bit depths that are PCM and so are dithered; 32 is float here and is not."""

_NOISE_FRAMES = 16_384
"""Frames quantised at once: the noise of stereo (128 kB) stays in the processor's cache."""


class Dither:
    """Quantises a stream of blocks; create one per output file.

    Args:
        bit_depth: 16 or 24.
        channels: rows of every block, 1 to 8.
        seed: seed of the noise, 0 or more; None rounds to the nearest step without dither.

    Raises:
        ParameterError: another bit depth, a number of channels outside 1..8, or a negative seed.

    >>> Dither(16, channels=1, seed=None)(np.array([[0.5, -1.0, 1.0]], np.float32)).tolist()
    [[16384, -32768, 32767]]
    """

    def __init__(self, bit_depth: int, channels: int, seed: int | None = 0) -> None:
        if bit_depth not in DITHERED_BIT_DEPTHS:
            raise ParameterError(
                f"Dither.bit_depth={bit_depth}: allowed 16 or 24", hint="32 bit is float and needs no dither."
            )
        if not 1 <= channels <= MAX_CHANNELS:
            raise ParameterError(f"Dither.channels={channels}: allowed 1..{MAX_CHANNELS}")
        if seed is not None and seed < 0:
            raise ParameterError(f"Dither.seed={seed}: allowed 0 or more, or none")
        self._full_scale = float(2 ** (bit_depth - 1))
        self._channels = channels
        self._noise = None if seed is None else np.random.Generator(np.random.PCG64(seed))

    def __call__(self, samples: Samples) -> npt.NDArray[np.int32]:
        """Quantise float32 [channels, frames] to int32 of that shape, clipped to the bit depth's range."""
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise ParameterError(
                f"Dither got shape {samples.shape}: allowed [{self._channels} channels, frames]"
            )
        quantised = np.empty(samples.shape, np.int32)
        for start in range(0, samples.shape[1], _NOISE_FRAMES):
            part = np.ascontiguousarray(samples[:, start : start + _NOISE_FRAMES])
            into = quantised[:, start : start + _NOISE_FRAMES]
            if self._noise is None:
                level = np.rint(part.astype(np.float64) * self._full_scale)
                into[...] = np.clip(level, -self._full_scale, self._full_scale - 1.0)
                continue
            draws = self._noise.integers(0, 2**32, size=part.shape[::-1], dtype=np.uint32)
            _quantise(part, draws, self._full_scale, into)
        return quantised


@kernel
def _quantise(
    samples: Samples, draws: npt.NDArray[np.uint32], full_scale: float, quantised: npt.NDArray[np.int32]
) -> None:
    channels, frames = samples.shape
    for channel in range(channels):
        for frame in range(frames):
            draw = draws[frame, channel]
            # Two independent 16-bit halves: their difference is triangular on (-1, 1) LSB with mean 0.
            noise = (np.float64(draw & 0xFFFF) - np.float64(draw >> 16)) * 2.0**-16
            level = np.rint(np.float64(samples[channel, frame]) * full_scale + noise)
            quantised[channel, frame] = np.int32(min(max(level, -full_scale), full_scale - 1.0))
    for frame in range(frames):
        if samples[0, frame] == 0.0 and not samples[:, frame].any():
            quantised[:, frame] = 0
