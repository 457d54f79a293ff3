"""What is told: one JSON document with an id that stays the same however often it is sent."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SCHEMA", "Message", "new_message"]

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to one URL; `body`: JSON in ASCII."""

    id: str
    url: str
    body: str


def new_message(url: str, kind: str, data: Mapping[str, Any], *, id: str | None = None) -> Message:
    """A message of what has happened just now.

    Args:
        url: where it goes.
        kind: such as "song.mastered".
        data: plain values, numbers finite.
        id: of a message that may be made again; None draws one.
    """
    name = id or f"msg_{secrets.token_hex(16)}"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {"schema": SCHEMA, "id": name, "type": kind, "timestamp": now, "data": dict(data)}
    return Message(id=name, url=url, body=json.dumps(document, allow_nan=False, separators=(",", ":")))
