"""Names for files that people have named, in one folder or archive: never a path, and no two the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

__all__ = ["file_names"]

_LONGEST_BYTES = 240
"""In UTF-8. Most systems take 255; the rest is for what programs add while they write, such as `.part`."""

_FORBIDDEN = frozenset('<>:"/\\|?*')
_RESERVED = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"),
    }
)
"""Devices of Windows, whatever suffix follows."""


def file_names(named: Iterable[tuple[str, str]]) -> list[str]:
    """Names for files of one folder, which any system takes.

    Args:
        named: the title of each file's song, with or without its suffix ("" is none), and its own name.

    >>> file_names([("", "master.wav"), ("../a b.wav", "master.wav"), ("a b.flac", "master.wav")])
    ['master.wav', 'a b.master.wav', 'a b (2).master.wav']
    """
    names: list[str] = []
    taken: set[str] = set()
    for title, name in named:
        own = PurePosixPath(_harmless(name) or "result")
        stem = PurePosixPath(_harmless(title)).stem
        begin, end = (stem, f".{own.name}") if stem else (own.stem, own.suffix)
        found, number = _fitting(begin, "", end), 1
        while _seen(found) in taken:
            number += 1
            found = _fitting(begin, f" ({number})", end)
        taken.add(_seen(found))
        names.append(found)
    return names


def _fitting(begin: str, mark: str, end: str) -> str:
    """All three in a row, the first as far as there is room, and no device's name."""
    room_bytes = _LONGEST_BYTES - len(f"_{mark}{end}".encode())
    cut = begin.encode()[: max(0, room_bytes)].decode(errors="ignore").rstrip(" .")
    whole = f"{cut}{mark}{end}"
    return f"_{whole}" if whole.partition(".")[0].strip().casefold() in _RESERVED else whole


def _seen(name: str) -> str:
    """The same for names that some system takes for the same."""
    return unicodedata.normalize("NFC", name.casefold())


def _harmless(text: str) -> str:
    """The last part of what may be a path, that no system takes for anything else."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in last)
    return kept.strip(" .")
