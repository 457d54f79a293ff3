"""Putting files where others look, whole or not at all, so that a dead process's can be taken back.

Object stores show an object once it is complete: there it is put under its own name. Elsewhere it goes to a
temporary name in the same folder and is moved. The watch of this run (`mastering.io.atomic`) is told before
anything is there, and again once it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.atomic import TEMPORARY_PREFIX, watching
from mastering.io.remote import callback_of, content_of, filesystem_of, told, version_of

__all__ = ["Published", "is_published", "publish", "refuse_existing", "withdraw", "write_bytes"]

_WHOLE_AT_ONCE = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "ocilake", "oss", "tos", "memory")
)
"""Protocols whose objects appear when they are complete, and for whom a move is a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An object that a run has put, or was about to put, somewhere.

    Attributes:
        url: of it.
        size_bytes, sha256: of its bytes.
        version: as `mastering.io.remote.version_of`; "" as long as it is not known to be there.
    """

    url: str
    size_bytes: int
    sha256: str
    version: str = ""


def refuse_existing(url: str) -> None:
    """Raise AudioFileError ("file_exists") if an object has this name."""
    filesystem, name = filesystem_of(url)
    with told(url):
        if filesystem.exists(name):
            raise _exists(url)


def publish(
    path: Path, url: str, *, force: bool, progress: Callable[[float], None] = lambda share: None
) -> Published:
    """Put a file under a name.

    Args:
        path: of the file.
        url: of the object it will be.
        force: whether an object of that name may be replaced.
        progress: called with 0..1.

    Raises:
        AudioFileError: the name is taken ("file_exists").
        EnvironmentProblem, ParameterError: see `mastering.io.remote`.
    """
    filesystem, name = filesystem_of(url)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    published = Published(url=url, size_bytes=path.stat().st_size, sha256=sha256)
    with told(url):
        there = filesystem.exists(name)
        if there and not force:
            raise _exists(url)
        part = "" if _whole_at_once(url) else _part_of(name)
        watch = watching()
        if watch is not None:
            watch.publishing(published, filesystem.unstrip_protocol(part) if part else "", replaces=there)
        try:
            _put(filesystem, path, name, part, force=force, callback=callback_of(progress))
        except FileExistsError as error:
            raise _exists(url) from error
        info = filesystem.info(name)
        if info.get("size") not in (None, published.size_bytes):
            raise EnvironmentProblem(
                f"{url}: the storage holds {info['size']} of its {published.size_bytes} bytes",
                hint="Try it again.",
                code="remote_failed",
            )
    published = Published(url=url, size_bytes=published.size_bytes, sha256=sha256, version=version_of(info))
    if watch is not None:
        watch.published(published)
    return published


def write_bytes(data: bytes, url: str) -> None:
    """Put a small object under a name, whatever is there; raises what `publish` raises."""
    filesystem, name = filesystem_of(url)
    with told(url):
        if _whole_at_once(url):
            filesystem.pipe_file(name, data)
            return
        folder, _, own = name.rpartition("/")
        part = f"{folder}/{TEMPORARY_PREFIX}{own}"  # the next one takes the place of one that was left
        filesystem.makedirs(folder, exist_ok=True)
        filesystem.pipe_file(part, data)
        filesystem.mv(part, name)


def is_published(published: Published) -> bool:
    """Whether an object is still what was put there.

    Raises:
        EnvironmentProblem: that cannot be said now.
    """
    filesystem, name = filesystem_of(published.url)
    with told(published.url):
        try:
            info = filesystem.info(name)
        except FileNotFoundError:
            return False
    if published.version:
        return version_of(info) == published.version
    return info.get("size") == published.size_bytes and content_of(published.url) == published.sha256


def withdraw(published: Published, part: str) -> None:
    """Remove what a run has put somewhere, and its temporary object; nothing that somebody else put there.

    Raises:
        EnvironmentProblem: that cannot be done now.
    """
    filesystem, name = filesystem_of(published.url)
    if part:
        with told(part), contextlib.suppress(FileNotFoundError):
            filesystem.rm_file(filesystem_of(part)[1])
    if is_published(published):
        with told(published.url), contextlib.suppress(FileNotFoundError):
            filesystem.rm_file(name)


def _put(filesystem: Any, path: Path, name: str, part: str, *, force: bool, callback: Any) -> None:
    if part:
        filesystem.makedirs(name.rpartition("/")[0], exist_ok=True)
        try:
            filesystem.put_file(str(path), part, callback=callback)
            if not force and filesystem.exists(name):
                raise FileExistsError(name)
            filesystem.mv(part, name)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                filesystem.rm_file(part)
            raise
        return
    try:
        filesystem.put_file(str(path), name, callback=callback, mode="overwrite" if force else "create")
    except NotImplementedError:  # a store that knows no condition: it was looked just now
        filesystem.put_file(str(path), name, callback=callback)


def _whole_at_once(url: str) -> bool:
    return url.partition("://")[0] in _WHOLE_AT_ONCE


def _part_of(name: str) -> str:
    folder, _, own = name.rpartition("/")
    return f"{folder}/{TEMPORARY_PREFIX}{secrets.token_hex(6)}{Path(own).suffix[:16]}"


def _exists(url: str) -> AudioFileError:
    return AudioFileError(
        f"{url}: a file of that name exists already",
        hint="Choose another name, or use --force to replace it.",
        code="file_exists",
    )
