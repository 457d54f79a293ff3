"""A server of its own process, as `tonmeister serve` starts it, and a small client."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Server"]

_LONGEST_S = 120.0


class Server:
    """Starts, kills and starts again on the same port.

    Args:
        folder: of its data.
        options: further options of the command.
        key: to speak with, where the server has keys.
    """

    def __init__(self, folder: Path, *options: str, key: str = "") -> None:
        self.folder = folder
        self._options = options
        self._key = key
        self._port = 0
        self.url = ""

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGTERM)

    def start(self) -> None:
        """Waits until it listens."""
        self._log = (self.folder / "serve.log").open("ab+")
        before = self._log.seek(0, os.SEEK_END)
        command = [
            sys.executable,
            "-m",
            "mastering.cli",
            "serve",
            "--port",
            str(self._port),
            "--data",
            str(self.folder / "data"),
        ]
        self._process = subprocess.Popen(
            [*command, *self._options], stdout=self._log, stderr=self._log, cwd=self.folder
        )
        for _ in range(int(_LONGEST_S / 0.1)):
            said = (self.folder / "serve.log").read_bytes()[before:].decode()
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", said):
                self._port, self.url = int(found[1]), f"http://127.0.0.1:{found[1]}"
                return
            assert self._process.poll() is None, said
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def stop(self, how: signal.Signals) -> None:
        """Ends it, gently or at once."""
        self._process.send_signal(how)
        self._process.wait(timeout=30)
        self._log.close()

    def ask(
        self, path: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """A request of the API; its answer as JSON."""
        with self.open(path, body, method=method, headers=headers) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open(
        self, path: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """A request of the API."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        known = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        kind = {} if isinstance(body, bytes) or body is None else {"Content-Type": "application/json"}
        url = path if path.startswith("http") else f"{self.url}/api/v1{path}"
        request = urllib.request.Request(url, data, {**known, **kind, **(headers or {})}, method=method)
        return urllib.request.urlopen(request, timeout=60)

    def upload(self, path: Path) -> str:
        """A song's id."""
        tus = {"Tus-Resumable": "1.0.0"}
        named = base64.b64encode(path.name.encode()).decode()
        created = self.open(
            "/uploads",
            b"",
            method="POST",
            headers={
                **tus,
                "Upload-Length": str(path.stat().st_size),
                "Upload-Metadata": f"filename {named}",
            },
        )
        where = created.headers["Location"]
        where = where if where.startswith("http") else self.url + where
        sent = self.open(
            where,
            path.read_bytes(),
            method="PATCH",
            headers={**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
        )
        return str(sent.headers["Tonmeister-Song"])

    def run(self, wish: dict[str, Any]) -> str:
        """A job's id, once it is done."""
        job = self.ask("/jobs", wish)
        return str(self.wait(job["id"])["id"])

    def wait(self, job: str) -> dict[str, Any]:
        """A job once it is done."""
        for _ in range(int(_LONGEST_S / 0.1)):
            now: dict[str, Any] = self.ask(f"/jobs/{job}")
            if now["state"] in ("done", "failed", "cancelled"):
                assert now["state"] == "done", now["error"]
                return now
            time.sleep(0.1)
        raise AssertionError(f"job {job} did not end")
