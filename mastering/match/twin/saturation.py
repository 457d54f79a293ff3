"""Oversampled tanh saturation: the host's resampling filters, measured once, applied by transforms."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mastering.dsp.resample import RATES_HZ, resample

__all__ = ["saturated"]

_HALF = 512
"""Frames at the lower rate that the resampling filters reach to each side, and some."""


def saturated(samples: Tensor, drive_db: Tensor, mix_percent: Tensor, sample_rate: int) -> Tensor:
    """Saturate at up to four times the rate; only what it adds is brought back to the rate.

    Args:
        samples: [..., frames].
        drive_db, mix_percent: as in `chain.Saturation`, broadcast against `samples`.
        sample_rate: in Hz.
    """
    factor = max(1, min(4, int(RATES_HZ.high) // sample_rate))
    frames = samples.shape[-1]
    size = _fast_size(frames + _HALF)
    up, down = (response.to(samples) for response in _responses(sample_rate, factor, size))
    fine = torch.fft.irfft(torch.fft.rfft(samples, n=size) * up, n=factor * size)[..., : factor * frames]
    drive = torch.pow(10.0, drive_db.to(samples.dtype) / 20.0)
    added = torch.tanh(fine * drive) / drive - fine
    spectrum = torch.fft.rfft(added, n=factor * size)[..., : size // 2 + 1]
    coarse: Tensor = torch.fft.irfft(spectrum * down, n=size)[..., :frames]
    return samples + mix_percent.to(samples.dtype) / 100.0 * coarse


@functools.lru_cache(maxsize=4)
def _responses(sample_rate: int, factor: int, size: int) -> tuple[Tensor, Tensor]:
    """Real responses up and down on the bins [size // 2 + 1] below the lower rate's Nyquist."""
    if factor == 1:
        return torch.ones(size // 2 + 1, dtype=torch.float64), torch.ones(size // 2 + 1, dtype=torch.float64)
    fine_rate, centre = factor * sample_rate, 2 * _HALF
    up = resample(_impulse(2 * centre, centre), sample_rate, fine_rate)[0].astype(np.float64)
    down = np.zeros(factor * 2 * centre)
    for phase in range(factor):
        answer = resample(_impulse(len(down), factor * centre + phase), fine_rate, sample_rate)[0]
        down[(factor * (np.arange(len(answer)) + centre) - phase) % len(down)] = answer
    down = np.roll(down, factor * centre)
    found = []
    for taps in (up, down):
        period = np.zeros(factor * size)
        reach = factor * _HALF
        period[:reach] = taps[factor * centre : factor * centre + reach]
        period[-reach:] = taps[factor * centre - reach : factor * centre]
        found.append(torch.from_numpy(np.fft.rfft(period).real[: size // 2 + 1].copy()))
    return found[0], found[1] / factor


def _impulse(frames: int, at: int) -> npt.NDArray[np.float32]:
    out = np.zeros((1, frames), np.float32)
    out[0, at] = 1.0
    return out


def _fast_size(least: int) -> int:
    """The smallest even number from `least` on whose only primes are 2, 3 and 5."""
    best = 1 << (least - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            two = three << max(1, (-(-least // three) - 1).bit_length())
            best = min(best, two)
            three *= 3
        five *= 5
    return best
