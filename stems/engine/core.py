"""What the outer layers enclose: the transformer of HTDemucs, or inner layers by demucs's own modules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from demucs.htdemucs import HTDemucs
from demucs.transformer import create_2d_sin_embedding, create_sin_embedding
from torch import Tensor, nn

from stems.engine.ops import Linear
from stems.engine.support import knows_transformer
from stems.engine.transformer import TOKENS, AttentionLayer, LayerNorm, step
from stems.engine.workers import Workers, spans

__all__ = ["Core", "make_core"]

Core = Callable[[Tensor, Tensor, Workers], tuple[Tensor, Tensor]]


def make_core(module: Any, count: int) -> Core:
    """Make what runs between the `count` outer layers: (spectrum, wave, workers) -> the same maps."""
    whole = count == len(module.encoder)
    if whole and isinstance(module, HTDemucs):
        if module.crosstransformer is None:
            return lambda spectrum, wave, workers: (spectrum, wave)
        if knows_transformer(module.crosstransformer):
            return Tokens(module)
    return partial(_own_core, module, count)


class Tokens:
    """Change of width, embedding of position, the layers of the transformer, and back."""

    def __init__(self, module: Any) -> None:
        transformer = module.crosstransformer
        assert transformer is not None
        self._period, self._weight = transformer.max_period, transformer.weight_pos_embed
        bottom = bool(module.bottom_channels)
        self._up = _pair(module, "channel_upsampler") if bottom else (None, None)
        self._down = _pair(module, "channel_downsampler") if bottom else (None, None)
        norms = (transformer.norm_in, transformer.norm_in_t)
        self._norms = [None if isinstance(norm, nn.Identity) else LayerNorm(norm) for norm in norms]
        layers = zip(transformer.layers, transformer.layers_t, strict=True)
        self._layers = [(AttentionLayer(a), AttentionLayer(b)) for a, b in layers]
        self._positions: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}

    def __call__(self, spectrum: Tensor, wave: Tensor, workers: Workers) -> tuple[Tensor, Tensor]:
        """Map (bands, frames, channels) and (1, cells, channels) to the same."""
        bands, frames, channels = spectrum.shape
        tokens = [spectrum.reshape(-1, channels), wave[0]]
        width = channels if self._up[0] is None else self._up[0].channels
        places = self._places(bands, frames, wave.shape[1], width)
        inner = [torch.empty(len(part), width) for part in tokens]
        tasks = [
            partial(self._enter, k, tokens[k], places[k], inner[k], *span)
            for k in (0, 1)
            for span in spans(len(tokens[k]), TOKENS)
        ]
        workers.run(tasks)
        for layers in self._layers:
            step(inner[0], inner[1], layers, workers)
        if self._down[0] is not None and self._down[1] is not None:
            inner = [self._down[0](inner[0]), self._down[1](inner[1])]
        return inner[0].view(bands, frames, -1), inner[1][None]

    def _enter(self, k: int, x: Tensor, place: Tensor, out: Tensor, low: int, high: int) -> None:
        y, up, norm = x[low:high], self._up[k], self._norms[k]
        y = y if up is None else up(y)
        y = y if norm is None else norm(y)
        torch.add(y, place[low:high], out=out[low:high])

    def _places(self, bands: int, frames: int, cells: int, width: int) -> tuple[Tensor, Tensor]:
        key = (bands, frames, cells)
        found = self._positions.get(key)
        if found is None:
            embedding: Any = create_2d_sin_embedding  # it has no types
            plane = embedding(width, bands, frames, max_period=self._period)[0]
            line = create_sin_embedding(cells, width, max_period=self._period)[:, 0]
            found = (plane.permute(1, 2, 0).reshape(-1, width) * self._weight, line * self._weight)
            self._positions = {key: found}
        return found


def _pair(module: Any, name: str) -> tuple[Linear, Linear]:
    convs = [getattr(module, name), getattr(module, f"{name}_t")]
    made = [Linear(conv.weight[:, :, 0], conv.bias) for conv in convs]
    return made[0], made[1]


def _own_core(
    module: Any, count: int, spectrum: Tensor, wave: Tensor, workers: Workers
) -> tuple[Tensor, Tensor]:
    """The inner layers as in demucs's forward, in its layout (1, channels, bands, frames)."""
    x, xt = spectrum.permute(2, 0, 1)[None].contiguous(), wave.permute(0, 2, 1).contiguous()
    encoders, decoders = list(module.encoder)[count:], list(module.decoder)
    wave_encoders, wave_decoders = list(module.tencoder)[count:], list(module.tdecoder)
    decoders, wave_decoders = decoders[: len(encoders)], wave_decoders[: len(wave_encoders)]
    skips, wave_skips, lengths, wave_lengths = [], [], [], []
    for k, encode in enumerate(encoders):
        lengths.append(x.shape[-1])
        inject = None
        if k < len(wave_encoders):
            wave_lengths.append(xt.shape[-1])
            xt = wave_encoders[k](xt)
            if wave_encoders[k].empty:
                inject = xt
            else:
                wave_skips.append(xt)
        x = encode(x, inject)
        skips.append(x)
    x, xt = _own_middle(module, x, xt)
    for k, decode in enumerate(decoders):
        x, pre = decode(x, skips.pop(), lengths.pop())
        j = k - (len(encoders) - len(wave_decoders))
        if j >= 0:
            empty = wave_decoders[j].empty
            source, skip = (pre[:, :, 0], None) if empty else (xt, wave_skips.pop())
            xt, _ = wave_decoders[j](source, skip, wave_lengths.pop())
    return x[0].permute(1, 2, 0).contiguous(), xt.permute(0, 2, 1).contiguous()


def _own_middle(module: Any, x: Tensor, xt: Tensor) -> tuple[Tensor, Tensor]:
    if not isinstance(module, HTDemucs):
        x = torch.zeros_like(x)
        return x, x
    if module.crosstransformer is None:
        return x, xt
    if not module.bottom_channels:
        x, xt = module.crosstransformer(x, xt)
        return x, xt
    shape = x.shape
    x = module.channel_upsampler(x.flatten(2)).view(shape[0], -1, *shape[2:])
    x, xt = module.crosstransformer(x, module.channel_upsampler_t(xt))
    x = module.channel_downsampler(x.flatten(2)).view(shape)
    return x, module.channel_downsampler_t(xt)
