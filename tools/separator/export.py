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


def write(checkpoint: Path, target: Path, card: Path | None = None) -> str:
    """Write half-precision weights; returns the SHA-256, which also goes into the card if there is one."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    content = save({key: value.half() for key, value in state["mean"].items()}, _metadata())
    digest = hashlib.sha256(content).hexdigest()
    _replace(target, content)
    if card is not None:
        text = re.sub(r'^sha256 = ".*"$', f'sha256 = "{digest}"', card.read_text("utf-8"), flags=re.MULTILINE)
        _replace(card, text.encode())
    return digest


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
