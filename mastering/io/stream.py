"""What passes between a decoder and the rest: Header, Decoded, Refused, and the messages on the pipe.

The worker's answer is a series of messages: one letter, the length of the payload (32 bit,
little endian), the payload.
    H  JSON: the Header
    S  samples: float32 [channels, frames], native byte order; BLOCK_FRAMES but for the last
    E  JSON: the end: {"notices": [...]}
    X  JSON: refused: {"code", "reason", "hint"}
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from mastering.notice import Notice

__all__ = [
    "END",
    "HEADER",
    "MESSAGE",
    "REFUSED",
    "SAMPLES",
    "Decoded",
    "Header",
    "NoSamplesError",
    "Refused",
    "truncated",
]

MESSAGE = struct.Struct("<cI")
HEADER, SAMPLES, END, REFUSED = b"H", b"S", b"E", b"X"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a decoder knows after opening a file; the first fields are those of FileInfo.

    Attributes:
        exact_frames: what decoding will certainly give; None where only decoding can tell.
        may_be_nonfinite: the samples have to be checked for NaN and infinity.
        speakers: one name per channel, () where unknown.
    """

    container: str
    codec: str
    description: str
    sample_rate: int
    channels: int
    header_frames: int | None
    exact_frames: int | None
    bit_depth: int | None
    lossy: bool
    may_be_nonfinite: bool
    speakers: tuple[str, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """An opened file: its header, its samples [channels, any number of frames], late notices.

    `damaged` grows while the blocks are read: one entry per part that could not be decoded.
    """

    header: Header
    blocks: Iterator[npt.NDArray[Any]]
    damaged: list[str] = field(default_factory=list)


def truncated(promised: int, frames: int, *, damaged: bool = False) -> Notice:
    """The notice of a file that holds less than its header promises."""
    what = "cut off or damaged" if damaged else "cut off"
    text = f"The file is {what}: its header promises {promised:,} frames, {frames:,} are there."
    return Notice(code="truncated", message=text)


class NoSamplesError(RuntimeError):
    """The file is of a known format, but this decoder finds no frame in it."""


class Refused(Exception):
    """The file cannot be used; `reason` completes the sentence "<path>: ..."."""

    def __init__(self, code: str, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.hint = hint
