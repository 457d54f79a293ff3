"""One look into the inbox."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from mastering.io.atomic import TEMPORARY_PREFIX
from mastering.watch.values import DONE, FAILED, SETTINGS_NAME, Found, Item, Signature

__all__ = ["REFERENCE_STEM", "Look", "albums_in", "is_partial", "item_at", "look"]

REFERENCE_STEM = "reference"
_OWN = (Path(DONE), Path(FAILED))
_PARTIAL = (".part", ".partial", ".crdownload", ".download", ".tmp", "~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What lies in the inbox.

    Attributes:
        songs: audio files by path, each folder's by name and before those of its sub-folders.
        guides: folder -> its settings and references, sorted.
        others: files that are neither, by path.
        links: never followed.
        unfinished: names that say that somebody still writes the file.
        listings: each sub-folder, with a signature that changes when a name comes or goes in it, or when
            an unfinished or hidden file of it grows.
    """

    songs: dict[Path, Found]
    guides: dict[Path, tuple[Found, ...]]
    others: dict[Path, Found]
    links: frozenset[Path]
    unfinished: frozenset[Path]
    listings: dict[Path, Found]

    @classmethod
    def empty(cls) -> Look:
        """Before the first look."""
        return cls(songs={}, guides={}, others={}, links=frozenset(), unfinished=frozenset(), listings={})

    def guides_of(self, folder: Path) -> tuple[Found, ...]:
        """Settings and references of a folder and of those above it, the inbox's own first."""
        above = [*reversed(folder.parents), folder] if folder != Path() else [folder]
        return tuple(guide for one in above for guide in self.guides.get(one, ()))

    def all(self) -> Iterator[Found]:
        """Whatever may come to rest."""
        yield from self.songs.values()
        yield from self.others.values()
        yield from self.listings.values()
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
    made = _Looking(suffixes)
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
        inside = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        made.see(folder, [entry for entry in entries if entry.name not in inside])
        shown = sorted((name for name in inside if not name.startswith(".")), reverse=True)
        waiting += [path for path in (folder / name for name in shown) if path not in _OWN]
    return made.done()


def item_at(inbox: Path, path: Path, suffixes: frozenset[str]) -> Item | None:
    """What lies at a path now, a folder as an album; None if nothing does."""
    whole = inbox / path
    if not whole.is_dir() or whole.is_symlink():
        signature = Signature.at(whole)
        return None if signature is None else Item(path=path, songs=(Found(path=path, signature=signature),))
    made = _Looking(suffixes)
    try:
        with os.scandir(whole) as listed:
            made.see(path, [entry for entry in listed if not entry.is_dir(follow_symlinks=False)])
    except OSError:
        return None
    return albums_in(made.done(), {path}).get(path)


def albums_in(seen: Look, folders: Collection[Path]) -> dict[Path, Item]:
    """The songs of each of these folders as an album, if it has any."""
    if not folders:
        return {}
    songs, others, unfinished = (
        _by_folder(paths, folders) for paths in (seen.songs, seen.others, sorted(seen.unfinished))
    )
    return {
        folder: Item(
            path=folder,
            songs=tuple(seen.songs[path] for path in paths),
            beside=tuple(seen.others[path] for path in others.get(folder, ())),
            unfinished=tuple(unfinished.get(folder, ())),
        )
        for folder, paths in songs.items()
    }


def _by_folder(paths: Iterable[Path], folders: Collection[Path]) -> dict[Path, list[Path]]:
    found: dict[Path, list[Path]] = {}
    for path in paths:
        if path.parent in folders:
            found.setdefault(path.parent, []).append(path)
    return found


class _Looking:
    """A look in the making."""

    def __init__(self, suffixes: frozenset[str]) -> None:
        self._suffixes = suffixes
        self._songs: dict[Path, Found] = {}
        self._guides: dict[Path, list[Found]] = {}
        self._others: dict[Path, Found] = {}
        self._links: set[Path] = set()
        self._unfinished: set[Path] = set()
        self._listings: dict[Path, Found] = {}

    def see(self, folder: Path, entries: Iterable[os.DirEntry[str]]) -> None:
        """Take note of the files of a folder."""
        listing = []
        for entry in sorted(entries, key=attrgetter("name")):
            partial = is_partial(entry.name)
            if entry.is_symlink():
                if not partial:
                    self._links.add(folder / entry.name)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:  # it went away in between
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            if partial:
                if not entry.name.startswith("."):
                    self._unfinished.add(folder / entry.name)
                listing.append((entry.name, status.st_size, status.st_mtime_ns))
            else:
                listing.append((entry.name, 0, 0))
                self._file(folder, entry.name, Signature.of(status))
        if folder != Path():
            names = hashlib.sha256(repr(listing).encode("utf-8", "surrogatepass")).digest()
            number = int.from_bytes(names[:7], "big")
            signature = Signature(size_bytes=len(listing), mtime_ns=0, inode=number)
            self._listings[folder] = Found(path=folder, signature=signature)

    def done(self) -> Look:
        """The look."""
        ordered = {folder: tuple(sorted(of, key=lambda one: one.path)) for folder, of in self._guides.items()}
        return Look(
            songs=dict(sorted(self._songs.items())),
            guides=ordered,
            others=dict(sorted(self._others.items())),
            links=frozenset(self._links),
            unfinished=frozenset(self._unfinished),
            listings=self._listings,
        )

    def _file(self, folder: Path, name: str, signature: Signature) -> None:
        found = Found(path=folder / name, signature=signature)
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 ten times as fast, ten thousand times a look
        audio = suffix.lower() in self._suffixes
        if name == SETTINGS_NAME or (audio and stem.lower() == REFERENCE_STEM):
            self._guides.setdefault(folder, []).append(found)
        elif audio:
            self._songs[found.path] = found
        else:
            self._others[found.path] = found
