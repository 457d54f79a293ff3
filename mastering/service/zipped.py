"""A zip as a plan: what is where in it, before a byte of its files was read.

Nothing is compressed, so every place is known from the files' names and sizes. Their checksums stand
behind them (a data descriptor), and again in the directory at the end: only who wants these bytes needs them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP64_LIMIT, ZipFile, ZipInfo

__all__ = ["Plan", "Stored"]

_CHECKSUM_LATER = 1 << 3
"""General purpose bit 3 (APPNOTE 4.4.4)."""
_DESCRIPTOR = 0x0807_4B50
"""APPNOTE 4.3.9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file of a zip.

    Attributes:
        path: of it.
        info: its entry in the directory.
        header: what stands before it.
        start, end: its first byte in the zip, of the header, and the one after the last, of its checksum.
    """

    path: Path
    info: ZipInfo
    header: bytes
    start: int
    end: int

    @property
    def content(self) -> tuple[int, int]:
        """Where the file itself is."""
        first = self.start + len(self.header)
        return first, first + self.info.file_size

    def descriptor(self, crc32: int) -> bytes:
        """What stands behind it."""
        size_bytes = self.info.file_size
        return struct.pack(_descriptor_format(size_bytes), _DESCRIPTOR, crc32, size_bytes, size_bytes)


class Plan:
    """A zip of some files.

    Args:
        files: path and name of each, in their order.

    Raises:
        OSError: a file is not there.

    Attributes:
        stored: the files.
        directory_start: first byte of the directory.
        size_bytes: of the whole.
    """

    def __init__(self, files: Sequence[tuple[Path, str]]) -> None:
        self.stored: list[Stored] = []
        at = 0
        for path, name in files:
            self.stored.append(_stored(path, name, at))
            at = self.stored[-1].end
        self.directory_start = at
        self.size_bytes = at + len(self.directory([0] * len(self.stored)))

    def directory(self, crc32s: Sequence[int]) -> bytes:
        """The end of the zip, as the standard library writes it."""
        sink = _Behind(self.directory_start)
        with ZipFile(sink, "w") as archive:
            for stored, crc32 in zip(self.stored, crc32s, strict=True):
                stored.info.CRC = crc32
                archive.infolist().append(stored.info)
        return sink.written()


class _Behind(io.RawIOBase):
    """What is written, as if as many bytes stood before it."""

    def __init__(self, before_bytes: int) -> None:
        super().__init__()
        self._before_bytes, self._bytes = before_bytes, bytearray()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._before_bytes + len(self._bytes)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._bytes += data
        return len(data)

    def written(self) -> bytes:
        """All of it."""
        return bytes(self._bytes)


def _stored(path: Path, name: str, start: int) -> Stored:
    info = ZipInfo.from_file(path, name, strict_timestamps=False)
    info.flag_bits |= _CHECKSUM_LATER
    info.compress_size = info.file_size
    info.header_offset = start
    header = info.FileHeader(zip64=info.file_size > ZIP64_LIMIT)
    behind = struct.calcsize(_descriptor_format(info.file_size))
    return Stored(
        path=path, info=info, header=header, start=start, end=start + len(header) + info.file_size + behind
    )


def _descriptor_format(size_bytes: int) -> str:
    return "<LLQQ" if size_bytes > ZIP64_LIMIT else "<LLLL"
