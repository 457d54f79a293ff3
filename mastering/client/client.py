"""Tonmeister: the service as an object."""

from __future__ import annotations

from types import TracebackType

from mastering.client.answers import About, Preset
from mastering.client.jobs import JobCalls
from mastering.client.orders import OrderCalls
from mastering.client.plugins import PluginCalls
from mastering.client.recipes import RecipeCalls
from mastering.client.shares import ShareCalls
from mastering.client.songs import SongCalls
from mastering.client.transport import Transport

__all__ = ["Tonmeister"]


class Tonmeister(SongCalls, OrderCalls, JobCalls, RecipeCalls, PluginCalls, ShareCalls):
    """A service. Use it as a context manager, or `close` it.

    Every method raises `ServiceError`, with one sentence, where the service says no or cannot be reached.

    Args:
        url: of the service.
        key: to it; None where it needs none.
        timeout_s: longest wait for an answer.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8440", key: str | None = None, *, timeout_s: float = 120.0
    ) -> None:
        super().__init__(Transport(url, key, timeout_s))

    def __enter__(self) -> Tonmeister:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.http.close()

    def about(self) -> About:
        """What the service is, and what it allows."""
        found: About = self._transport.json("GET", "/about")
        return found

    def styles(self) -> list[Preset]:
        """Styles to master to."""
        found: list[Preset] = self._transport.json("GET", "/styles")
        return found

    def targets(self) -> list[Preset]:
        """Where masters go."""
        found: list[Preset] = self._transport.json("GET", "/targets")
        return found
