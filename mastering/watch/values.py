"""Values of a drop folder, and what the program around it gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from mastering.units import Range, check_ranges

__all__ = ["DONE", "FAILED", "REPLACED", "SETTINGS_NAME", "Found", "Plan", "Setting", "Setup", "Signature"]

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
        most_open: jobs that are under way at a time; the rest waits in the inbox.
    """

    inbox: Path
    outbox: Path
    suffixes: frozenset[str]
    interval_s: Annotated[float, Range(0.05, 3_600.0, "s")] = 1.0
    patience_s: Annotated[float, Range(0.0, 3_600.0, "s")] = 10.0
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

    def request(self, *, source: Path, output: Path, content: str, take: int) -> Any:
        """The request of a job that masters `source`, whose SHA-256 is `content`, for the take-th time."""
        ...
