"""What the fast pass knows: every option that it does not is left to demucs's own code."""

from __future__ import annotations

from typing import Any

from demucs.hdemucs import HDecLayer, HDemucs, HEncLayer
from demucs.htdemucs import HTDemucs
from demucs.transformer import (
    CrossTransformerEncoder,
    CrossTransformerEncoderLayer,
    LayerScale,
    MyGroupNorm,
    MyTransformerEncoderLayer,
)
from torch import nn
from torch.nn import functional as F

from stems.engine.residual import knows_residual

__all__ = ["fast_layers", "knows_transformer"]


def fast_layers(module: Any) -> int:
    """How many layers of encoder and decoder, from the outside, run fast; 0: the module is unknown."""
    if type(module) not in (HDemucs, HTDemucs) or not module.cac:
        return 0
    if type(module) is HDemucs and not module.hybrid:
        return 0
    encoder, decoder = list(module.encoder), list(module.decoder)[::-1]
    wave_encoder, wave_decoder = list(module.tencoder), list(module.tdecoder)[::-1]
    count = 0
    for layers in zip(encoder, wave_encoder, decoder, wave_decoder, strict=False):
        if not (_knows_pair(layers[0], layers[2], True) and _knows_pair(layers[1], layers[3], False)):
            break
        count += 1
    if type(module) is HDemucs and count == len(encoder):
        return 0  # its branches never merge: demucs itself cannot run that
    return count


def _knows_pair(encode: Any, decode: Any, freq: bool) -> bool:
    return _knows_encoder(encode, freq) and _knows_decoder(decode, freq)


def _knows_encoder(layer: Any, freq: bool) -> bool:
    if type(layer) is not HEncLayer or not _is_plain(layer, freq):
        return False
    if layer.rewrite is not None and set(layer.rewrite.kernel_size) != {1}:
        return False
    return knows_residual(layer.dconv)


def _knows_decoder(layer: Any, freq: bool) -> bool:
    if type(layer) is not HDecLayer or not _is_plain(layer, freq):
        return False
    if layer.kernel_size != 2 * layer.stride or not layer.context_freq:
        return False
    return knows_residual(layer.dconv)


def _is_plain(layer: Any, freq: bool) -> bool:
    return not layer.empty and not layer.norm and layer.pad != 0 and bool(layer.freq) == freq


def knows_transformer(transformer: Any) -> bool:
    """Whether the fast pass knows every layer and option of a `CrossTransformerEncoder`."""
    if type(transformer) is not CrossTransformerEncoder:
        return False
    if transformer.emb != "sin" or transformer.sin_random_shift != 0:
        return False
    norms = (transformer.norm_in, transformer.norm_in_t)
    if not all(isinstance(norm, nn.Identity) or _knows_layer_norm(norm) for norm in norms):
        return False
    layers = [*transformer.layers, *transformer.layers_t]
    return all(_knows_attention_layer(layer) for layer in layers)


def _knows_layer_norm(norm: Any) -> bool:
    return type(norm) is nn.LayerNorm and norm.elementwise_affine and norm.bias is not None


def _knows_attention_layer(layer: Any) -> bool:
    crosses = type(layer) is CrossTransformerEncoderLayer
    if not crosses and type(layer) is not MyTransformerEncoderLayer:
        return False
    if layer.sparse or not layer.norm_first or layer.activation is not F.gelu:
        return False
    norms = [layer.norm1, layer.norm2] + ([layer.norm3] if crosses else [])
    if not all(_knows_layer_norm(norm) for norm in norms):
        return False
    attention = layer.cross_attn if crosses else layer.self_attn
    plain = type(attention) is nn.MultiheadAttention and attention.in_proj_weight is not None
    if not plain or attention.in_proj_bias is None or attention.bias_k is not None or attention.add_zero_attn:
        return False
    out = layer.norm_out
    scales = all(isinstance(gamma, (nn.Identity, LayerScale)) for gamma in (layer.gamma_1, layer.gamma_2))
    return scales and (out is None or (isinstance(out, MyGroupNorm) and out.num_groups == 1))
