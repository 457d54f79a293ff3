"""Jobs as they change: the service's stream of events, taken up again where it broke."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from mastering.client.transport import API, Transport, error_of
from mastering.client.values import Job, ServiceError, read

__all__ = ["heard"]

_SOON_S = 0.3
_BREAKS = 10


def heard(transport: Transport, path: str, *, until_ended: bool) -> Iterator[Job | None]:
    """What a stream brings; None for a sign of life, which comes every 15 s at least.

    Args:
        transport: to the service.
        path: of the stream.
        until_ended: stop after a job that has ended; otherwise it goes on for ever.

    Raises:
        ServiceError: the service says no, or stays away.
    """
    last, broken = "", 0
    while broken < _BREAKS:
        try:
            for number, plain in _events(transport, path, last):
                last, broken = number, 0
                known = read(Job, plain) if plain is not None else None
                yield known
                if until_ended and known is not None and known.ended:
                    return
        except httpx.TransportError:
            pass
        broken += 1
        time.sleep(_SOON_S * broken)
    raise ServiceError("the service stays away", hint="Check that it runs.", code="unreachable")


def _events(transport: Transport, path: str, last: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Number and data of each event; no data for a sign of life."""
    headers = {"Last-Event-ID": last} if last else {}
    with transport.http.stream("GET", f"{API}{path}", headers=headers) as response:
        if not response.is_success:
            response.read()
            raise error_of(response)
        number = last
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = value
            elif name == "data":
                yield number, json.loads(value)
            elif line.startswith(":"):
                yield number, None
