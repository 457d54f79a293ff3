"""The parent's side of the decoder process: start it, read its messages, never wait for ever.

A decoder that sends nothing for `timeout_s` is killed and reported, one that dies is
reported, and one whose blocks are no longer wanted is killed at once. The process is
started lean: a new interpreter that imports NumPy and one decoder.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mastering.audio import Samples
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.stream import END, HEADER, MESSAGE, REFUSED, SAMPLES, Header
from mastering.notice import Notice

__all__ = ["DECODER", "DecoderProcess"]

DECODER: tuple[str, ...] = (sys.executable, "-P", "-m", "mastering.io.decoder")
"""The command of the decoder process; the mode, the downmix flag and the path follow."""

_PIPE_BYTES = 2**20


class DecoderProcess:
    """One running decoder. Use it as a context manager: leaving it kills the process.

    Args:
        path: the file.
        mode: "decode" or "probe".
        downmix: mix more than two channels down to stereo.
        timeout_s: longest wait for the next message.
        command: what to start instead of DECODER (for tests).
    """

    def __init__(
        self, path: Path, *, mode: str, downmix: bool, timeout_s: float, command: Sequence[str] = DECODER
    ) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self.notices: tuple[Notice, ...] = ()
        self._process = _start([*command, mode, "1" if downmix else "0", str(path.absolute())])
        self._pipe: Any = self._process.stdout
        _widen(self._pipe)
        self._deadline: float | None = None
        self._late = False
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> DecoderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process and wait for its end; nothing happens the second time."""
        self._closed.set()
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def header(self) -> Header:
        """The first message."""
        kind, size = self._next()
        if kind != HEADER:
            raise self._crashed("it sent an unreadable answer")
        fields = self._json(size)
        fields["speakers"] = tuple(fields["speakers"])
        fields["notices"] = tuple(Notice(**notice) for notice in fields["notices"])
        return Header(**fields)

    def blocks(self, channels: int) -> Iterator[Samples]:
        """The samples, read-only float32 [channels, frames]; afterwards `notices` is complete."""
        while True:
            kind, size = self._next()
            if kind == END:
                self.notices = tuple(Notice(**notice) for notice in self._json(size)["notices"])
                return
            if kind != SAMPLES or size % (4 * channels):
                raise self._crashed("it sent an unreadable answer")
            block = np.empty((channels, size // (4 * channels)), np.float32)
            self._fill(block.data.cast("B"))
            block.flags.writeable = False
            yield block

    def _next(self) -> tuple[bytes, int]:
        head = bytearray(MESSAGE.size)
        self._fill(memoryview(head))
        kind, size = MESSAGE.unpack(head)
        if kind == REFUSED:
            refused = self._json(size)
            raise AudioFileError(
                f"{self._path}: {refused['reason']}", hint=refused["hint"], code=refused["code"]
            )
        return kind, size

    def _json(self, size: int) -> dict[str, Any]:
        text = bytearray(size)
        self._fill(memoryview(text))
        value: dict[str, Any] = json.loads(text)
        return value

    def _fill(self, view: memoryview) -> None:
        while view:
            self._deadline = time.monotonic() + self._timeout_s
            count = 0 if self._pipe.closed else self._pipe.readinto(view)
            self._deadline = None
            if not count:
                raise self._broken()
            view = view[count:]

    def _watch(self) -> None:
        while not self._closed.wait(min(self._timeout_s / 4.0, 0.5)):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._late = True
                self._process.kill()
                return

    def _broken(self) -> AudioFileError:
        """The error of a decoder that stopped before its end."""
        if self._closed.is_set():
            return AudioFileError(f"{self._path}: it has been closed", code="file_closed")
        if self._late:
            return AudioFileError(
                f"{self._path}: the decoder made no progress for {self._timeout_s:g} s and was stopped",
                hint="The file is probably damaged: open it in an editor and export it again.",
                code="decoder_timeout",
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.poll()
        if status is None or status >= 0:
            return self._crashed(f"exit status {status}")
        try:
            return self._crashed(signal.Signals(-status).name)
        except ValueError:
            return self._crashed(f"signal {-status}")

    def _crashed(self, how: str) -> AudioFileError:
        return AudioFileError(
            f"{self._path}: the decoder crashed on this file ({how})",
            hint="The file is probably damaged: open it in an editor and export it again.",
            code="decoder_crashed",
        )


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # never written to: its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=_environment(),
        )
    except OSError as error:
        raise EnvironmentProblem(
            f"the decoder process cannot be started ({error})",
            hint="Close other programs, or install again.",
            code="decoder_not_started",
        ) from error


def _environment() -> dict[str, str]:
    """The import path of this process for the child, and one thread for libraries that would start many."""
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([*filter(None, sys.path), package_root])
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _widen(pipe: Any) -> None:
    """Let the child run a block ahead, where the system allows a wider pipe."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
