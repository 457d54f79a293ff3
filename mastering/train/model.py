"""The matcher's network in torch; `mastering.match.network` runs the same in numpy.

chunk encoder    one MLP for the chunks of input and reference (they are deviations from the
                 piece's own mean, so mastering does not reach it), attention pooling
comparing        each chunk of the input attends to the chunks of the reference that are alike in
                 content and is compared with them alone: a second, content-matched difference
bands            one token a third octave; three blocks of convolution and attention over bands
heads            per third octave trust in 0..1, residual gain, expected error; per piece crest and PLR;
                 per wide band a compressor's numbers, each as a place 0..1 in its Range

Untrained it trusts a third of the difference everywhere, adds nothing and compresses nothing: the
safe baseline.

Symbols in shapes: B batch, C chunks, H heads, D width of the network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mastering.match.evidence import BAND_FEATURES, CHUNK_FEATURES, SCALARS
from mastering.match.tone import CENTRES_HZ

__all__ = ["Answer", "MatchNet"]

BANDS = len(CENTRES_HZ)
HEADS = 4
RESIDUAL_DB = 6.0
"""Most that the residual equaliser adds to the trusted difference, in either direction."""

START_TRUST = -0.7
"""Logit of the trust before training: 0.33."""

START_RATIO = -4.0
"""Logit of the ratio's place before training: 1.05:1, too little to be worth a compressor."""

Answer = dict[str, Tensor]
"""mid, side: gains [B, 31] in dB; error_mid, error_side: expected absolute errors [B, 31] in dB;
trust: [B, 2, 31]; crest: [B, 4] and plr: [B] changes in dB; compressor: [B, 4, 4] places 0..1 of
threshold, ratio, attack and release of the four wide bands."""


class Block(nn.Module):
    """Convolution over neighbouring bands, attention over all, and an MLP, each with a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_conv, self.norm_attend, self.norm_mlp = (nn.LayerNorm(width) for _ in range(3))
        self.conv = nn.Conv1d(width, width, 5, padding=2)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(torch.relu(self.conv(self.norm_conv(x).transpose(1, 2))).transpose(1, 2))
        q, k, v = self.qkv(self.norm_attend(x)).chunk(3, dim=-1)
        q, k, v = _heads(q), _heads(k), _heads(v)
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        widened: Tensor = x + self.down(self.drop(torch.relu(self.up(self.norm_mlp(x)))))
        return widened


class MatchNet(nn.Module):
    """See the module's text.

    Args:
        width: of the band tokens; 96 gives 0.5 M parameters.
        blocks: over the bands.
    """

    def __init__(self, width: int = 96, blocks: int = 3) -> None:
        super().__init__()
        self.chunk_in = nn.Linear(CHUNK_FEATURES, 96)
        self.chunk_mid = nn.Linear(96, 64)
        self.pool = nn.Linear(64, HEADS)
        self.query = nn.Linear(64, 64)
        self.key = nn.Linear(64, 64)
        self.whole = nn.Linear(4 * 64 + SCALARS, 96)
        self.whole_out = nn.Linear(96, width)
        self.token = nn.Linear(BAND_FEATURES + 2 * HEADS, width)
        self.place = nn.Parameter(0.02 * torch.randn(BANDS, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 6)
        self.piece = nn.Linear(2 * width, 5)
        self.compressor = nn.Linear(2 * width, 64)
        self.compressor_out = nn.Linear(64, 16)
        for layer in (self.head, self.piece, self.compressor_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.head.bias[:2] = START_TRUST
            self.compressor_out.bias.view(4, 4)[:, 1] = START_RATIO

    def forward(self, case: dict[str, Tensor]) -> Answer:
        """The answer to a batch; `case` has the fields of `evidence.Evidence`, each with a leading B."""
        own = self._encode(case["own_chunks"])
        reference = self._encode(case["reference_chunks"])
        compared = self._compare(own, reference, case)
        pooled = [self._pool(own, case["own_mask"]), self._pool(reference, case["reference_mask"])]
        whole = torch.cat([*pooled, pooled[1] - pooled[0], pooled[1] * pooled[0], case["scalars"]], dim=-1)
        whole = self.whole_out(torch.relu(self.whole(whole)))
        tokens = self.token(torch.cat([case["bands"], compared], dim=-1)) + self.place + whole[:, None]
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        return self._answer(tokens, whole, case)

    def _encode(self, chunks: Tensor) -> Tensor:
        encoded: Tensor = torch.relu(self.chunk_mid(torch.relu(self.chunk_in(chunks))))
        return encoded

    def _pool(self, encoded: Tensor, mask: Tensor) -> Tensor:
        """Attention pooling [B, 64]: each quarter of the code by weights of its own."""
        weights = _masked(self.pool(encoded).transpose(1, 2), mask[:, None])
        pooled: Tensor = (weights[:, :, None] @ _heads(encoded)).flatten(1)
        return pooled

    def _compare(self, own: Tensor, reference: Tensor, case: dict[str, Tensor]) -> Tensor:
        """Content-matched differences as band features [B, 31, 2 H]."""
        q, k = _heads(self.query(own)), _heads(self.key(reference))
        alike = _masked(
            q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), case["reference_mask"][:, None, None]
        )
        levels = case["reference_levels"].flatten(2)[:, None]
        matched = alike @ levels - case["own_levels"].flatten(2)[:, None]
        weights = _masked(self.pool(own).transpose(1, 2), case["own_mask"][:, None])
        difference = (weights[:, :, None] @ matched).reshape(len(own), HEADS, 2, BANDS)
        difference = difference * case["trusted"][:, None]
        features: Tensor = 0.2 * difference.clamp(-30.0, 30.0).flatten(1, 2).transpose(1, 2)
        return features

    def _answer(self, tokens: Tensor, whole: Tensor, case: dict[str, Tensor]) -> Answer:
        raw = self.head(tokens).transpose(1, 2)
        trust = torch.sigmoid(raw[:, 0:2])
        kept = trust * case["wanted"] + RESIDUAL_DB * torch.tanh(raw[:, 2:4]) * case["trusted"]
        errors = torch.nn.functional.softplus(raw[:, 4:6]) + 0.05
        summary = torch.cat([tokens.mean(dim=1), whole], dim=-1)
        piece = self.piece(summary)
        places = torch.sigmoid(self.compressor_out(torch.relu(self.compressor(summary))))
        return {
            "mid": kept[:, 0],
            "side": kept[:, 1],
            "error_mid": errors[:, 0],
            "error_side": errors[:, 1],
            "trust": trust,
            "crest": 6.0 * torch.tanh(piece[:, :4]),
            "plr": 6.0 * torch.tanh(piece[:, 4]),
            "compressor": places.reshape(-1, 4, 4),
        }


def _heads(x: Tensor) -> Tensor:
    """[B, n, D] -> [B, H, n, D / H]."""
    return x.reshape(*x.shape[:2], HEADS, -1).transpose(1, 2)


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    return torch.softmax(scores.masked_fill(mask == 0.0, -1e4), dim=-1)
