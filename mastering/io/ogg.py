"""Reproducible Ogg files: a fixed serial number in place of libsndfile's random one.

An Ogg page holds its stream's serial number and a checksum over the page (RFC 3533). Both
are rewritten; nothing else differs between two encodings of the same samples.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

__all__ = ["set_serial"]

_PAGE = struct.Struct("<4sBBqIIIB")
_SERIAL_AT, _CHECKSUM_AT = 14, 22
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def set_serial(path: Path, serial: int) -> None:
    """Give every page of an Ogg file with one stream this serial number.

    Raises:
        ValueError: the file is not a whole sequence of Ogg pages.
    """
    with path.open("r+b") as file:
        position = 0
        while head := file.read(_PAGE.size):
            if len(head) < _PAGE.size or head[:4] != b"OggS":
                raise ValueError(f"{path} is not a sequence of Ogg pages")
            segments = file.read(head[-1])
            page = bytearray(head + segments + file.read(sum(segments)))
            struct.pack_into("<I", page, _SERIAL_AT, serial)
            struct.pack_into("<I", page, _CHECKSUM_AT, 0)
            struct.pack_into("<I", page, _CHECKSUM_AT, _checksum(bytes(page)))
            file.seek(position)
            file.write(page)
            position += len(page)


def _checksum(page: bytes) -> int:
    """Ogg's CRC: zlib's polynomial, but most significant bit first, starting from 0 and not inverted."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")
