"""Pedalboard without libatomic of the system.

Pedalboard's wheels for Linux (0.9.26, x86-64 and ARM) name libatomic.so.1 as needed and use nothing of it
(`nm -D --undefined-only`), so on a system that lacks it, as small containers do, nothing but that name keeps
them from loading. An empty library of this name satisfies the loader, which takes one that is loaded already
by its DT_SONAME (glibc, elf/dl-load.c). Should a later wheel use a symbol of it, the loader says which one.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import struct
import sys
from pathlib import Path

__all__ = ["empty_library", "provide_libatomic"]

_NAME = "libatomic.so.1"

_HEADER, _PROGRAM, _SYMBOL, _DYNAMIC = 64, 56, 24, 16
_PROGRAMS = 3
_LOAD, _IS_DYNAMIC, _STACK, _READ_WRITE = 1, 2, 0x6474E551, 6
_PAGE = 0x1000
_64_BIT_LITTLE_ENDIAN = b"\x7fELF\x02\x01"


@functools.cache
def provide_libatomic() -> None:
    """Call before pedalboard is imported: loads an empty libatomic where the system has none. Linux only."""
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(_NAME)
    except OSError:
        with contextlib.suppress(OSError):  # without /proc or memfd the loader says what is missing
            _provide()


def _provide() -> None:
    with Path("/proc/self/exe").open("rb") as executable:
        start = executable.read(20)
    if start.startswith(_64_BIT_LITTLE_ENDIAN):
        _load(empty_library(_NAME, int.from_bytes(start[18:20], "little")))


def _load(library: bytes) -> None:
    """Load a library that is in no file; it stays as long as the process."""
    file = os.memfd_create(_NAME)
    try:
        os.write(file, library)
        ctypes.CDLL(f"/proc/self/fd/{file}", ctypes.RTLD_GLOBAL)
    finally:
        os.close(file)


def empty_library(name: str, machine: int) -> bytes:
    """A shared library, 64 bit and little endian, that has a name and nothing else.

    Args:
        name: its DT_SONAME, ASCII.
        machine: e_machine, such as 62 for x86-64.

    Source: System V ABI, chapters 4 and 5 (ELF-64 object file format).
    """
    strings = b"\0" + name.encode("ascii") + b"\0"
    symbols_at = _HEADER + _PROGRAMS * _PROGRAM
    hash_at = symbols_at + _SYMBOL
    dynamic_at = hash_at + 16
    entries = [(14, 1), (4, hash_at), (6, symbols_at), (11, _SYMBOL), (10, len(strings))]
    strings_at = dynamic_at + (len(entries) + 2) * _DYNAMIC
    entries += [(5, strings_at), (0, 0)]  # SONAME, HASH, SYMTAB, SYMENT, STRSZ, STRTAB, NULL
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    size = strings_at + len(strings)
    ident = _64_BIT_LITTLE_ENDIAN + b"\x01" + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 3, machine, 1, 0, _HEADER, 0, 0, 64, 56, _PROGRAMS, 64, 0, 0
    )
    programs = [
        struct.pack("<IIQQQQQQ", kind, _READ_WRITE, at, at, at, length, length, align)
        for kind, at, length, align in (
            (_LOAD, 0, size, _PAGE),
            (_IS_DYNAMIC, dynamic_at, len(dynamic), 8),
            (_STACK, 0, 0, 16),
        )
    ]
    no_symbols = struct.pack("<IIII", 1, 1, 0, 0)
    return b"".join([header, *programs, bytes(_SYMBOL), no_symbols, dynamic, strings])
