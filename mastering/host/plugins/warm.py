"""Processes that wait for their next job with their plug-in loaded."""

from __future__ import annotations

import threading

from mastering.host.plugins.process import PluginProcess

__all__ = ["Key", "WarmProcesses"]

Key = tuple[str, str, str]
"""Path of the bundle, name inside it, digest."""

MOST = 8
"""Idle processes that are kept; the one that has waited longest goes first."""


class WarmProcesses:
    """Idle processes by plug-in. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Key, PluginProcess]] = []
        self._closed = False

    def take(self, key: Key) -> PluginProcess | None:
        """One with that plug-in, if there is one that still runs."""
        with self._lock:
            place = next((place for place, (own, _) in enumerate(self._idle) if own == key), None)
            if place is None:
                return None
            _, process = self._idle.pop(place)
        if process.usable:
            return process
        process.close()
        return None

    def keep(self, key: Key, process: PluginProcess) -> None:
        """Let it wait; ends another one, or after `close` this one."""
        dropped = None
        with self._lock:
            self._idle.append((key, process))
            if len(self._idle) > MOST or self._closed:
                _, dropped = self._idle.pop(0)
        if dropped is not None:
            dropped.close()

    def close(self) -> None:
        """End all."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for _, process in idle:
            process.close()
