"""Parametric bands: designs and the recursion, differentiable in samples, frequency, gain and quality.

The RBJ designs of `mastering.dsp.biquad` in tensors; filtering is the recursion itself, compiled,
with its adjoint: the same recursion backwards in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mastering.dsp.jit import kernel

__all__ = ["design", "filtered"]

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

_SILENCE = 1e-15
"""A decaying tail is ended here, before it reaches denormals, which are a hundred times slower."""


def design(
    shape: str, frequency_hz: Tensor, gain_db: Tensor, q: Tensor, sample_rate: int, *, single: bool = False
) -> Tensor:
    """Biquads float64 [..., 5] (b0, b1, b2, a1, a2; a0 = 1): `mastering.dsp.biquad.design` in tensors.

    Args:
        shape: as in `chain.EqBand`.
        frequency_hz, gain_db, q: of one shape.
        sample_rate: in Hz.
        single: round every operation of a peak or shelf to float32, as Pedalboard does; that moves
            a filter at 50 Hz by hundredths of a dB.
    """
    if shape in ("high_pass", "low_pass"):
        return _passes(shape, frequency_hz.double(), q.double(), sample_rate)
    kind = torch.float32 if single else torch.float64
    frequency, q = torch.clamp(frequency_hz, max=0.49 * sample_rate).to(kind), q.to(kind)
    w0 = torch.tensor(2.0 * math.pi, dtype=kind) * frequency / sample_rate
    # Library functions of float32 differ in the last bit; through float64 they are right everywhere.
    cos, sin = torch.cos(w0.double()).to(kind), torch.sin(w0.double()).to(kind)
    a = torch.sqrt(torch.pow(10.0, gain_db.to(kind).double() / 20.0).to(kind))
    if shape == "peak":
        alpha = sin / (q * 2)
        b: tuple[Tensor, ...] = (1 + alpha * a, -2 * cos, 1 - alpha * a)
        d: tuple[Tensor, ...] = (1 + alpha / a, -2 * cos, 1 - alpha / a)
    else:
        b, d = _shelf(a, cos, sin * torch.sqrt(a) / q, 1.0 if shape == "low_shelf" else -1.0)
    return (torch.stack([*b, d[1], d[2]], dim=-1) * (1 / d[0]).unsqueeze(-1)).double()


def _passes(shape: str, frequency_hz: Tensor, q: Tensor, sample_rate: int) -> Tensor:
    w0 = 2.0 * math.pi * torch.clamp(frequency_hz, max=0.49 * sample_rate) / sample_rate
    cos, alpha = torch.cos(w0), torch.sin(w0) / (2.0 * q)
    sign = 1.0 if shape == "high_pass" else -1.0
    edge = 0.5 * (1 + sign * cos)
    b = (edge, -2.0 * sign * edge, edge)
    return torch.stack([*b, -2 * cos, 1 - alpha], dim=-1) / (1 + alpha).unsqueeze(-1)


def _shelf(a: Tensor, cos: Tensor, root: Tensor, low: float) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """RBJ shelf; `low` is 1 for the low shelf, -1 for the high shelf (its mirror image)."""
    plus, minus, c = a + 1, a - 1, low * cos
    b = (a * (plus - minus * c + root), low * 2 * a * (minus - plus * c), a * (plus - minus * c - root))
    d = (plus + minus * c + root, low * -2 * (minus + plus * c), plus + minus * c - root)
    return b, d


def filtered(samples: Tensor, sections: Tensor) -> Tensor:
    """Rows through a cascade from rest.

    Args:
        samples: [rows, frames], float32 or float64.
        sections: float64 [rows, sections, 5] as from `design`.

    Returns:
        [rows, frames].
    """
    return cast("Callable[..., Tensor]", _Cascade.apply)(samples, sections)


class _Cascade(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, samples: Tensor, sections: Tensor) -> Tensor:
        filters = sections.detach().cpu().numpy()
        stages = np.empty((filters.shape[1] + 1, *samples.shape), samples.detach().cpu().numpy().dtype)
        stages[0] = samples.detach().cpu().numpy()
        for i in range(filters.shape[1]):
            _filter(stages[i], np.ascontiguousarray(filters[:, i]), stages[i + 1])
        ctx.stages, ctx.filters, ctx.device = stages, filters, samples.device
        return torch.from_numpy(stages[-1].copy()).to(samples.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        to_x = gradient.detach().cpu().numpy().copy()
        to_filters = np.zeros_like(ctx.filters)
        for i in range(ctx.filters.shape[1] - 1, -1, -1):
            rows = np.zeros((len(to_x), 5))
            _adjoint(ctx.stages[i], ctx.stages[i + 1], np.ascontiguousarray(ctx.filters[:, i]), to_x, rows)
            to_filters[:, i] = rows
        return torch.from_numpy(to_x).to(ctx.device), torch.from_numpy(to_filters).to(ctx.device)


@kernel
def _filter(x: Floats, filters: Doubles, out: Floats) -> None:
    """Transposed direct form II in float64, one biquad [rows, 5] per row."""
    for row in range(x.shape[0]):
        b0, b1, b2, a1, a2 = filters[row]
        s0, s1 = 0.0, 0.0
        for i in range(x.shape[1]):
            value = float(x[row, i])
            y = b0 * value + s0
            s0 = b1 * value - a1 * y + s1
            s1 = b2 * value - a2 * y
            out[row, i] = y
            if i % 4_096 == 0 and abs(s0) + abs(s1) < _SILENCE:
                s0, s1 = 0.0, 0.0


@kernel
def _adjoint(x: Floats, out: Floats, filters: Doubles, to_x: Floats, to_filters: Doubles) -> None:
    """`to_x` comes in as the gradient of `out` and leaves as that of `x`; adds to `to_filters`."""
    for row in range(x.shape[0]):
        b0, b1, b2, a1, a2 = filters[row]
        next0, next1 = 0.0, 0.0
        g0, g1, g2, h1, h2 = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(x.shape[1] - 1, -1, -1):
            # v: gradient of what goes into the recursion; next0 and next1 are v one and two frames later.
            v = float(to_x[row, i]) - a1 * next0 - a2 * next1
            if i % 4_096 == 0 and abs(v) + abs(next0) < _SILENCE:
                v, next0 = 0.0, 0.0
            to_x[row, i] = b0 * v + b1 * next0 + b2 * next1
            g0 += v * x[row, i]
            g1 += next0 * x[row, i]
            g2 += next1 * x[row, i]
            h1 -= next0 * out[row, i]
            h2 -= next1 * out[row, i]
            next0, next1 = v, next0
        to_filters[row, 0] += g0
        to_filters[row, 1] += g1
        to_filters[row, 2] += g2
        to_filters[row, 3] += h1
        to_filters[row, 4] += h2
