"""Encoder and decoder layers of the waveform: a map (1, cells, channels), some thousand cells at a time.

Its normalisations run over the whole waveform: each step that needs a statistic waits for all pieces.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from stems.engine.frequency import two_tap
from stems.engine.ops import Conv, Linear
from stems.engine.residual import Branch, Moments, branches, combine, gated, row_moments, window
from stems.engine.workers import Workers, spans

__all__ = ["WaveDecoder", "WaveEncoder"]

_PIECE = 2**18  # as in frequency


class WaveEncoder:
    """`HEncLayer(freq=False)`: strided convolution, GELU, residual branches, 1x1 and GLU."""

    def __init__(self, layer: Any) -> None:
        conv: nn.Conv1d = layer.conv
        self._kernel, self._stride, self._pad = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
        self._conv = Conv(conv.weight[:, :, None], conv.bias, stride=(1, self._stride), gelu=True)
        self._branches = branches(layer.dconv, pad=False)
        rewrite = layer.rewrite
        self._rewrite = None if rewrite is None else Linear(rewrite.weight[:, :, 0], rewrite.bias)
        self._channels = conv.out_channels

    def __call__(self, x: Tensor, workers: Workers) -> Tensor:
        """Encode a map (1, cells, channels)."""
        padded = -(-x.shape[1] // self._stride) * self._stride
        cells = (padded + 2 * self._pad - self._kernel) // self._stride + 1
        y = torch.empty(1, cells, self._channels)
        pieces = spans(cells, _PIECE // (2 * self._channels))
        workers.run(partial(self._begin, x, y, low, high) for low, high in pieces)
        _add_branches(self._branches, y, pieces, workers)
        if self._rewrite is not None:
            workers.run(partial(self._end, y, low, high) for low, high in pieces)
        return y

    def _begin(self, x: Tensor, y: Tensor, low: int, high: int) -> None:
        first = low * self._stride - self._pad
        y[:, low:high] = self._conv(
            window(x, first, first + (high - low - 1) * self._stride + self._kernel, 1)
        )

    def _end(self, y: Tensor, low: int, high: int) -> None:
        assert self._rewrite is not None
        y[:, low:high] = gated(self._rewrite(y[:, low:high]))


class WaveDecoder:
    """`HDecLayer(freq=False)`: skip, convolution and GLU, branches, transposed convolution, GELU."""

    def __init__(self, layer: Any) -> None:
        rewrite: nn.Conv1d | None = layer.rewrite
        self._branches = branches(layer.dconv, pad=False)
        self._context = 0 if rewrite is None else int(rewrite.padding[0])
        self._rewrite = None if rewrite is None else Conv(rewrite.weight[:, :, None], rewrite.bias)
        self._stride, self._pad = int(layer.stride), int(layer.pad)
        self._spread = Conv(*two_tap(layer.conv_tr, 1), gelu=not layer.last)

    def __call__(self, x: Tensor, skip: Tensor, length: int, workers: Workers) -> Tensor:
        """Decode a map (1, cells, channels) to one of `length` cells."""
        cells, channels = x.shape[1:]
        y = torch.empty_like(x)
        pieces = spans(cells, _PIECE // (2 * channels))
        workers.run(partial(self._begin, x, skip, y, low, high) for low, high in pieces)
        _add_branches(self._branches, y, pieces, workers)
        out = torch.empty(1, length, self._spread.channels // self._stride)
        pieces = spans(cells + 1, _PIECE // self._spread.channels)
        workers.run(partial(self._end, y, out, low, high) for low, high in pieces)
        return out

    def _begin(self, x: Tensor, skip: Tensor, out: Tensor, low: int, high: int) -> None:
        reach = self._context
        y = window(x, low - reach, high + reach, 1) + window(skip, low - reach, high + reach, 1)
        out[:, low:high] = y if self._rewrite is None else gated(self._rewrite(y))

    def _end(self, y: Tensor, out: Tensor, low: int, high: int) -> None:
        z = self._spread(window(y, low - 1, high, 1))
        z = z.view(1, (high - low) * self._stride, -1)
        first = low * self._stride - self._pad
        head, tail = max(0, -first), min(z.shape[1], out.shape[1] - first)
        out[:, first + head : first + tail] = z[:, head:tail]


def _add_branches(
    parts: tuple[Branch, ...], y: Tensor, pieces: list[tuple[int, int]], workers: Workers
) -> None:
    for branch in parts:
        hidden = workers.run(partial(_narrow, branch, y, low, high) for low, high in pieces)
        inner = combine([measured for _, measured in hidden])
        wide = combine(workers.run(partial(_activate, branch, h, inner) for h, _ in hidden))
        workers.run(
            partial(_widen, branch, h, wide, y[:, low:high])
            for (h, _), (low, high) in zip(hidden, pieces, strict=True)
        )


def _narrow(branch: Branch, y: Tensor, low: int, high: int) -> tuple[Tensor, Moments]:
    h = branch.narrow(window(y, low - branch.reach, high + branch.reach, 1))
    return h, row_moments(h)


def _activate(branch: Branch, h: Tensor, measured: Moments) -> Moments:
    branch.activate(h, measured)
    return row_moments(branch.widen(h))


def _widen(branch: Branch, h: Tensor, measured: Moments, y: Tensor) -> None:
    # Widening twice is cheaper than keeping the result: its channels are 4 to 16 times those of h.
    branch.add(branch.widen(h), measured, y)
