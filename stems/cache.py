"""The cache of separations: one folder for each, by the content of the audio, the model and the settings.

Folder: `stems` in $TONMEISTER_CACHE_DIR, or in the user's cache folder. It may hold $TONMEISTER_CACHE_GB
gigabytes (20); what was used least recently goes first, and never what a process has in its hands
(see `locks`). An entry counts as whole once its manifest is there, which is written last; until then it
is the beginning of a separation, which the same separation goes on from.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.io.atomic import output_problem, write_text_atomic
from stems.locks import Lock, try_lock

__all__ = [
    "FOLDER_VARIABLE",
    "LIMIT_VARIABLE",
    "MANIFEST",
    "Cleared",
    "Kept",
    "Lease",
    "StemCache",
    "default_cache",
    "temporary_cache",
]

FOLDER_VARIABLE = "TONMEISTER_CACHE_DIR"
"""Environment variable that names another folder."""

LIMIT_VARIABLE = "TONMEISTER_CACHE_GB"
"""Environment variable with the most gigabytes that the cache may hold."""

MANIFEST = "manifest.json"
"""What makes an entry whole."""

_LIMIT_GB = 20.0
_LEFT_FREE_BYTES = 64 * 2**20
_POLL_S = 0.2
_DEAD = ".removed-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry as listed.

    Args:
        key: its name.
        manifest: what it says about itself; None while it is not whole.
        size_bytes: on the disk.
        used_s: when it was last used, in seconds since the epoch.
        in_use: a process has it in its hands.
    """

    key: str
    manifest: dict[str, Any] | None
    size_bytes: int
    used_s: float
    in_use: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What `clear` did: entries removed, bytes freed, and entries left because they are in use."""

    entries: int
    size_bytes: int
    in_use: int


class Lease:
    """An entry in somebody's hands: it stays while this is referred to.

    Attributes:
        folder: of the entry.
        manifest: what it says about itself; empty while it is not whole.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], lock: Lock, owner: object) -> None:
        self.folder = folder
        self.manifest = manifest
        self._lock = lock
        self._owner = owner  # keeps a temporary cache alive

    def release(self) -> None:
        """Let go now."""
        self._lock.release()


