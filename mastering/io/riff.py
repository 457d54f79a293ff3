"""Chunks of RIFF, RF64, W64 and AIFF files: found, read, added. No samples are touched.

A file is a form ("WAVE", "AIFF") of chunks: a name, a size, that many bytes, padded to an
even length (W64: GUID names, 64-bit sizes, padded to 8). Sizes in headers are claims; a
chunk's `size` here is what the file really holds.
RF64 (EBU Tech 3306): sizes that do not fit in 32 bits are 0xFFFFFFFF and stand in "ds64".
A writer that streams leaves 0xFFFFFFFF or 0 as the size of the samples: they go to the end.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "DS64_SIZE",
    "UNKNOWN_SIZE",
    "Chunk",
    "Form",
    "add_chunks",
    "close_riff",
    "promised_frames",
    "read_chunk",
    "read_form",
]

UNKNOWN_SIZE = 0xFFFFFFFF
DS64_SIZE = 28
"""Bytes of a "ds64" chunk without a table; a "JUNK" chunk of this size keeps the place for one."""

_MAX_CHUNKS = 4096
_MAX_READ = 64 * 2**20
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk: its name, where its bytes start, how many there are, how many it claims."""

    name: bytes
    start: int
    size: int
    declared: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A file's kind (b"RIFF", b"RF64", b"W64", b"AIFF", b"AIFC") and its chunks in order."""

    kind: bytes
    chunks: tuple[Chunk, ...]

    def find(self, *names: bytes) -> Chunk | None:
        """The first chunk with one of these names."""
        return next((chunk for chunk in self.chunks if chunk.name in names), None)


def read_form(file: BinaryIO) -> Form | None:
    """The chunks of an open file; None where it is none of the forms above."""
    total = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(40)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _riff(file, total, head[:4])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Form(kind=head[8:12], chunks=tuple(_walk(file, total, 12, ">")))
    if head[:16] == _W64_RIFF:
        return Form(kind=b"W64", chunks=tuple(_walk_w64(file, total)))
    return None


def read_chunk(file: BinaryIO, chunk: Chunk) -> bytes:
    """The bytes of a chunk, at most 64 MiB of them."""
    file.seek(chunk.start)
    return file.read(min(chunk.size, _MAX_READ))


def _walk(file: BinaryIO, total: int, position: int, order: str) -> list[Chunk]:
    found: list[Chunk] = []
    while position + 8 <= total and len(found) < _MAX_CHUNKS:
        file.seek(position)
        name, declared = struct.unpack(order + "4sI", file.read(8))
        unknown = declared == UNKNOWN_SIZE or (name == b"data" and declared == 0 and _streamed(file, total))
        size = total - position - 8 if unknown else min(declared, total - position - 8)
        found.append(Chunk(name=name, start=position + 8, size=size, declared=None if unknown else declared))
        position += 8 + size + size % 2
    return found


def _streamed(file: BinaryIO, total: int) -> bool:
    """Whether what follows a size of 0 is samples: a stream could not go back and write their number.

    Chunks that fill the file to its end are no samples: then there really are none. The file
    stands behind the size.
    """
    position = file.tell()
    if position == total:
        return False
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or not all(0x20 <= letter < 0x7F for letter in head[:4]):
            return True
        size = int.from_bytes(head[4:], "little")
        position += 8 + size + size % 2
        if position in (total, total + 1):
            return False
        if position > total:
            return True
        file.seek(position)
    return True


def _riff(file: BinaryIO, total: int, kind: bytes) -> Form:
    chunks = _walk(file, total, 12, "<")
    first = chunks[0] if chunks else None
    if kind == b"RIFF" or first is None or first.name != b"ds64" or first.size < DS64_SIZE:
        return Form(kind=b"RIFF", chunks=tuple(chunks))
    data_size = struct.unpack("<8xQ", read_chunk(file, first)[:16])[0]
    at = next((i for i, c in enumerate(chunks) if c.name == b"data" and c.declared is None), None)
    if at is not None:
        data = chunks[at]
        size = min(data_size, total - data.start)
        chunks[at:] = [Chunk(name=b"data", start=data.start, size=size, declared=data_size)]
        chunks += _walk(file, total, data.start + size + size % 2, "<")
    return Form(kind=b"RF64", chunks=tuple(chunks))


