"""Which files are meant: files, folders (recursively) and globs, in natural order."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mastering.cli.failures import Failure, describe
from mastering.errors import AudioFileError

__all__ = ["AUDIO_SUFFIXES", "MASTER_MARK", "Input", "expand", "natural_key"]

AUDIO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "flac"),
        *("ogg", "oga", "opus", "mp3", "m4a", "aac", "wma", "mka"),
    )
)
"""What counts as audio inside a folder; a file given by name may be anything that can be decoded."""

MASTER_MARK = ".master"
"""`NAME.master.wav` is an output of ours: a folder's or a glob's masters are not mastered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file to work on.

    Attributes:
        path: as the user would write it.
        folder: its folder below the one that was given ("" for a file given by name), kept in outputs.
        failure: why there is nothing to work on; None if there is.
    """

    path: Path
    folder: Path = Path()
    failure: Failure | None = None


def expand(given: Iterable[str]) -> list[Input]:
    """Inputs for what was typed: files as they are, folders and globs as the audio files in them.

    A path that exists is never read as a glob. A folder without audio is an input that has failed,
    so that the others are still done.
    """
    return [item for text in given for item in _expand_one(text)]


def natural_key(path: Path) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Sort key by which "2.wav" comes before "10.wav".

    >>> sorted([Path("10.wav"), Path("2.wav"), Path("a")], key=natural_key)[0].name
    '2.wav'
    """
    return tuple(tuple(_chunks(part)) for part in path.parts)


def _chunks(text: str) -> Iterator[tuple[int, int, str]]:
    for chunk in re.findall(r"[0-9]+|[^0-9]+", text):
        yield (0, int(chunk), chunk) if chunk.isdecimal() else (1, 0, chunk.casefold())


def _expand_one(text: str) -> list[Input]:
    path = Path(text)
    if path.is_dir():
        return _folder(path)
    if not os.path.lexists(path) and glob.has_magic(text):
        return _glob(text)
    return [Input(path=path)]


def _folder(root: Path) -> list[Input]:
    def refuse(error: OSError) -> None:
        raise error

    found: list[Path] = []
    try:
        for folder, folders, names in os.walk(root, onerror=refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(folder, name) for name in names if _is_material(name)]
    except OSError as error:
        return [Input(path=root, failure=describe(error))]
    if not found:
        return [_nothing(root, "the folder holds no audio files")]
    return [Input(path=path, folder=path.parent.relative_to(root)) for path in sorted(found, key=natural_key)]


def _glob(pattern: str) -> list[Input]:
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute
    matches = sorted(map(Path, found), key=natural_key)
    own = MASTER_MARK in pattern
    files = [Input(path=path) for path in matches if path.is_file() and (own or not _is_master(path.name))]
    nested = [item for path in matches if path.is_dir() and "**" not in pattern for item in _folder(path)]
    return files + nested or [_nothing(Path(pattern), "no file matches")]


def _is_material(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES and not _is_master(name)


def _is_master(name: str) -> bool:
    return Path(name).stem.endswith(MASTER_MARK)


def _nothing(path: Path, reason: str) -> Input:
    error = AudioFileError(
        f"{path}: {reason}", hint="Name an audio file, or a folder that holds some.", code="no_audio"
    )
    return Input(path=path, failure=describe(error))
