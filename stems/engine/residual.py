"""The residual branch of a layer (`DConv`) and its statistics, shared by both domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stems.engine import kernels
from stems.engine.ops import Conv, Linear

__all__ = [
    "Branch",
    "Moments",
    "Norm",
    "branches",
    "combine",
    "gated",
    "knows_residual",
    "row_moments",
    "window",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Moments = tuple[Doubles, Doubles, int]  # mean and squared spread of each row, values in a row


def window(x: Tensor, low: int, high: int, axis: int) -> Tensor:
    """x[low:high] along an axis of a map (rows, cells, channels), zeros where that is outside."""
    size = x.shape[axis]
    inside = x.narrow(axis, max(0, low), min(high, size) - max(0, low))
    before, after = max(0, -low), max(0, high - size)
    if before or after:
        pads = (0, 0, 0, 0, before, after) if axis == 0 else (0, 0, before, after)
        return nn.functional.pad(inside, pads)
    return inside


def row_moments(x: Tensor) -> Moments:
    """Statistics of each row of a contiguous map (rows, cells, channels)."""
    flat = x.view(x.shape[0], -1).numpy()
    mean, spread = np.empty(len(flat)), np.empty(len(flat))
    kernels.moments(flat, mean, spread)
    return mean, spread, flat.shape[1]


def combine(parts: list[Moments]) -> Moments:
    """Statistics of rows that were measured in parts (Chan, Golub and LeVeque 1979)."""
    mean, spread, count = parts[0]
    for part_mean, part_spread, part_count in parts[1:]:
        delta = part_mean - mean
        total = count + part_count
        mean = mean + delta * (part_count / total)
        spread = spread + part_spread + delta**2 * (count * part_count / total)
        count = total
    return mean, spread, count


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """Gain and offset per channel of a normalisation, and the epsilon under its root."""

    gamma: Floats
    beta: Floats
    eps: float

    @classmethod
    def of(cls, norm: nn.GroupNorm, scale: Tensor | None = None) -> Norm:
        """Read a GroupNorm; `scale` multiplies the first channels (those that GLU passes)."""
        gamma, beta = norm.weight.detach().clone(), norm.bias.detach().clone()
        if scale is not None:
            gamma[: len(scale)] *= scale.detach()
            beta[: len(scale)] *= scale.detach()
        return cls(gamma=gamma.numpy(), beta=beta.numpy(), eps=norm.eps)

    def scale(self, measured: Moments) -> Doubles:
        """One over the standard deviation of each row."""
        _, spread, count = measured
        return np.asarray(1 / np.sqrt(spread / count + self.eps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """y += scale * GLU(norm(widen(GELU(norm(narrow(y))))))."""

    narrow: Conv  # over the cells, without padding in the time domain
    reach: int  # cells it needs on either side
    norm: Norm
    widen: Linear
    norm_wide: Norm

    def activate(self, h: Tensor, measured: Moments) -> None:
        """Normalise and apply GELU in place to what `narrow` gave."""
        kernels.norm_gelu(h.numpy(), measured[0], self.norm.scale(measured), self.norm.gamma, self.norm.beta)

    def add(self, z: Tensor, measured: Moments, y: Tensor) -> None:
        """Add the normalised, gated z, which `widen` gave, to y."""
        norm = self.norm_wide
        kernels.norm_glu_add(z.numpy(), measured[0], norm.scale(measured), norm.gamma, norm.beta, y.numpy())

    def add_to_rows(self, y: Tensor) -> None:
        """The whole branch in place, where each row has its own statistics."""
        h = self.narrow(y)
        self.activate(h, row_moments(h))
        z = self.widen(h)
        self.add(z, row_moments(z), y)


def branches(dconv: Any, *, pad: bool) -> tuple[Branch, ...]:
    """Prepare the branches of a DConv; `pad` lets its convolutions see zeros beyond the map."""
    if dconv is None:
        return ()
    found = []
    for narrow, norm, _, widen, norm_wide, _, scale in (list(layer) for layer in dconv.layers):
        dilation, reach = narrow.dilation[0], narrow.padding[0]
        conv = Conv(
            narrow.weight[:, :, None], narrow.bias, padding=(0, reach if pad else 0), dilation=(1, dilation)
        )
        found.append(
            Branch(
                narrow=conv,
                reach=reach,
                norm=Norm.of(norm),
                widen=Linear(widen.weight[:, :, 0], widen.bias),
                norm_wide=Norm.of(norm_wide, scale.scale),
            )
        )
    return tuple(found)


def knows_residual(dconv: Any) -> bool:
    """Whether `branches` knows every part of a DConv: no LSTM, no attention, GELU, norms over a row."""
    if dconv is None:
        return True
    return all(_knows_layer(list(layer)) for layer in dconv.layers)


def _knows_layer(parts: list[Any]) -> bool:
    kinds = [nn.Conv1d, nn.GroupNorm, nn.GELU, nn.Conv1d, nn.GroupNorm, nn.GLU]
    if len(parts) != len(kinds) + 1 or not all(type(p) is k for p, k in zip(parts, kinds, strict=False)):
        return False
    norms = all(p.num_groups == 1 and p.affine for p in parts if isinstance(p, nn.GroupNorm))
    gelu = all(p.approximate == "none" for p in parts if isinstance(p, nn.GELU))
    return norms and gelu and isinstance(getattr(parts[-1], "scale", None), torch.Tensor)


def gated(z: Tensor, shift: Tensor | None = None) -> Tensor:
    """GLU over the channels of a map, plus `shift` (rows, channels) where given."""
    out = torch.empty(*z.shape[:2], z.shape[2] // 2)
    if shift is None:
        kernels.glu(z.numpy(), out.numpy())
    else:
        kernels.glu_shifted(z.numpy(), shift.numpy(), out.numpy())
    return out
