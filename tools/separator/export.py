"""A checkpoint's averaged weights as a file that Demucs itself loads (`demucs.hf.load_safetensors_model`)."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors.torch import save

from separator.learning import SHAPE
from separator.songs import SOURCES

__all__ = ["write"]

TEMPERATURE = 3.0
"""The outputs' logits are divided by this: after a short training on few songs the network is surer than it
should be. Chosen on Sodium with weights that had not heard it: 1, 1.5, 2, 3, 5 gave vocals -4.8, -4.6, -4.4,
-4.0, -3.3 and other -10.3, -9.8, -9.3, -8.3, -6.8 dB SI-SDR, drums 6.8, 6.9, 6.9, 6.9, 6.7."""


def write(checkpoint: Path, target: Path, card: Path | None = None) -> str:
    """Write half-precision weights; returns the SHA-256, which also goes into the card if there is one."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    content = save({key: value.half() for key, value in _tempered(state["mean"]).items()}, _metadata())
    digest = hashlib.sha256(content).hexdigest()
    _replace(target, content)
    if card is not None:
        text = re.sub(r'^sha256 = ".*"$', f'sha256 = "{digest}"', card.read_text("utf-8"), flags=re.MULTILINE)
        _replace(card, text.encode())
    return digest


def _tempered(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    last = max(int(key.split(".")[1]) for key in weights if key.startswith("decoder."))
    scaled = {f"decoder.{last}.norm2.{name}" for name in ("weight", "bias")}
    return {key: value / TEMPERATURE if key in scaled else value for key, value in weights.items()}


def _metadata() -> dict[str, str]:
    return {
        "klass": "stems.models.masked.MaskedHDemucs",
        "args": json.dumps([list(SOURCES)]),
        "kwargs": json.dumps(SHAPE),
    }


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
