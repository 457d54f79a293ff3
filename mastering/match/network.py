"""The learned matcher's network in numpy: a few matrix products, no torch at run time.

The same arithmetic as `mastering.train.model.MatchNet` (its text says what each part is for);
a test holds the two together. Weights come as a dictionary of arrays by torch's names.

Symbols in shapes: C chunks, H heads, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.match.evidence import Evidence

__all__ = ["Answer", "answer", "fits"]

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]

HEADS = 4
RESIDUAL_DB = 6.0
_BANDS = 31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What the network says, in dB.

    Attributes:
        mid, side: gains of mid and of side to mid [31].
        error_mid, error_side: expected absolute errors of these [31].
        trust: share of the whole difference that was taken for mastering [2, 31].
        crest: change of crest in the wide bands [4]; learned beside the rest, nothing acts on it.
        plr: change of the peak to loudness ratio.
        compressor: of the wide bands, places 0..1 of threshold, ratio, attack and release [4, 4].
    """

    mid: Array
    side: Array
    error_mid: Array
    error_side: Array
    trust: Array
    crest: Array
    plr: float
    compressor: Array


def answer(weights: Weights, case: Evidence) -> Answer:
    """The network's answer to one case."""
    own = _encode(weights, case.own_chunks)
    reference = _encode(weights, case.reference_chunks)
    compared = _compare(weights, own, reference, case)
    pooled = _pool(weights, own, case.own_mask), _pool(weights, reference, case.reference_mask)
    whole = np.concatenate([*pooled, pooled[1] - pooled[0], pooled[1] * pooled[0], case.scalars])
    whole = _linear(weights, "whole_out", np.maximum(_linear(weights, "whole", whole), 0.0))
    tokens = _linear(weights, "token", np.concatenate([case.bands, compared], axis=1))
    tokens = tokens + weights["place"] + whole
    for index in range(_blocks(weights)):
        tokens = _block(weights, f"blocks.{index}.", tokens)
    return _read(weights, _normed(weights, "norm", tokens), whole, case)


def fits(weights: Weights) -> bool:
    """Whether these are weights of this network for today's evidence."""
    from mastering.match.evidence import BAND_FEATURES, CHUNK_FEATURES, SCALARS

    shapes = {name: array.shape[-1] for name, array in weights.items()}
    return (
        shapes.get("chunk_in.weight") == CHUNK_FEATURES
        and shapes.get("token.weight") == BAND_FEATURES + 2 * HEADS
        and shapes.get("whole.weight") == 256 + SCALARS
        and shapes.get("compressor_out.bias") == 4 * 4
        and _blocks(weights) > 0
    )


def _blocks(weights: Weights) -> int:
    return len({name.split(".")[1] for name in weights if name.startswith("blocks.")})


def _read(weights: Weights, tokens: Array, whole: Array, case: Evidence) -> Answer:
    raw = _linear(weights, "head", tokens).T
    trust = _sigmoid(raw[0:2])
    kept = trust * case.wanted + RESIDUAL_DB * np.tanh(raw[2:4]) * case.trusted
    errors = np.logaddexp(raw[4:6], 0.0) + 0.05
    summary = np.concatenate([tokens.mean(axis=0), whole])
    piece = 6.0 * np.tanh(_linear(weights, "piece", summary))
    inner = np.maximum(_linear(weights, "compressor", summary), 0.0)
    places = _sigmoid(_linear(weights, "compressor_out", inner))
    return Answer(
        mid=kept[0],
        side=kept[1],
        error_mid=errors[0],
        error_side=errors[1],
        trust=trust.astype(np.float32),
        crest=piece[:4].astype(np.float32),
        plr=float(piece[4]),
        compressor=places.reshape(4, 4).astype(np.float32),
    )


def _sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _linear(weights: Weights, name: str, x: Array) -> Array:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _normed(weights: Weights, name: str, x: Array) -> Array:
    """Layer normalisation over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def _softmax(scores: Array, mask: Array) -> Array:
    """Over the last axis; masked places get nothing."""
    scores = np.where(mask == 0.0, np.float32(-1e4), scores)
    grown = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))


def _heads(x: Array) -> Array:
    """[n, D] -> [H, n, D / H]."""
    return np.asarray(x.reshape(len(x), HEADS, -1).transpose(1, 0, 2))


def _encode(weights: Weights, chunks: Array) -> Array:
    return np.maximum(
        _linear(weights, "chunk_mid", np.maximum(_linear(weights, "chunk_in", chunks), 0.0)), 0.0
    )


def _pool(weights: Weights, encoded: Array, mask: Array) -> Array:
    shares = _softmax(_linear(weights, "pool", encoded).T, mask)
    return np.asarray((shares[:, None] @ _heads(encoded)).reshape(-1))


def _compare(weights: Weights, own: Array, reference: Array, case: Evidence) -> Array:
    """Content-matched differences as band features [31, 2 H]."""
    q, k = _heads(_linear(weights, "query", own)), _heads(_linear(weights, "key", reference))
    alike = _softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1]), case.reference_mask)
    matched = alike @ case.reference_levels.reshape(len(reference), -1) - case.own_levels.reshape(
        len(own), -1
    )
    shares = _softmax(_linear(weights, "pool", own).T, case.own_mask)
    difference = (shares[:, None] @ matched).reshape(HEADS, 2, _BANDS) * case.trusted
    return np.asarray(0.2 * np.clip(difference, -30.0, 30.0).reshape(2 * HEADS, _BANDS).T)


def _block(weights: Weights, name: str, x: Array) -> Array:
    x = x + np.maximum(_convolved(weights, f"{name}conv", _normed(weights, f"{name}norm_conv", x)), 0.0)
    q, k, v = np.split(_linear(weights, f"{name}qkv", _normed(weights, f"{name}norm_attend", x)), 3, axis=1)
    scores = _heads(q) @ _heads(k).transpose(0, 2, 1) / math.sqrt(q.shape[1] // HEADS)
    mixed = _softmax(scores, np.ones(len(x), np.float32)) @ _heads(v)
    x = x + _linear(weights, f"{name}out", mixed.transpose(1, 0, 2).reshape(x.shape))
    inner = np.maximum(_linear(weights, f"{name}up", _normed(weights, f"{name}norm_mlp", x)), 0.0)
    return np.asarray(x + _linear(weights, f"{name}down", inner))


def _convolved(weights: Weights, name: str, x: Array) -> Array:
    """Convolution over bands, five wide, zeros beyond the ends."""
    kernel = weights[f"{name}.weight"]
    reach = kernel.shape[2] // 2
    padded = np.pad(x, ((reach, reach), (0, 0)))
    total = sum(padded[i : i + len(x)] @ kernel[:, :, i].T for i in range(kernel.shape[2]))
    return np.asarray(total + weights[f"{name}.bias"])
