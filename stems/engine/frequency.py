"""Encoder and decoder layers of the spectrogram: a map (bands, frames, channels), some bands at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from stems.engine.ops import Conv, Linear
from stems.engine.residual import branches, gated, window
from stems.engine.workers import Workers, spans

__all__ = ["BandDecoder", "BandEncoder"]

_PIECE = 2**18  # values of the widest step of a piece: 1 MB, so that a piece stays in the second cache


class BandEncoder:
    """`HEncLayer(freq=True)`: strided convolution over bands, GELU, residual branches, 1x1 and GLU."""

    def __init__(self, layer: Any, embedding: Tensor | None = None) -> None:
        conv: nn.Conv2d = layer.conv
        self._kernel, self._stride, self._pad = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
        self._conv = Conv(conv.weight, conv.bias, stride=(self._stride, 1), gelu=True)
        self._branches = branches(layer.dconv, pad=True)
        rewrite = layer.rewrite
        self._rewrite = None if rewrite is None else Linear(rewrite.weight[:, :, 0, 0], rewrite.bias)
        self._channels = conv.out_channels
        self._embedding = embedding  # (bands, channels), added to the result

    def __call__(self, x: Tensor, workers: Workers) -> Tensor:
        """Encode a map (bands, frames, channels)."""
        bands = (x.shape[0] + 2 * self._pad - self._kernel) // self._stride + 1
        out = torch.empty(bands, x.shape[1], self._channels)
        size = _PIECE // (2 * self._channels * x.shape[1])
        workers.run(partial(self._bands, x, out, low, high) for low, high in spans(bands, size))
        return out

    def _bands(self, x: Tensor, out: Tensor, low: int, high: int) -> None:
        first = low * self._stride - self._pad
        y = self._conv(window(x, first, first + (high - low - 1) * self._stride + self._kernel, 0))
        for branch in self._branches:
            branch.add_to_rows(y)
        shift = None if self._embedding is None else self._embedding[low:high]
        if self._rewrite is not None:
            out[low:high] = gated(self._rewrite(y), shift)
        else:
            out[low:high] = y if shift is None else y + shift[:, None]


class BandDecoder:
    """`HDecLayer(freq=True)`: skip, 3x3 convolution and GLU, branches, transposed convolution, GELU."""

    def __init__(self, layer: Any) -> None:
        rewrite: nn.Conv2d | None = layer.rewrite
        self._branches = branches(layer.dconv, pad=True)
        self._context = 0 if rewrite is None else int(rewrite.padding[0])
        self._rewrite = (
            None
            if rewrite is None
            else Conv(rewrite.weight, rewrite.bias, padding=(0, int(rewrite.padding[1])))
        )
        self._stride, self._pad = int(layer.stride), int(layer.pad)
        self._spread = Conv(*two_tap(layer.conv_tr, 0), gelu=not layer.last)

    def __call__(self, x: Tensor, skip: Tensor, workers: Workers) -> Tensor:
        """Decode a map (bands, frames, channels) to `stride` times the bands."""
        bands, frames, channels = x.shape
        y = torch.empty_like(x)
        size = _PIECE // (2 * channels * frames)
        workers.run(partial(self._bands, x, skip, y, low, high) for low, high in spans(bands, size))
        made = self._stride * (bands + 1) - 2 * self._pad
        out = torch.empty(made, frames, self._spread.channels // self._stride)
        size = _PIECE // (self._spread.channels * frames)
        workers.run(partial(self._spread_bands, y, out, low, high) for low, high in spans(bands + 1, size))
        return out

    def _bands(self, x: Tensor, skip: Tensor, out: Tensor, low: int, high: int) -> None:
        reach = self._context
        y = window(x, low - reach, high + reach, 0) + window(skip, low - reach, high + reach, 0)
        if self._rewrite is not None:
            y = gated(self._rewrite(y))
        for branch in self._branches:
            branch.add_to_rows(y)
        out[low:high] = y

    def _spread_bands(self, y: Tensor, out: Tensor, low: int, high: int) -> None:
        z = self._spread(window(y, low - 1, high, 0))
        z = z.view(high - low, z.shape[1], self._stride, -1).transpose(1, 2)
        for group in range(low, high):
            first = group * self._stride - self._pad
            head, tail = max(0, -first), min(self._stride, out.shape[0] - first)
            out[first + head : first + tail] = z[group - low, head:tail]


def two_tap(conv: nn.ConvTranspose1d | nn.ConvTranspose2d, axis: int) -> tuple[Tensor, Tensor]:
    """Write a transposed convolution, kernel twice the stride, as a plain one with two taps.

    Output cells come in groups of `stride` per pair of neighbouring inputs: the first half of the
    kernel meets the later input, the second half the earlier one.

    Returns:
        The weight (stride * out, in, 2 taps on `axis`) with phases before channels, and the bias.
    """
    weight = conv.weight.detach().flatten(2)  # (in, out, kernel)
    stride = weight.shape[2] // 2
    taps = torch.stack([weight[:, :, stride:], weight[:, :, :stride]], -1)  # (in, out, phase, tap)
    taps = taps.permute(2, 1, 0, 3).reshape(-1, weight.shape[0], 2)
    bias = torch.zeros(weight.shape[1]) if conv.bias is None else conv.bias.detach()
    return taps[:, :, :, None] if axis == 0 else taps[:, :, None], bias.repeat(stride)
