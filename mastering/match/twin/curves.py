"""Gain curves in dB to responses of the host's linear-phase filters, differentiable in the gains.

The same formulas as `mastering.dsp.fir` (curve_at, linear_phase_taps, low_pass_taps), in tensors.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from mastering.dsp.fir import low_pass_taps, tap_count
from mastering.match.twin.convolution import window_size

__all__ = ["crossover_responses", "curve_at", "linear_phase_response"]

Points = tuple[float, ...]


@functools.lru_cache(maxsize=32)
def _places(frequencies_hz: Points, points_hz: Points) -> tuple[Tensor, Tensor, Tensor]:
    """Widths [points - 1] of the intervals in octaves; interval and position 0..1 of each frequency."""
    x = np.log2(np.asarray(points_hz))
    at = np.clip(np.log2(np.maximum(np.asarray(frequencies_hz), 1e-3)), x[0], x[-1])
    interval = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    position = (at - x[interval]) / np.diff(x)[interval]
    return torch.from_numpy(np.diff(x)), torch.from_numpy(interval), torch.from_numpy(position)


@functools.lru_cache(maxsize=8)
def _grid(sample_rate: int) -> Points:
    return tuple(np.fft.rfftfreq(window_size(sample_rate), 1.0 / sample_rate).tolist())


def curve_at(frequencies_hz: Points, points_hz: Points, gains_db: Tensor) -> Tensor:
    """Gains [..., frequencies] of a curve given at points [..., points]: as `mastering.dsp.fir.curve_at`."""
    if tuple(frequencies_hz) == tuple(points_hz):
        return gains_db
    if len(points_hz) == 1:
        return gains_db.expand(*gains_db.shape[:-1], len(frequencies_hz))
    widths, i, position = _places(tuple(frequencies_hz), tuple(points_hz))
    widths, t = widths.to(gains_db), position.to(gains_db)
    slopes = _monotone_slopes(torch.diff(gains_db) / widths)
    h = widths[i]
    return (
        gains_db[..., i] * (1 + 2 * t) * (1 - t) ** 2
        + slopes[..., i] * h * t * (1 - t) ** 2
        + gains_db[..., i + 1] * t * t * (3 - 2 * t)
        + slopes[..., i + 1] * h * t * t * (t - 1)
    )


def _monotone_slopes(rise: Tensor) -> Tensor:
    """Harmonic mean where neighbouring rises agree in sign, else 0; the outer ones as they are."""
    left, right = rise[..., :-1], rise[..., 1:]
    same = left * right > 0.0
    whole = torch.where(same, left + right, torch.ones_like(left))
    inner = torch.where(same, 2.0 * left * right / whole, torch.zeros_like(left))
    return torch.cat([rise[..., :1], inner, rise[..., -1:]], dim=-1)


def linear_phase_response(points_hz: Points, gains_db: Tensor, sample_rate: int) -> Tensor:
    """Real response [..., bins] on the windows of `convolution` of the host's filter for a curve.

    Args:
        points_hz: rising.
        gains_db: [..., points].
        sample_rate: in Hz.
    """
    gains = curve_at(_grid(sample_rate), points_hz, gains_db.double())
    impulse = torch.fft.irfft(torch.pow(10.0, gains / 20.0))
    response: Tensor = torch.fft.rfft(impulse * _taper(sample_rate)).real
    return response.to(gains_db.dtype)


@functools.lru_cache(maxsize=8)
def _taper(sample_rate: int) -> Tensor:
    """Window of the taps around frame 0 of a period, zero where there are none."""
    taps, size = tap_count(sample_rate), window_size(sample_rate)
    taper = np.zeros(size)
    taper[:taps] = np.blackman(taps + 2)[1:-1] ** 0.25
    return torch.from_numpy(np.roll(taper, -(taps // 2)))


@functools.lru_cache(maxsize=8)
def crossover_responses(crossovers_hz: Points, sample_rate: int) -> Tensor:
    """Real responses [bands - 1, bins] of all bands but the highest, float64, as the host splits them."""
    taps = np.array([low_pass_taps(frequency_hz, sample_rate) for frequency_hz in crossovers_hz])
    bands = np.diff(taps, axis=0, prepend=np.zeros_like(taps[:1]))
    padded = np.zeros((len(bands), window_size(sample_rate)))
    padded[:, : bands.shape[1]] = bands
    padded = np.roll(padded, -(bands.shape[1] // 2), axis=1)
    return torch.from_numpy(np.ascontiguousarray(np.fft.rfft(padded, axis=1).real))
