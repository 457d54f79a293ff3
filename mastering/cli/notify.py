"""Desktop notifications: one for what was finished together, never one for each song."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["Notifier", "notification_command"]

_QUIET_S = 3.0
_LONGEST_S = 60.0
_TIMEOUT_S = 10.0
_LOOK_S = 0.25
_COUNTED = ("mastered", "known", "failed")
_SCRIPT = (
    "on run argv",
    'display notification (item 2 of argv) with title "Tonmeister" subtitle (item 1 of argv)',
    "end run",
)


def notification_command(title: str, text: str) -> list[str] | None:
    """What shows a notification: notify-send (libnotify) or osascript (macOS); None where neither is."""
    if (program := shutil.which("notify-send")) is not None:
        return [program, "--app-name=Tonmeister", "--", title, text]
    if sys.platform == "darwin" and (program := shutil.which("osascript")) is not None:
        return [program, *(part for line in _SCRIPT for part in ("-e", line)), title, text]
    return None


class Notifier:
    """Passes events on and sums them up. Use it as a context manager.

    Args:
        tell: who hears of each event, first.
        quiet_s: how long nothing more was finished before the sum is shown.
    """

    def __init__(self, tell: Callable[..., None], *, quiet_s: float = _QUIET_S) -> None:
        self._tell, self._quiet_s = tell, quiet_s
        self._lock = threading.Lock()
        self._count: Counter[str] = Counter()
        self._first_s = self._last_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Notifier:
        if notification_command("", "") is None:
            why = "there is neither notify-send nor osascript"
            self._tell("notify_off", message=why)
        else:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_TIMEOUT_S)

    def __call__(self, event: str, /, **fields: Any) -> None:
        """An event."""
        self._tell(event, **fields)
        if event in _COUNTED:
            with self._lock:
                self._last_s = time.monotonic()
                if not self._count:
                    self._first_s = self._last_s
                self._count[event] += int(fields.get("songs", 1))

    def _work(self) -> None:
        while not self._stop.wait(_LOOK_S):
            now_s = time.monotonic()
            if now_s - self._last_s >= self._quiet_s or now_s - self._first_s >= _LONGEST_S:
                self._show()
        self._show()

    def _show(self) -> None:
        with self._lock:
            count, self._count = self._count, Counter()
        if not count:
            return
        text = ", ".join(f"{count[event]} {event}" for event in _COUNTED if count[event])
        title = "Some songs failed" if count["failed"] else "Masters are ready"
        with contextlib.suppress(Exception):  # a desktop that is gone is no reason to stop
            command = notification_command(title, text)
            subprocess.run(
                command or ["true"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT_S,
                check=False,
            )
