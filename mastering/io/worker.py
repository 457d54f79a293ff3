"""The parent's side of the decoder process: start it, read its messages, never wait for ever.

A decoder that sends nothing for `timeout_s` is killed and reported, one that dies is
reported, and one whose blocks are no longer wanted is killed at once. The process is
started lean: a new interpreter that imports NumPy and one decoder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mastering.audio import Samples
from mastering.child import Child, ChildEnded, environment
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.stream import END, HEADER, MESSAGE, REFUSED, SAMPLES, Header
from mastering.notice import Notice

__all__ = ["DECODER", "DecoderProcess"]

DECODER: tuple[str, ...] = (sys.executable, "-P", "-m", "mastering.io.decoder")
"""The command of the decoder process; the mode, the downmix flag and the path follow."""


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
        try:
            self._child = Child(
                [*command, mode, "1" if downmix else "0", str(path.absolute())], env=environment()
            )
        except OSError as error:
            raise EnvironmentProblem(
                f"the decoder process cannot be started ({error})",
                hint="Close other programs, or install again.",
                code="decoder_not_started",
            ) from error

    def __enter__(self) -> DecoderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process and wait for its end; nothing happens the second time."""
        self._child.close()

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
        try:
            self._child.read_into(view, self._timeout_s)
        except ChildEnded as ended:
            raise self._broken(ended) from None

    def _broken(self, ended: ChildEnded) -> AudioFileError:
        """The error of a decoder that stopped before its end."""
        if ended.closed:
            return AudioFileError(f"{self._path}: it has been closed", code="file_closed")
        if ended.late:
            return AudioFileError(
                f"{self._path}: the decoder made no progress for {self._timeout_s:g} s and was stopped",
                hint="The file is probably damaged: open it in an editor and export it again.",
                code="decoder_timeout",
            )
        return self._crashed(ended.how)

    def _crashed(self, how: str) -> AudioFileError:
        return AudioFileError(
            f"{self._path}: the decoder crashed on this file ({how})",
            hint="The file is probably damaged: open it in an editor and export it again.",
            code="decoder_crashed",
        )
