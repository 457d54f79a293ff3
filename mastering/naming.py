"""Names for files that people have named, in one folder or archive: never a path, and no two the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

__all__ = ["file_names"]

_LONGEST_TITLE = 100
_FORBIDDEN = frozenset('<>:"/\\|?*')


def file_names(named: Iterable[tuple[str, str]]) -> list[str]:
    """Names for files of one folder.

    Args:
        named: the title of each file's song, with or without its suffix ("" is none), and its own name.

    >>> file_names([("", "master.wav"), ("../a b.wav", "master.wav"), ("a b.flac", "master.wav")])
    ['master.wav', 'a b.master.wav', 'a b (2).master.wav']
    """
    names: list[str] = []
    taken: set[str] = set()
    for title, name in named:
        own = _harmless(name) or "result"
        stem = PurePosixPath(_harmless(title)).stem[:_LONGEST_TITLE]
        found, number = f"{stem}.{own}" if stem else own, 1
        while found.casefold() in taken:
            number += 1
            found = f"{stem} ({number}).{own}" if stem else f"({number}).{own}"
        taken.add(found.casefold())
        names.append(found)
    return names


def _harmless(text: str) -> str:
    """The last part of what may be a path, that no system takes for anything else."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in last)
    return kept.strip(" .")
