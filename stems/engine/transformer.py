"""The cross-domain transformer on token matrices (tokens, channels), in the order of the maps.

Attention does not care for the order of tokens, so the spectrogram stays (band, frame) and only its
position embedding is put into that order. Three terms of attention are prepared away: the query's
scale goes into its weight, the key's bias adds the same to every score of a query (softmax
removes it), and the value's bias, weights summing to one, goes into the output's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stems.engine.ops import Linear, product
from stems.engine.residual import Moments, combine, row_moments
from stems.engine.workers import Workers, spans

__all__ = ["TOKENS", "AttentionLayer", "LayerNorm", "step"]

TOKENS = 168  # tokens of a piece: its 2048 hidden channels take 1.4 MB
_SCORES = 2**19  # values of a piece of the score matrix


class LayerNorm:
    """A layer norm's own parameters, read once."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        self._shape, self._eps = list(norm.normalized_shape), norm.eps
        self._weight, self._bias = norm.weight.detach().clone(), norm.bias.detach().clone()

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self._shape, self._weight, self._bias, self._eps)


class AttentionLayer:
    """One layer of one domain: attention to itself or to the other domain, then feed-forward.

    Args:
        layer: `MyTransformerEncoderLayer` or `CrossTransformerEncoderLayer`, norm first.
    """

    def __init__(self, layer: Any) -> None:
        self.crosses = hasattr(layer, "cross_attn")
        attention: nn.MultiheadAttention = layer.cross_attn if self.crosses else layer.self_attn
        self.heads, width = attention.num_heads, attention.embed_dim
        self.norm_query = LayerNorm(layer.norm1)
        self.norm_key = LayerNorm(layer.norm2) if self.crosses else self.norm_query
        self._norm_feed = LayerNorm(layer.norm3 if self.crosses else layer.norm2)
        query, key, value = attention.in_proj_weight.detach().chunk(3)
        query_bias, _, value_bias = attention.in_proj_bias.detach().chunk(3)
        scale = (width // self.heads) ** -0.5
        self.query, self.key = Linear(query * scale, query_bias * scale), Linear(key, None)
        self.value = value.contiguous().clone()
        mix, mix_bias = attention.out_proj.weight.detach(), attention.out_proj.bias.detach()
        self._mix = _scaled(layer.gamma_1, mix, mix_bias + mix @ value_bias)
        self._widen = Linear(layer.linear1.weight, layer.linear1.bias, gelu=True)
        self._narrow = _scaled(layer.gamma_2, layer.linear2.weight.detach(), layer.linear2.bias.detach())
        self.norm_out: nn.GroupNorm | None = layer.norm_out

    def feed(self, x: Tensor, attended: Tensor, low: int, high: int) -> Moments | None:
        """Add attention and feed-forward to x[low:high] in place; its statistics, where they are needed."""
        piece = x[low:high]
        piece += self._mix(attended[low:high])
        piece += self._narrow(self._widen(self._norm_feed(piece)))
        return None if self.norm_out is None else row_moments(piece[None])


def _scaled(gamma: Any, weight: Tensor, bias: Tensor) -> Linear:
    if isinstance(gamma, nn.Identity):
        return Linear(weight, bias)
    scale: Tensor = gamma.scale.detach()
    return Linear(weight * scale[:, None], bias * scale)


class _Attention:
    """The attention of one layer from the tokens of `x` to those of `source`."""

    def __init__(self, layer: AttentionLayer, x: Tensor, source: Tensor) -> None:
        self.layer, self.x, self.source = layer, x, source
        tokens, width = x.shape
        depth = width // layer.heads
        self.query = torch.empty(layer.heads, tokens, depth)
        self.key = torch.empty(layer.heads, len(source), depth)
        self.value = torch.empty(width, len(source))  # transposed: the second product's right side
        self.out = torch.empty(tokens, width)

    def project(self) -> list[partial[None]]:
        queries = [partial(self._project_query, *span) for span in spans(len(self.x), TOKENS)]
        return queries + [partial(self._project_source, *span) for span in spans(len(self.source), TOKENS)]

    def _project_query(self, low: int, high: int) -> None:
        q = self.layer.query(self.layer.norm_query(self.x[low:high]))
        self.query[:, low:high] = q.view(high - low, self.layer.heads, -1).transpose(0, 1)

    def _project_source(self, low: int, high: int) -> None:
        normed = self.layer.norm_key(self.source[low:high])
        self.key[:, low:high] = self.layer.key(normed).view(high - low, self.layer.heads, -1).transpose(0, 1)
        self.value[:, low:high] = product(self.layer.value, normed)

    def attend(self) -> list[partial[None]]:
        pieces = spans(len(self.x), _SCORES // len(self.source))
        return [partial(self._attend, head, *span) for head in range(self.layer.heads) for span in pieces]

    def _attend(self, head: int, low: int, high: int) -> None:
        depth = self.query.shape[2]
        columns = slice(head * depth, (head + 1) * depth)
        scores = product(self.query[head, low:high], self.key[head])
        torch.softmax(scores, -1, out=scores)
        self.out[low:high, columns] = product(scores, self.value[columns])

    def feed(self) -> list[partial[Moments | None]]:
        return [partial(self.layer.feed, self.x, self.out, *span) for span in spans(len(self.x), TOKENS)]


def step(
    bands: Tensor, wave: Tensor, layers: tuple[AttentionLayer, AttentionLayer], workers: Workers
) -> None:
    """Apply one layer of each domain to the tokens of both, in place."""
    crosses = layers[0].crosses
    both = (
        _Attention(layers[0], bands, wave if crosses else bands),
        _Attention(layers[1], wave, bands if crosses else wave),
    )
    workers.run(task for part in both for task in part.project())
    workers.run(task for part in both for task in part.attend())
    first = both[0].feed()
    measured = workers.run(first + both[1].feed())
    for part, parts in zip(both, (measured[: len(first)], measured[len(first) :]), strict=True):
        if part.layer.norm_out is not None:
            _normalise(part.x, part.layer.norm_out, [m for m in parts if m is not None])


def _normalise(x: Tensor, norm: nn.GroupNorm, parts: list[Moments]) -> None:
    mean, spread, count = combine(parts)
    scale = norm.weight.detach() * float(1 / (spread[0] / count + norm.eps) ** 0.5)
    torch.addcmul(norm.bias.detach() - float(mean[0]) * scale, x, scale, out=x)
