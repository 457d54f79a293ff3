"""Writing without half-written files: a temporary file in the same folder, then one rename.

The real name appears only when everything is written and on the disk. An existing file is
never replaced unless `force` says so, not even one that appears in the meantime. The
temporary file is hidden and starts with TEMPORARY_PREFIX, so that a watched folder can
pass over it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mastering.errors import AudioFileError, EnvironmentProblem, TonmeisterError

if TYPE_CHECKING:
    from mastering.io.remote_publish import Published

__all__ = [
    "TEMPORARY_PREFIX",
    "AtomicFile",
    "Watch",
    "output_problem",
    "watched",
    "watching",
    "write_text_atomic",
]

TEMPORARY_PREFIX = ".tonmeister-"

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class Watch(Protocol):
    """Is told of every file in the making, early enough to undo it after the process has died."""

    def opening(self, temporary: Path) -> None:
        """A temporary file will be made."""
        ...

    def committing(self, temporary: Path, path: Path, *, replaces: bool) -> None:
        """The complete temporary file will get its name; `replaces`: a file of that name is there."""
        ...

    def scratch(self, folder: Path) -> None:
        """A folder for this run alone will be made; nothing in it is kept."""
        ...

    def publishing(self, published: Published, part: str, *, replaces: bool) -> None:
        """A file will be put on some storage, first under the URL `part` unless that is empty."""
        ...

    def published(self, published: Published) -> None:
        """It is there, and is known by its version."""
        ...


_watch: ContextVar[Watch | None] = ContextVar("_watch", default=None)


@contextlib.contextmanager
def watched(watch: Watch | None) -> Iterator[None]:
    """Tell `watch` of the files that are made in here; None: they concern nobody."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def watching() -> Watch | None:
    """Who is to be told of the files of this run."""
    return _watch.get()


class AtomicFile:
    """A file in the making: write to `temporary`, then `commit` or `discard`.

    Args:
        path: where the file shall be.
        force: whether a file of that name may be replaced.
        inputs: files that may not be replaced even then.

    Raises:
        AudioFileError: the name is taken ("file_exists"), is an input ("output_is_input"), a
            folder or a device ("not_a_file"), or too long ("name_too_long").
        EnvironmentProblem: the folder is missing or cannot be written ("output_not_writable"),
            or the disk is full ("disk_full").
    """

    def __init__(self, path: Path, *, force: bool, inputs: Iterable[Path] = ()) -> None:
        self.path = path
        self._force = force
        self._watch = _watch.get()
        self._check_target(tuple(inputs))
        self.temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}{path.suffix[:16]}")
        if self._watch is not None:
            self._watch.opening(self.temporary)
        try:
            # Made here, with the user's usual permissions; whoever fills it opens it again.
            os.close(os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            raise output_problem(error, path) from error

    def commit(self) -> None:
        """Flush the temporary file to the disk and give it its name; discard it if that fails."""
        try:
            with self.temporary.open("r+b") as file:
                os.fsync(file.fileno())
            if self._watch is not None:
                replaces = self._force and os.path.lexists(self.path)
                self._watch.committing(self.temporary, self.path, replaces=replaces)
            if self._force:
                self.temporary.replace(self.path)
            else:
                self._rename_without_replacing()
            _flush_folder(self.path.parent)
        except OSError as error:
            raise output_problem(error, self.path) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary file if it is still there."""
        with contextlib.suppress(OSError):
            self.temporary.unlink(missing_ok=True)

    def _rename_without_replacing(self) -> None:
        try:
            # A second name fails if the first is taken: unlike a rename this cannot replace a file.
            os.link(self.temporary, self.path)
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError:
            # A file system without hard links: look, then rename.
            if os.path.lexists(self.path):
                raise _exists(self.path) from None
            self.temporary.rename(self.path)

    def _check_target(self, inputs: tuple[Path, ...]) -> None:
        path = self.path
        try:
            status = path.stat()
        except FileNotFoundError:
            if os.path.lexists(path) and not self._force:
                raise _exists(path) from None
            return
        except OSError as error:
            raise output_problem(error, path) from error
        if not stat.S_ISREG(status.st_mode):
            raise AudioFileError(
                f"{path}: the output is a folder or a device, not a file",
                hint="Name a file inside that folder.",
                code="not_a_file",
            )
        for source in inputs:
            if source.exists() and source.samefile(path):
                raise AudioFileError(
                    f"{path}: the output would overwrite the input {source}",
                    hint="Choose another name or folder for the output.",
                    code="output_is_input",
                )
        if not self._force:
            raise _exists(path)


def write_text_atomic(path: str | Path, text: str, force: bool = False) -> None:
    """Write a text file in UTF-8 by the same rules; raises what `AtomicFile` raises."""
    target = AtomicFile(Path(path), force=force)
    try:
        target.temporary.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise output_problem(error, target.path) from error
    else:
        target.commit()
    finally:
        target.discard()


def output_problem(error: OSError, path: Path, needed_bytes: int | None = None) -> TonmeisterError:
    """The project's error for what the system said about writing `path`."""
    if error.errno in _FULL:
        return disk_full(path, needed_bytes)
    if error.errno == errno.ENAMETOOLONG:
        return AudioFileError(
            f"{path}: the output's name is too long ({len(os.fsencode(path.name))} bytes)",
            hint="Choose a shorter name: at most 255 bytes on most systems.",
            code="name_too_long",
        )
    if error.errno == errno.EFBIG:
        return EnvironmentProblem(
            f"{path}: the output is larger than this file system or your limits allow",
            hint="Write to another disk, or with fewer bits or a lower rate.",
            code="file_too_large",
        )
    if error.errno == errno.ENOENT:
        return EnvironmentProblem(
            f"{path.parent}: the folder for the output does not exist",
            hint="Create it first.",
            code="output_not_writable",
        )
    if error.errno in _FORBIDDEN or error.errno == errno.ENOTDIR:
        return EnvironmentProblem(
            f"{path.parent}: the folder for the output cannot be written ({error.strerror})",
            hint="Choose another folder or change its permissions.",
            code="output_not_writable",
        )
    return EnvironmentProblem(
        f"{path}: the output cannot be written ({error.strerror or error})", code="output_failed"
    )


def disk_full(path: Path, needed_bytes: int | None = None) -> EnvironmentProblem:
    """The error of a disk without room for `path`."""
    try:
        free = f"{shutil.disk_usage(path.parent).free / 1e6:,.0f} MB free"
    except OSError:
        free = "free space unknown"
    needed = f", {needed_bytes / 1e6:,.0f} MB needed" if needed_bytes else ""
    return EnvironmentProblem(
        f"{path}: the disk is full ({free}{needed})",
        hint="Free some space or write to another disk.",
        code="disk_full",
    )


def _exists(path: Path) -> AudioFileError:
    return AudioFileError(
        f"{path}: a file of that name exists already",
        hint="Choose another name, or use --force to replace it.",
        code="file_exists",
    )


def _flush_folder(folder: Path) -> None:
    # Windows cannot open folders; other systems may refuse to flush them. The rename is done either way.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
