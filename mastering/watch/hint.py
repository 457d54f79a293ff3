"""Looking earlier than at the next interval, where the system tells that something has changed."""

from __future__ import annotations

import contextlib
import importlib
import threading
from pathlib import Path
from typing import Any

__all__ = ["Waker"]


class Waker:
    """Waits; changes in a folder end the waiting, if watchfiles is installed and the system tells of them.

    Network shares do not: a hint is never needed, it only saves time.

    Args:
        folder: what to hear of.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Waker:
        with contextlib.suppress(ImportError):
            library: Any = importlib.import_module("watchfiles")
            self._thread = threading.Thread(target=self._listen, args=(library,), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def wait(self, timeout_s: float) -> bool:
        """Wait; True if something has changed."""
        changed = self._changed.wait(timeout_s)
        self._changed.clear()
        return changed

    def _listen(self, library: Any) -> None:
        with contextlib.suppress(Exception):  # then there are no hints
            settings: dict[str, Any] = {"rust_timeout": 500, "raise_interrupt": False}
            for _ in library.watch(self._folder, stop_event=self._stop, **settings):
                self._changed.set()
