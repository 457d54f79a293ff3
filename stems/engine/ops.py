"""Linear layers, convolutions and products on channels-last maps, by oneDNN where torch has it.

torch sends float32 matrix products to MKL, which uses half of an AMD processor's vector width;
oneDNN, which torch already carries for its convolutions, uses all of it (about 100 against 240
GFLOP/s on a core of Zen 5), packs weights ahead and appends GELU for nothing. Elsewhere (macOS,
builds without oneDNN) the same classes call torch's public functions.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Conv", "Linear", "has_onednn", "product"]

_CELLS = 336  # a usual size of a piece: what packed weights are laid out for
_OPERATIONS = (
    "_linear_pointwise",
    "_reorder_linear_weight",
    "_convolution_pointwise",
    "_reorder_convolution_weight",
)
_onednn: Any = torch.ops.mkldnn  # operations that torch.compile emits too; not documented for callers


@cache
def has_onednn() -> bool:
    """Whether this build of torch has the fused oneDNN operations, and they compute what they should."""
    mkldnn: Any = torch.backends.mkldnn
    if not mkldnn.is_available() or not all(hasattr(_onednn, name) for name in _OPERATIONS):
        return False
    x, weight = torch.linspace(-1, 1, 96).view(1, 6, 16), torch.linspace(-1, 1, 128).view(8, 16)
    try:
        with torch.no_grad():
            linear = _onednn._linear_pointwise(x, _pack_linear(weight), None, "gelu", [], "none")
            packed = _pack_conv(weight[:, :, None, None], [1, 1], [0, 0], [1, 1])
            image = x.permute(2, 0, 1)[None]
            conv = _onednn._convolution_pointwise(
                image, packed, None, [0, 0], [1, 1], [1, 1], 1, "gelu", [], "none"
            )
    except (RuntimeError, NotImplementedError, TypeError):
        return False
    expected = F.gelu(F.linear(x, weight))
    return all(torch.allclose(y, expected, atol=1e-5) for y in (linear, conv[0].permute(1, 2, 0)))


def _pack_linear(weight: Tensor) -> Tensor:
    packed: Tensor = _onednn._reorder_linear_weight(weight.contiguous(), _CELLS)
    return packed


def _pack_conv(weight: Tensor, stride: list[int], padding: list[int], dilation: list[int]) -> Tensor:
    shape = [1, weight.shape[1], 32, _CELLS]
    packed: Tensor = _onednn._reorder_convolution_weight(weight, padding, stride, dilation, 1, shape)
    return packed


class Linear:
    """y = x W' + b on the last axis, then GELU where asked.

    Args:
        weight: (out, in); copied.
        bias: (out,) or None; copied.
        gelu: apply the exact GELU to the result.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> None:
        self.channels = weight.shape[0]
        self._known, self._gelu = has_onednn(), gelu
        weight = weight.detach().clone()
        self._weight = _pack_linear(weight) if self._known else weight
        self._bias = None if bias is None else bias.detach().clone()

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor
        if self._known:
            kind = "gelu" if self._gelu else "none"
            y = _onednn._linear_pointwise(x, self._weight, self._bias, kind, [], "none")
            return y
        y = F.linear(x, self._weight, self._bias)
        return F.gelu(y) if self._gelu else y


def product(x: Tensor, y: Tensor) -> Tensor:
    """Return x y' of two contiguous matrices (n, k) and (m, k)."""
    if has_onednn():
        z: Tensor = _onednn._linear_pointwise(x, y, None, "none", [], "none")
        return z
    return torch.mm(x, y.t())


class Conv:
    """A 2-d convolution on a (height, width, channels) map; GELU after it where asked.

    Args:
        weight: (out, in, kernel height, kernel width); copied.
        bias: (out,) or None; copied.
        stride, padding, dilation: (height, width) each, in cells.
        gelu: apply the exact GELU to the result.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        gelu: bool = False,
    ) -> None:
        self.channels = weight.shape[0]
        self._known, self._gelu = has_onednn(), gelu
        self._geometry = (list(stride), list(padding), list(dilation))
        weight = weight.detach().clone()
        self._weight = _pack_conv(weight, *self._geometry) if self._known else weight
        self._bias = None if bias is None else bias.detach().clone()

    def __call__(self, x: Tensor) -> Tensor:
        stride, padding, dilation = self._geometry
        image = x.permute(2, 0, 1)[None]
        if self._known:
            kind = "gelu" if self._gelu else "none"
            y = _onednn._convolution_pointwise(
                image, self._weight, self._bias, padding, stride, dilation, 1, kind, [], "none"
            )
        else:
            y = F.conv2d(image, self._weight, self._bias, stride, padding, dilation)
            y = F.gelu(y) if self._gelu else y
        out: Tensor = y[0].permute(1, 2, 0)
        return out.contiguous()