def _walk_w64(file: BinaryIO, total: int) -> list[Chunk]:
    found: list[Chunk] = []
    position = 40
    while position + 24 <= total and len(found) < _MAX_CHUNKS:
        file.seek(position)
        name, declared = struct.unpack("<4s12xQ", file.read(24))
        size = min(max(declared - 24, 0), total - position - 24)
        found.append(Chunk(name=name, start=position + 24, size=size, declared=max(declared - 24, 0)))
        position += 24 + size + -size % 8
    return found


def promised_frames(path: Path) -> int | None:
    """Frames the header of a WAV, RF64, W64 or AIFF file promises; None where it does not say."""
    with path.open("rb") as file:
        form = read_form(file)
        if form is None:
            return None
        if form.kind in (b"AIFF", b"AIFC"):
            common = form.find(b"COMM")
            return (
                struct.unpack(">2xI", read_chunk(file, common)[:6])[0]
                if common and common.size >= 6
                else None
            )
        layout, data = form.find(b"fmt "), form.find(b"data")
        if layout is None or layout.size < 16 or data is None or data.declared is None:
            return None
        frame_bytes = struct.unpack("<12xH", read_chunk(file, layout)[:14])[0]
        return data.declared // frame_bytes if frame_bytes else None


def add_chunks(path: Path, chunks: Mapping[bytes, bytes]) -> None:
    """Put chunks into a RIFF or RF64 file, replacing those of the same name.

    A chunk goes where a "JUNK" chunk before the samples has room for it, else to the end.
    The replaced ones become "JUNK". A RIFF that grows beyond 4 GiB becomes RF64.
    """
    with path.open("r+b") as file:
        for name, data in chunks.items():
            form = read_form(file)
            if form is None or form.kind not in (b"RIFF", b"RF64"):
                raise ValueError(f"{path} is not a RIFF file")
            _retire(file, form, name, data)
            form = read_form(file) or form
            _place(file, form, name, data)
        close_riff(file)


def _retire(file: BinaryIO, form: Form, name: bytes, data: bytes) -> None:
    for chunk in form.chunks:
        # Several LIST chunks may stand in one file: only one of the same type is replaced.
        same_type = name != b"LIST" or read_chunk(file, chunk)[:4] == data[:4]
        if chunk.name == name and same_type:
            file.seek(chunk.start - 8)
            file.write(b"JUNK")


def _place(file: BinaryIO, form: Form, name: bytes, data: bytes) -> None:
    padded = data + b"\0" * (len(data) % 2)
    before_samples = form.chunks[: next((i for i, c in enumerate(form.chunks) if c.name == b"data"), 0)]
    for chunk in before_samples:
        spare = chunk.size - len(padded)
        if chunk.name == b"JUNK" and chunk.start != 20 and (spare == 0 or spare >= 8):
            file.seek(chunk.start - 8)
            file.write(struct.pack("<4sI", name, len(data)) + padded)
            if spare:
                file.write(struct.pack("<4sI", b"JUNK", spare - 8))
            return
    end = file.seek(0, os.SEEK_END)
    file.write(b"\0" * (end % 2) + struct.pack("<4sI", name, len(data)) + padded)


def close_riff(file: BinaryIO) -> None:
    """Write the sizes of a RIFF or RF64 file; beyond 4 GiB "JUNK" at byte 12 becomes "ds64"."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    kind, place, place_size = struct.unpack("<4s8x4sI", file.read(20))
    if kind == b"RIFF" and end - 8 < UNKNOWN_SIZE:
        file.seek(4)
        file.write(struct.pack("<I", end - 8))
        return
    if kind == b"RIFF":
        if place != b"JUNK" or place_size < DS64_SIZE:
            raise ValueError("the file has no room for the sizes beyond 4 GiB")
        form = read_form(file)
        data = form.find(b"data") if form else None
        if data is None:
            raise ValueError("the file has no samples")
        file.seek(0)
        file.write(b"RF64" + struct.pack("<I", UNKNOWN_SIZE))
        file.seek(12)
        file.write(struct.pack("<4sIQQQI", b"ds64", place_size, end - 8, data.size, 0, 0))
        file.seek(data.start - 4)
        file.write(struct.pack("<I", UNKNOWN_SIZE))
        return
    file.seek(20)
    file.write(struct.pack("<Q", end - 8))
