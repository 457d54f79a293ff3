"""The measures of `mastering.measure` in tensors: third octaves, crest and level percentiles.

Same frames, windows, band edges and audible gate as `mastering.measure.spectrum` and
`mastering.measure.dynamics`. Which frames are audible and which are the percentiles' neighbours
is decided on the values; the derivative is that of the frames so chosen.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mastering.measure.bands import (
    SILENCE_POWER,
    THIRD_OCTAVE_EDGES_HZ,
    WIDE_EDGES_HZ,
    edges_in_bins,
    hann,
)

__all__ = ["PERCENTILES", "Levels", "band_levels", "level_powers", "levels_of", "third_octaves"]

PERCENTILES = (10, 50, 75, 90, 99)
"""Of `Features.level_percentiles_db`."""

FLOOR_POWER = 1e-20
"""Added to powers before the logarithm: silence reads -200 dB, and its derivative stays finite."""

_AUDIBLE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """Level statistics of bands over the audible programme.

    Attributes:
        crest_db: [batch, bands]: 99th percentile minus RMS level.
        rms_db: [batch, bands].
        percentiles_db: [batch, bands, len(PERCENTILES)].
    """

    crest_db: Tensor
    rms_db: Tensor
    percentiles_db: Tensor


def third_octaves(samples: Tensor, sample_rate: int) -> Tensor:
    """Third-octave levels over the audible programme: `Features.band_levels_mid_db` and `_side_db`.

    Args:
        samples: [batch, channels, frames], one or two channels, at least one frame.
        sample_rate: in Hz.

    Returns:
        [batch, 2, 31] in dB, mid and side; silence is -200 dB.
    """
    frame = 2 ** math.ceil(math.log2(0.65 * sample_rate))
    if samples.shape[1] == 1:
        mid_side = torch.cat([samples, torch.zeros_like(samples)], dim=1)
    else:
        left, right = samples.unbind(1)
        mid_side = torch.stack([left + right, left - right], dim=1) * 0.5
    powers = _band_powers(mid_side, frame, THIRD_OCTAVE_EDGES_HZ, sample_rate)
    heard = audible(powers.detach().sum(dim=(1, 3)))
    return _in_db(_mean(powers.transpose(1, 2), heard))


def band_levels(samples: Tensor, sample_rate: int) -> Levels:
    """`Features.crest_db` and `Features.level_percentiles_db` of the four wide bands.

    Args:
        samples: [batch, channels, frames], one or two channels, at least one frame.
        sample_rate: in Hz.
    """
    return levels_of(level_powers(samples, sample_rate))


def level_powers(samples: Tensor, sample_rate: int) -> Tensor:
    """Powers of the four wide bands every 23 ms, mid plus side: [batch, frames, 4]."""
    frame = 2 ** round(math.log2(0.0464 * sample_rate))
    return _band_powers(samples, frame, WIDE_EDGES_HZ, sample_rate).mean(dim=1)


def levels_of(powers: Tensor) -> Levels:
    """Level statistics of band powers [batch, frames, bands], over frames whose sum is audible."""
    heard = audible(powers.detach().sum(dim=-1))
    rms_db = _in_db(_mean(powers, heard))
    percentiles_db = _in_db(_percentiles(powers, heard))
    return Levels(crest_db=percentiles_db[..., -1] - rms_db, rms_db=rms_db, percentiles_db=percentiles_db)


def audible(loudness: Tensor) -> Tensor:
    """Which frames of powers [batch, frames] are at most 30 dB below the mean of all that sound."""
    sounding = loudness > SILENCE_POWER
    total = torch.where(sounding, loudness, torch.zeros_like(loudness)).sum(dim=-1, keepdim=True)
    mean = total / sounding.sum(dim=-1, keepdim=True).clamp(min=1)
    return (loudness >= _AUDIBLE * mean) & (mean > 0.0)


def _mean(powers: Tensor, heard: Tensor) -> Tensor:
    """Mean of [batch, frames, ...] over the frames heard."""
    weights = heard.reshape(*heard.shape, *([1] * (powers.ndim - 2))).to(powers.dtype)
    return (powers * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)


def _percentiles(powers: Tensor, heard: Tensor) -> Tensor:
    """Percentiles [batch, bands, PERCENTILES] over the frames heard, linear between neighbours."""
    hidden = torch.where(heard.unsqueeze(-1), powers, torch.full_like(powers, math.inf))
    ordered = hidden.sort(dim=1).values.transpose(1, 2)
    count = heard.sum(dim=-1).clamp(min=1)
    shares = torch.tensor(PERCENTILES, dtype=torch.float64, device=powers.device) / 100.0
    places = shares * (count - 1).unsqueeze(-1)
    lower = places.floor().long()
    upper = torch.minimum(lower + 1, (count - 1).unsqueeze(-1))
    between = (places - lower).to(powers.dtype).unsqueeze(1)

    def taken(index: Tensor) -> Tensor:
        return ordered.gather(-1, index.unsqueeze(1).expand(-1, ordered.shape[1], -1))

    found = taken(lower) * (1.0 - between) + taken(upper) * between
    return torch.where(heard.any(dim=-1)[:, None, None], found, torch.zeros_like(found))


def _in_db(powers: Tensor) -> Tensor:
    return 10.0 * torch.log10(powers + FLOOR_POWER)


def _band_powers(samples: Tensor, frame: int, edges_hz: tuple[float, ...], sample_rate: int) -> Tensor:
    """Powers [batch, channels, frames, bands] of half-overlapped frames; the last ends with the piece."""
    length = min(samples.shape[-1], frame)
    sums = _band_matrix(edges_hz, sample_rate, frame).to(samples)
    over = (samples.shape[-1] - length) % (frame // 2)
    parts = [_powers(samples[..., : samples.shape[-1] - over], length, frame) @ sums]
    if over:
        parts.append(_powers(samples[..., -length:], length, frame) @ sums)
    return torch.cat(parts, dim=-2)


def _powers(samples: Tensor, length: int, size: int) -> Tensor:
    """Powers [..., frames, bins] of half-overlapped frames; over the bins they sum to the mean square."""
    apply = cast("Callable[..., Tensor]", _Powers.apply)
    return apply(samples, length, size)


class _Powers(torch.autograd.Function):
    """Power spectra with their adjoint by the inverse real transform: half the work of the general one."""

    @staticmethod
    def forward(ctx: Any, samples: Tensor, length: int, size: int) -> Tensor:
        window, energy = _window(length)
        ctx.window, ctx.frames = window.to(samples), samples.shape[-1]
        ctx.scale = 2.0 / (size * energy)
        spectra = torch.fft.rfft(samples.unfold(-1, length, max(1, length // 2)) * ctx.window, n=size)
        ctx.save_for_backward(spectra)
        powers: Tensor = (spectra.real.square() + spectra.imag.square()) * ctx.scale
        return powers

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (spectra,) = ctx.saved_tensors
        size, length = 2 * (spectra.shape[-1] - 1), len(ctx.window)
        weighted = spectra * gradient
        weighted[..., 0] *= 2.0
        weighted[..., -1] *= 2.0
        frames = torch.fft.irfft(weighted, n=size, norm="forward")[..., :length] * (ctx.scale * ctx.window)
        half = max(1, length // 2)
        count = frames.shape[-2]
        out = frames.new_zeros(*frames.shape[:-2], ctx.frames)
        for start in (0, half):
            part = frames[..., start : start + half]
            out[..., start : start + count * half] += part.reshape(*part.shape[:-2], -1)
        out[..., 2 * half : length] += frames[..., 0, 2 * half :]
        return out, None, None


@functools.lru_cache(maxsize=16)
def _window(length: int) -> tuple[Tensor, float]:
    window = hann(length)
    return torch.from_numpy(window), float(np.sum(window.astype(np.float64) ** 2))


@functools.lru_cache(maxsize=16)
def _band_matrix(edges_hz: tuple[float, ...], sample_rate: int, frame: int) -> Tensor:
    """[bins, bands]: the share of each bin, which reaches half a bin to each side, in each band."""
    edges = edges_in_bins(edges_hz, sample_rate, frame)
    bins = np.arange(frame // 2 + 1)[:, np.newaxis]
    overlap = np.minimum(edges[1:], bins + 0.5) - np.maximum(edges[:-1], bins - 0.5)
    return torch.from_numpy(np.maximum(overlap, 0.0))
