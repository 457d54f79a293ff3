"""A fader hand's idea of loudness: enough to balance stems, not a meter.

Power weighted by the magnitude of the two BS.1770 filters (a 38 Hz high-pass and a +4 dB
shelf at 1.7 kHz, as smooth curves), over the 400 ms blocks within 10 dB of the mean. Within
0.5 LU of a BS.1770 meter on this music; `mastering.measure` is the meter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["loudness_db"]

SILENCE_DB = -120.0


def loudness_db(samples: npt.NDArray[np.floating], sample_rate: int) -> float:
    """Loudness of [channels, frames] in dB, about LUFS; -120 for silence."""
    size = max(1, round(0.4 * sample_rate))
    blocks = [samples[:, i : i + size] for i in range(0, samples.shape[-1], size)]
    powers = np.array([_block_power(block, size, sample_rate) for block in blocks])
    heard = powers[powers > 10.0 ** (SILENCE_DB / 10.0)]
    if heard.size == 0:
        return SILENCE_DB
    loud = heard[heard >= 0.1 * heard.mean()]
    return float(-0.691 + 10.0 * np.log10(loud.mean()))


def _block_power(block: npt.NDArray[np.floating], size: int, sample_rate: int) -> float:
    power = np.abs(np.fft.rfft(block, n=size)) ** 2
    frequency_hz = np.fft.rfftfreq(size, 1.0 / sample_rate)
    high_pass = frequency_hz**4 / (frequency_hz**2 + 38.0**2) ** 2
    ratio = (frequency_hz / 1_665.0) ** 4
    shelf = (1.0 + 2.51 * ratio) / (1.0 + ratio)
    return float(2.0 * np.sum(power * high_pass * shelf) / size**2)
