"""A server of its own process, started as a person would, killed as nobody should."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

__all__ = ["Live"]

_START_S = 90.0
_END_S = 60.0


class Live:
    """`tonmeister serve` on a free port of loopback; started again it takes the same one.

    Args:
        folder: of its data and its log.
        options: more of the command's.
        variables: of its environment; otherwise it has none of ours.
    """

    def __init__(self, folder: Path, *options: str, variables: Mapping[str, str] | None = None) -> None:
        self.folder, self._options, self._variables = folder, options, dict(variables or {})
        self._port = 0
        self.url = ""

    def __enter__(self) -> Live:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Wait until it listens."""
        command = [sys.executable, "-m", "mastering.cli", "serve", "--port", str(self._port)]
        command += ["--data", str(self.folder / "data"), *self._options]
        path = self.folder / "log"
        with path.open("ab") as log:
            before = log.tell()
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=_environment() | self._variables
            )
        deadline_s = time.monotonic() + _START_S
        while (found := re.search(r"http://127\.0\.0\.1:(\d+)", path.read_text("utf-8")[before:])) is None:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline_s, self.log
            time.sleep(0.05)
        self._port, self.url = int(found[1]), found[0]

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and wait for that; gives its exit status."""
        self._process.send_signal(how)
        return self._process.wait(_END_S)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TONMEISTER_")}