class StemCache:
    """Separations in a folder.

    Args:
        folder: where; made when it is needed.
        limit_bytes: the most it shall hold besides what is in use.
    """

    def __init__(self, folder: Path, limit_bytes: int = int(_LIMIT_GB * 1e9)) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def problem(self) -> str:
        """Why nothing can be written here; empty if it can."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{secrets.token_hex(4)}"
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            return (error.strerror or str(error)).lower()
        return ""

    def read(self, key: str) -> Lease | None:
        """An entry that is whole, shared with other readers; None if there is none."""
        folder = self.folder / key
        if not (folder / MANIFEST).is_file():
            return None
        try:
            lock = try_lock(self._lock_of(key), shared=True)
        except OSError:
            lock = Lock(None)  # nobody can write here, nor remove what is here
        if lock is None:
            return None
        manifest = _manifest(folder)
        if manifest is None:
            lock.release()
            return None
        with contextlib.suppress(OSError):
            os.utime(folder / MANIFEST)
        return Lease(folder, manifest, lock, self)

    def write(self, key: str, wait: Callable[[], None] = lambda: None) -> Lease:
        """An entry to be written, or whole by the time that whoever wrote it was done; nobody else has it.

        Args:
            key: its name.
            wait: called several times a second while another process has it; may raise.

        Raises:
            EnvironmentProblem: it cannot be written.
        """
        folder = self.folder / key
        while (lock := self._try_write(key, folder)) is None:
            wait()
            time.sleep(_POLL_S)
        return Lease(folder, _manifest(folder) or {}, lock, self)

    def finish(self, lease: Lease, manifest: dict[str, Any]) -> None:
        """Make an entry whole.

        Raises:
            EnvironmentProblem: its manifest cannot be written.
        """
        write_text_atomic(lease.folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True), force=True)

    def make_room(self, size_bytes: int) -> None:
        """Remove what was used least recently, until `size_bytes` more are within the limit and on the disk.

        Raises:
            EnvironmentProblem: the disk has no room even then ("disk_full").
        """
        kept = sorted(self.entries(), key=lambda one: one.used_s)
        excess = sum(one.size_bytes for one in kept) + size_bytes - self.limit_bytes
        for one in kept:
            lacking = size_bytes + _LEFT_FREE_BYTES - shutil.disk_usage(self.folder).free
            if max(excess, lacking) <= 0:
                return
            if self._remove(one.key):
                excess -= one.size_bytes
        if size_bytes + _LEFT_FREE_BYTES > shutil.disk_usage(self.folder).free:
            raise self.reported(OSError(errno.ENOSPC, "disk full"), size_bytes)

    def reported(self, error: OSError, needed_bytes: int | None = None) -> EnvironmentProblem:
        """The project's error for what the system said about writing here."""
        problem = output_problem(error, self.folder / MANIFEST, needed_bytes)
        _, _, what = problem.message.partition(": ")
        return EnvironmentProblem(
            f"{self.folder}: the cache of stems cannot be written: {what}",
            hint=f"Free some space (`tonmeister cache clear` empties this folder), or name another one in "
            f"{FOLDER_VARIABLE}; the same command then goes on where it was.",
            code=problem.code,
        )

    def entries(self) -> list[Kept]:
        """What is there, in the order of the names."""
        try:
            names = sorted(path.name for path in self.folder.iterdir() if path.is_dir())
        except OSError:
            return []
        found = [self._kept(name) for name in names if not name.startswith(".")]
        return [one for one in found if one is not None]

    def clear(self) -> Cleared:
        """Remove every entry that nobody has in his hands."""
        kept = self.entries()
        gone = [one for one in kept if self._remove(one.key)]
        for rest in self.folder.glob(f"{_DEAD}*"):
            shutil.rmtree(rest, ignore_errors=True)
        return Cleared(
            entries=len(gone), size_bytes=sum(one.size_bytes for one in gone), in_use=len(kept) - len(gone)
        )

    def _lock_of(self, key: str) -> Path:
        return self.folder / f"{key}.lock"

    def _try_write(self, key: str, folder: Path) -> Lock | None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = try_lock(self._lock_of(key), shared=False)
            if lock is not None:
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise self.reported(error) from error
        return lock

    def _remove(self, key: str) -> bool:
        """Remove an entry unless it is in use; says whether it is gone."""
        with contextlib.suppress(OSError):
            lock = try_lock(self._lock_of(key), shared=False)
            if lock is None:
                return False
            dead = self.folder / f"{_DEAD}{secrets.token_hex(4)}"
            try:
                # In one step, so that nobody meets half an entry; fails on Windows where a file is open.
                (self.folder / key).rename(dead)
                self._lock_of(key).unlink(missing_ok=True)
            finally:
                lock.release()
            shutil.rmtree(dead, ignore_errors=True)
            return True
        return False

    def _kept(self, key: str) -> Kept | None:
        folder = self.folder / key
        try:
            status = [path.stat() for path in folder.iterdir()]
            used_s = max((one.st_mtime for one in status), default=folder.stat().st_mtime)
            size_bytes = sum(one.st_size for one in status)
        except OSError:
            return None  # gone meanwhile
        return Kept(
            key=key,
            manifest=_manifest(folder),
            size_bytes=size_bytes,
            used_s=used_s,
            in_use=self._in_use(key),
        )

    def _in_use(self, key: str) -> bool:
        path = self._lock_of(key)
        with contextlib.suppress(OSError):
            if path.exists():
                lock = try_lock(path, shared=False)
                if lock is None:
                    return True
                lock.release()
        return False


def default_cache() -> StemCache:
    """The user's cache.

    Raises:
        ParameterError: $TONMEISTER_CACHE_GB is no number.
    """
    named = os.environ.get(FOLDER_VARIABLE, "")
    if named:
        folder = Path(named).expanduser()
    else:
        import platformdirs

        folder = platformdirs.user_cache_path("tonmeister", appauthor=False)
    return StemCache(folder / "stems", _limit_bytes())


def temporary_cache() -> StemCache:
    """A cache that is removed when nobody refers to it or to an entry of it any more.

    Raises:
        EnvironmentProblem: no temporary folder can be made.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="tonmeister-stems-"))
    except OSError as error:
        raise output_problem(error, Path(tempfile.gettempdir()) / "tonmeister-stems") from error
    cache = StemCache(folder)
    weakref.finalize(cache, shutil.rmtree, folder, ignore_errors=True)
    return cache


def _limit_bytes() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "") or str(_LIMIT_GB)
    try:
        gigabytes = float(text)
        if not 0.0 <= gigabytes < 1e6:
            raise ValueError
    except ValueError:
        raise ParameterError(
            f"{LIMIT_VARIABLE}={text}: allowed 0 or more gigabytes", hint="Give a number such as 20."
        ) from None
    return int(gigabytes * 1e9)


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of an entry whose files are all of the size it says; None otherwise."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        sizes: dict[str, int] = manifest["sizes"]
        whole = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if whole else None
