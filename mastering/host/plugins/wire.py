"""Messages between a host and its worker: a JSON table and raw bytes behind it.

Both directions are the same. Audio does not go this way: see `shared`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Message", "pack", "unpack"]

HEAD = struct.Struct("<II")
"""Bytes of the table, and of what follows it."""

LARGEST_TABLE = 2**26
LARGEST_BLOB = 2**30

Message = tuple[dict[str, Any], bytes]


def pack(table: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(table, ensure_ascii=True).encode()
    return HEAD.pack(len(text), len(blob)) + text + blob


def unpack(fill: Callable[[memoryview], None]) -> Message:
    """The next message.

    Args:
        fill: fills a view from the other side.

    Raises:
        ValueError: what came is no message.
    """
    head = bytearray(HEAD.size)
    fill(memoryview(head))
    text_bytes, blob_bytes = HEAD.unpack(head)
    if text_bytes > LARGEST_TABLE or blob_bytes > LARGEST_BLOB:
        raise ValueError("not a message")
    text, blob = bytearray(text_bytes), bytearray(blob_bytes)
    fill(memoryview(text))
    fill(memoryview(blob))
    table = json.loads(text)
    if not isinstance(table, dict):
        raise ValueError("not a message")
    return table, bytes(blob)
