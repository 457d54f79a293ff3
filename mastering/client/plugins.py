"""Plug-ins: what the service's machine has, and what an admin allows."""

from __future__ import annotations

from urllib.parse import quote

from mastering.client.answers import Plugin, PluginItem
from mastering.client.transport import API, Calls

__all__ = ["PluginCalls"]


class PluginCalls(Calls):
    """What can be asked about plug-ins."""

    def plugins(self) -> list[PluginItem]:
        """Every plug-in that was found, and whether it may be used."""
        found: list[PluginItem] = self._transport.json("GET", "/plugins")["items"]
        return found

    def plugin(self, name: str) -> Plugin:
        """A plug-in and its parameters."""
        found: Plugin = self._transport.json("GET", f"/plugins/{quote(name, safe='')}")
        return found

    def allow_plugin(self, name: str) -> None:
        """Allow a plug-in, this build of it, for everybody; needs a key of an admin."""
        self._transport.ask("PUT", f"{API}/plugins/{quote(name, safe='')}/allowed")

    def forbid_plugin(self, name: str) -> None:
        """Allow a plug-in no more; needs a key of an admin."""
        self._transport.ask("DELETE", f"{API}/plugins/{quote(name, safe='')}/allowed")
