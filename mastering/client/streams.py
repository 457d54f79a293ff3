"""Jobs as they change: the service's stream of events, taken up again where it broke."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from mastering.client.transport import API, AWAY, Transport, error_of, wait_s
from mastering.client.values import Job, ServiceError, read

__all__ = ["heard"]

_SOON_S = 0.3
_BREAKS = 20
"""One after the other: about a minute, in which a service can be started again."""


def heard(transport: Transport, path: str, *, until_ended: bool) -> Iterator[Job | None]:
    """What a stream brings; None for a sign of life, which comes every 15 s at least.

    Args:
        transport: to the service.
        path: of the stream.
        until_ended: stop after a job that has ended; otherwise it goes on for ever.

    Raises:
        ServiceError: the service says no, or stays away.
    """
    place, broken = _Place(), 0
    while broken < _BREAKS:
        pause_s = _SOON_S * (broken + 1)
        try:
            for plain in _events(transport, path, place):
                broken = 0
                known = read(Job, plain) if plain is not None else None
                yield known
                if until_ended and known is not None and known.ended:
                    return
        except httpx.TransportError:
            pass
        except ServiceError as error:
            if error.status not in AWAY:
                raise
            pause_s = wait_s(error, pause_s)
        broken += 1
        time.sleep(pause_s)
    raise ServiceError("the service stays away", hint="Check that it runs.", code="unreachable")


@dataclass(slots=True)
class _Place:
    """How far a stream was heard: the number of its last event, or of where it began."""

    number: str = ""


def _events(transport: Transport, path: str, place: _Place) -> Iterator[dict[str, Any] | None]:
    """The data of each event; None for a sign of life."""
    headers = {"Last-Event-ID": place.number} if place.number else {}
    with transport.http.stream("GET", f"{API}{path}", headers=headers) as response:
        if not response.is_success:
            response.read()
            raise error_of(response)
        number = place.number
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = value
            elif name == "data":
                place.number = number
                yield json.loads(value)
            elif line.startswith(":"):
                yield None
            elif not line:
                place.number = number
