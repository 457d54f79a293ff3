"""How fast an upload must come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from mastering.service.problems import Problem
from mastering.service.settings import Settings

__all__ = ["Pace"]

_RATE_WINDOW_S = 60.0


class Pace:
    """Ends an upload that stands still or crawls.

    Args:
        settings: how slow it may be.
    """

    def __init__(self, settings: Settings) -> None:
        self._idle_s = settings.upload_idle_s
        self._least_bytes_s = 1_000.0 * settings.upload_min_kb_s
        self._window = (time.monotonic(), 0)

    async def watched(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, as long as they come fast enough.

        Raises:
            Problem: they do not.
        """
        source = aiter(chunks)
        while True:
            try:
                async with asyncio.timeout(self._idle_s):
                    chunk = await anext(source)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _slow(f"nothing arrived for {self._idle_s:g} s") from None
            self._count(len(chunk))
            yield chunk

    def _count(self, size_bytes: int) -> None:
        since_s, received = self._window
        received += size_bytes
        age_s = time.monotonic() - since_s
        if age_s >= _RATE_WINDOW_S:
            if received < self._least_bytes_s * age_s:
                raise _slow(f"less than {self._least_bytes_s / 1_000.0:g} kB arrive each second")
            since_s, received = time.monotonic(), 0
        self._window = (since_s, received)


def _slow(why: str) -> Problem:
    return Problem(
        408,
        "upload_slow",
        f"{why}, so this connection ends; what has arrived is kept",
        hint="Ask how far it is with HEAD, and send the rest.",
        headers={"Connection": "close"},
    )
