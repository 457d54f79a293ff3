"""Weights and their card's digest to files, whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["write_model"]


def write_model(
    folder: Path, name: str, arrays: Mapping[str, npt.NDArray[np.float32]], card: str = ""
) -> str:
    """Write NAME.safetensors and NAME.toml; returns the SHA-256.

    Args:
        folder: made where it is missing.
        name: of both files.
        arrays: what `match.network` reads.
        card: TOML with name, version and licence; empty keeps the one that is there and changes its sha256.
    """
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    content = save({key: np.ascontiguousarray(value, np.float32) for key, value in sorted(arrays.items())})
    digest = hashlib.sha256(content).hexdigest()
    path, card_path = folder / f"{name}.safetensors", folder / f"{name}.toml"
    text = card or card_path.read_text("utf-8")
    text = re.sub(r'^sha256 = ".*"$', f'sha256 = "{digest}"', text, flags=re.MULTILINE)
    for target, data in ((path, content), (card_path, text.encode())):
        unfinished = target.with_name(f".{target.name}.part")
        unfinished.write_bytes(data)
        unfinished.replace(target)
    return digest
