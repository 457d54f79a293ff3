"""Values of a drop folder, and what the program around it gives."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from mastering.units import Range, check_ranges

__all__ = [
    "DONE",
    "FAILED",
    "REPLACED",
    "SETTINGS_NAME",
    "Found",
    "Item",
    "Plan",
    "Setting",
    "Setup",
    "Signature",
    "Tell",
]

DONE = "done"
FAILED = "failed"
REPLACED = "input_replaced"
"""Code of a job whose input was not, or not any more, what it was submitted for."""
SETTINGS_NAME = "tonmeister.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is watched, and how.

    Args:
        inbox, outbox: folders, absolute.
        suffixes: of audio files, in small letters with their dot.
        interval_s: between two looks.
        patience_s: how long a file that cannot be read, or ends too early, must have been the same
            before that is believed.
        settle_s: how long an album must have been the same: copying a folder may pause between its files.
        hold_s: before what failed for the machine's sake is tried again; twice as long each further time.
        most_open: jobs that are under way at a time; the rest waits in the inbox.
    """

    inbox: Path
    outbox: Path
    suffixes: frozenset[str]
    interval_s: Annotated[float, Range(0.05, 3_600.0, "s")] = 1.0
    patience_s: Annotated[float, Range(0.0, 3_600.0, "s")] = 10.0
    settle_s: Annotated[float, Range(0.0, 3_600.0, "s")] = 5.0
    hold_s: Annotated[float, Range(0.05, 3_600.0, "s")] = 10.0
    most_open: Annotated[int, Range(1, 10_000)] = 8

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What is the same as long as nobody writes to a file or puts another one in its place."""

    size_bytes: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """The signature in what the system says of a file."""
        return cls(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino)

    @classmethod
    def at(cls, path: Path) -> Signature | None:
        """Of a file; None where there is none."""
        try:
            return cls.of(path.lstat())
        except OSError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file in the inbox; `path` is relative to it."""

    path: Path
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What becomes one job: a song, or a folder of songs as an album.

    Args:
        path: of the song or the folder, relative to the inbox.
        songs: one, or all that lie in the folder, by name.
        beside: what else lies in the album's folder and goes where the songs go: a cover, notes.
        unfinished: names in the album's folder that say that somebody still writes.
    """

    path: Path
    songs: tuple[Found, ...]
    beside: tuple[Found, ...] = ()
    unfinished: tuple[Path, ...] = ()

    @property
    def is_album(self) -> bool:
        """A folder, not a song."""
        return self.songs[0].path != self.path

    @property
    def signature(self) -> Signature:
        """Of the song; for an album one that tells whether a song was changed, added or taken away."""
        if not self.is_album:
            return self.songs[0].signature
        each = [(os.fsencode(song.path.name), song.signature) for song in self.songs]
        return Signature(
            size_bytes=sum(signature.size_bytes for _, signature in each),
            mtime_ns=max(signature.mtime_ns for _, signature in each),
            inode=_digest(repr(each).encode()),
        )


def _digest(text: bytes) -> int:
    return int.from_bytes(hashlib.sha256(text).digest()[:7], "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that a folder sets, and the file that says so."""

    value: Any
    origin: Path


class Plan(Protocol):
    """How the files of a folder are worked on."""

    @property
    def template(self) -> str:
        """Of output names."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """What the template may name beside stem, folder and date: style, target, ext."""
        ...

    @property
    def identity(self) -> str:
        """Equal for equal settings and references."""
        ...

    @property
    def album(self) -> bool:
        """Whether the songs of a folder are one piece of work."""
        ...

    @property
    def webhook(self) -> str | None:
        """Who hears of it; None: nobody."""
        ...

    def request(
        self, *, pairs: Sequence[tuple[Path, Path]], contents: Sequence[str], album: bool, take: int
    ) -> Any:
        """The request of a job.

        Args:
            pairs: song and master, absolute.
            contents: SHA-256 of each song.
            album: they are an album, even if it is only one.
            take: for the how-manieth time.
        """
        ...


class Tell(Protocol):
    """Hears of what happens."""

    def __call__(self, event: str, /, **fields: Any) -> None: ...
