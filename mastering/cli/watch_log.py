"""What `watch` says: sentences and a status line on a terminal, one JSON document per event elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from typing import Any

import click

from mastering.report.wording import clean

__all__ = ["Log"]

_SENTENCES = {
    "started": "Watching {inbox}; masters go to {output}.",
    "mastered": "{file} -> {output}",
    "known": "{file}: was mastered before: {output}",
    "failed": "Error: {message}",
    "waiting": "{file} waits: {message}",
    "replaced": "{file}: another file was put in its place; it is done anew.",
    "gone": "{file}: was taken away; its job is ended.",
    "passed_over": "{file}: passed over, {message}.",
    "webhook_dead": "Error: a message to {to} is given up after {attempts} tries: {message}",
    "webhook_waits": "{count} messages of webhooks wait: {message}",
    "notify_off": "No desktop notifications: {message}",
    "stopped": "{mastered} mastered, {known} known before, {failed} failed, {waiting} waiting.",
}


class Log:
    """Writes to standard error.

    Args:
        as_json: one document per line; without a terminal always.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json or sys.stderr is None or not sys.stderr.isatty()
        self._status = ""
        self._lock = threading.RLock()

    def __call__(self, event: str, /, **fields: Any) -> None:
        """An event; any thread may tell of one."""
        with self._lock:
            self._write(event, fields)

    def _write(self, event: str, fields: dict[str, Any]) -> None:
        if self._as_json:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            click.echo(json.dumps({"time": now, "event": event, **fields}), err=True)
        elif event in _SENTENCES:
            self._wipe()
            click.echo(clean(_SENTENCES[event].format_map(fields)), err=True)
            if fields.get("hint"):
                click.echo(clean(f"       {fields['hint']}"), err=True)

    def status(self, text: str) -> None:
        """The line at the end of a terminal."""
        with self._lock:
            if not self._as_json and text != self._status:
                width = shutil.get_terminal_size().columns - 1
                click.echo(f"\r\033[K{clean(text)[:width]}", nl=False, err=True)
                self._status = text

    def close(self) -> None:
        """Leave a clean line."""
        self._wipe()

    def _wipe(self) -> None:
        if self._status:
            click.echo("\r\033[K", nl=False, err=True)
            self._status = ""
