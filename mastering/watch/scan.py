"""One look into the inbox, and what has been the same on two of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mastering.io.atomic import TEMPORARY_PREFIX
from mastering.watch.values import DONE, FAILED, SETTINGS_NAME, Found, Signature

__all__ = ["REFERENCE_STEM", "Look", "Stability", "is_partial", "look"]

REFERENCE_STEM = "reference"
_PARTIAL = (".part", ".partial", ".crdownload", ".download", ".tmp", "~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What lies in the inbox.

    Attributes:
        songs: audio files, by path.
        guides: folder -> its settings and references, sorted.
        passed_over: files that are no audio, and links.
    """

    songs: dict[Path, Found]
    guides: dict[Path, tuple[Found, ...]]
    passed_over: frozenset[Path]

    def guides_of(self, folder: Path) -> tuple[Found, ...]:
        """Settings and references of a folder and of those above it, the inbox's own first."""
        above = [*reversed(folder.parents), folder] if folder != Path() else [folder]
        return tuple(guide for one in above for guide in self.guides.get(one, ()))

    def all(self) -> Iterator[Found]:
        """Songs and guides."""
        yield from self.songs.values()
        for guides in self.guides.values():
            yield from guides


def is_partial(name: str) -> bool:
    """Whether a name says that somebody still writes the file, or that nobody is to see it."""
    return name.startswith((".", TEMPORARY_PREFIX)) or name.lower().endswith(_PARTIAL)


def look(inbox: Path, suffixes: frozenset[str]) -> Look:
    """Look once. Links are not followed, hidden folders and the inbox's own done/ and failed/ passed over.

    Raises:
        OSError: the inbox itself cannot be read.
    """
    songs: dict[Path, Found] = {}
    guides: dict[Path, list[Found]] = {}
    other: set[Path] = set()
    for path, entry in _files(inbox):
        if entry.is_symlink():
            other.add(path)
            continue
        try:
            found = Found(path=path, signature=Signature.of(entry.stat(follow_symlinks=False)))
        except OSError:  # it went away in between
            continue
        audio = path.suffix.lower() in suffixes
        if path.name == SETTINGS_NAME or (audio and path.stem.lower() == REFERENCE_STEM):
            guides.setdefault(path.parent, []).append(found)
        elif audio:
            songs[path] = found
        else:
            other.add(path)
    ordered = {folder: tuple(sorted(of, key=lambda one: one.path)) for folder, of in guides.items()}
    return Look(songs=dict(sorted(songs.items())), guides=ordered, passed_over=frozenset(other))


def _files(inbox: Path) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    waiting = [Path()]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(inbox / folder) as listed:
                entries = list(listed)
        except OSError:
            if folder == Path():
                raise
            continue
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and path not in (Path(DONE), Path(FAILED)):
                    waiting.append(path)
            elif not is_partial(entry.name) and (entry.is_symlink() or entry.is_file()):
                yield path, entry


class Stability:
    """Since when each file has been the same; time is monotonic, so that no clock that jumps matters.

    Args:
        interval_s: how far apart two looks must be that count.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._since_s: dict[Path, tuple[Signature, float]] = {}
        self._now_s = 0.0

    def see(self, files: Iterable[Found], now_s: float) -> None:
        """Take note of a look."""
        before, self._since_s, self._now_s = self._since_s, {}, now_s
        for found in files:
            signature, since_s = before.get(found.path, (None, now_s))
            same = signature == found.signature
            self._since_s[found.path] = (found.signature, since_s if same else now_s)

    def same_for_s(self, path: Path) -> float:
        """How long a file has been the same, at the last look; 0 for one that is not there."""
        return self._now_s - self._since_s[path][1] if path in self._since_s else 0.0

    def is_stable(self, path: Path) -> bool:
        """The same on two looks that are an interval apart."""
        return path in self._since_s and self.same_for_s(path) >= self._interval_s
