"""Plug-in bundles on disk: where systems keep them, and whether one has changed.

Folders: Steinberg's "Plug-in Locations" for VST3, Apple's for Audio Units. $TONMEISTER_PLUGIN_PATH adds
folders of the user's, separated as $PATH is.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "PATH_VARIABLE",
    "SUFFIXES",
    "Fingerprint",
    "digest",
    "find_bundles",
    "fingerprint",
    "standard_folders",
]

PATH_VARIABLE = "TONMEISTER_PLUGIN_PATH"
SUFFIXES = (".vst3", ".component")
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size of all files of a bundle and the latest change of any: the same while nothing changed."""

    size_bytes: int
    mtime_ns: int


def standard_folders() -> tuple[Path, ...]:
    """The folders in which this system's hosts look, the user's first; they need not exist."""
    own = [Path(part).expanduser() for part in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if part]
    return (*own, *_platform_folders())


def _platform_folders() -> tuple[Path, ...]:
    home = Path.home()
    if sys.platform == "darwin":
        plugins = [Path("~/Library/Audio/Plug-Ins").expanduser(), Path("/Library/Audio/Plug-Ins")]
        return tuple(folder / kind for folder in plugins for kind in ("VST3", "Components"))
    if sys.platform == "win32":
        programs = [os.environ.get("LOCALAPPDATA", ""), os.environ.get("COMMONPROGRAMFILES", "")]
        user, common = (Path(folder) for folder in programs)
        return (user / "Programs" / "Common" / "VST3", common / "VST3")
    return (home / ".vst3", Path("/usr/local/lib/vst3"), Path("/usr/lib/vst3"))


def find_bundles(folders: Iterable[Path]) -> list[Path]:
    """The bundles below some folders, each once, in alphabetical order; a bundle may be given itself."""
    found: dict[Path, None] = {}
    for folder in folders:
        for bundle in _below(folder, _DEEPEST):
            found[bundle.absolute()] = None
    return sorted(found)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    if folder.suffix.lower() in SUFFIXES and folder.exists():
        yield folder
        return
    if depth == 0:
        return
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        if path.suffix.lower() in SUFFIXES or (path.is_dir() and not path.name.startswith(".")):
            yield from _below(path, depth - 1)


def _files(bundle: Path) -> list[Path]:
    if bundle.is_file():
        return [bundle]
    found: list[Path] = []
    seen: set[str] = set()
    for folder, inside, names in os.walk(bundle, followlinks=True):  # what links lead to is loaded, too
        real = os.path.realpath(folder)
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        inside.sort()
        found += (path for path in (Path(folder, name) for name in names) if path.is_file())
    return sorted(found)


def fingerprint(bundle: Path) -> Fingerprint:
    """Size and latest change of a bundle.

    Raises:
        OSError: it cannot be read, or is gone.
    """
    bundle.stat()
    states = [path.stat() for path in _files(bundle)]
    return Fingerprint(sum(s.st_size for s in states), max((s.st_mtime_ns for s in states), default=0))


def digest(bundle: Path) -> str:
    """SHA-256 over the names and bytes of a bundle's files; of a single file over its bytes.

    Raises:
        OSError: it cannot be read.
    """
    if bundle.is_file():
        with bundle.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for path in _files(bundle):
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(bundle).as_posix()}\0{own}\n".encode())
    return whole.hexdigest()
