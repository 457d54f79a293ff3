"""The head of a safetensors file, read without torch: what it says about itself, and whether it is whole.

Format: 8 bytes little-endian length, that many bytes of JSON, then the tensors' bytes.
Source: https://huggingface.co/docs/safetensors (format).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mastering.errors import ModelError
from stems.models.digests import unreadable

__all__ = ["damaged", "looks_whole", "metadata_of"]

_LENGTH_BYTES = 8
_LARGEST_HEAD_BYTES = 16_000_000
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"


def metadata_of(head: bytes, size_bytes: int, where: str) -> dict[str, str]:
    """The texts a safetensors file carries beside its tensors.

    Args:
        head: its beginning, or all of it.
        size_bytes: of the whole file.
        where: its name, for the error.

    Raises:
        ModelError: no safetensors file, or one that is cut short or too long ("model_damaged").
    """
    try:
        length = int.from_bytes(head[:_LENGTH_BYTES], "little")
        if not 2 <= length <= min(_LARGEST_HEAD_BYTES, size_bytes - _LENGTH_BYTES):
            raise ValueError("its head has no valid length")
        document: dict[str, Any] = json.loads(head[_LENGTH_BYTES : _LENGTH_BYTES + length])
        metadata = document.pop("__metadata__", {})
        end = max((int(tensor["data_offsets"][1]) for tensor in document.values()), default=0)
        missing = _LENGTH_BYTES + length + end - size_bytes
        if missing:
            raise ValueError(f"{abs(missing)} bytes are {'missing' if missing > 0 else 'too many'}")
        return {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(where, f"no whole safetensors file ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    known = type(error) is ValueError and error.args and isinstance(error.args[0], str)
    return str(error) if known else "its head is not valid"


def damaged(where: str, reason: str) -> ModelError:
    """The error of a file that is not what its name says."""
    return ModelError(
        f"{where}: {reason}",
        hint="Download it again, or ask whoever gave it to you for the whole file.",
        code="model_damaged",
    )


def looks_whole(path: Path) -> None:
    """Refuse what is plainly no file of weights, such as the page of a login.

    Raises:
        ModelError: "model_damaged", or "model_unreadable".
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LENGTH_BYTES)
            if path.suffix == ".safetensors":
                length = min(int.from_bytes(head, "little"), _LARGEST_HEAD_BYTES)
                metadata_of(head + file.read(length), path.stat().st_size, str(path))
            elif not head.startswith((_ZIP, _PICKLE)):
                raise damaged(str(path), "no file that PyTorch wrote")
    except OSError as error:
        raise unreadable(path, error) from error
