"""The folder, on a disk or elsewhere, that masters and the run's state go to."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.atomic import TEMPORARY_PREFIX, output_problem
from mastering.io.remote import Found, is_url, joined

__all__ = ["Kept", "Outbox"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that a run has written.

    Args:
        path: below the outbox, with slashes.
        size_bytes, sha256: of its bytes.
        stamp: what is the same as long as nobody writes to it: its time, or its version elsewhere.
    """

    path: str
    size_bytes: int
    sha256: str
    stamp: str


class Outbox:
    """An outbox; nothing is made before something is written.

    Args:
        location: path of a folder, or a URL.
    """

    def __init__(self, location: str) -> None:
        self.is_remote = is_url(location)
        self.location = _canonical(location) if self.is_remote else str(Path(location).absolute())
        self._real = "" if self.is_remote else os.path.realpath(self.location)
        self._listed: dict[str, Found] | None = None

    def full(self, path: str) -> str:
        """Path or URL of something below it."""
        return joined(self.location, path) if self.is_remote else str(Path(self.location, path))

    def relative(self, location: str) -> str:
        """Where something lies below it, with slashes."""
        if self.is_remote:
            return location.removeprefix(f"{self.location}/")
        return Path(location).relative_to(self.location).as_posix()

    def holds(self, location: str) -> bool:
        """Whether a path or URL is, or lies below, the outbox."""
        if self.is_remote != is_url(location):
            return False
        if self.is_remote:
            return f"{location.rstrip('/')}/".startswith(f"{self.location}/")
        return f"{os.path.realpath(location)}{os.sep}".startswith(f"{self._real.rstrip(os.sep)}{os.sep}")

    def read(self, name: str) -> bytes | None:
        """A small file in it; None where there is none.

        Raises:
            EnvironmentProblem, ParameterError: it cannot be read.
        """
        if not self.is_remote:
            try:
                return Path(self.full(name)).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                raise EnvironmentProblem(
                    f"{self.full(name)}: it cannot be read ({error.strerror})",
                    hint="Check its permissions.",
                    code="no_permission",
                ) from error
        from mastering.io.remote import read_bytes

        try:
            return read_bytes(self.full(name))
        except AudioFileError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file in it, whole or not at all, in place of one of that name.

        Raises:
            EnvironmentProblem, ParameterError: it cannot be written.
        """
        if self.is_remote:
            from mastering.io.remote_publish import write_bytes

            write_bytes(data, self.full(name))
            return
        path = Path(self.full(name))
        part = path.with_name(
            f"{TEMPORARY_PREFIX}{name}"
        )  # the next one takes the place of one that was left
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise output_problem(error, path) from error

    def free_bytes(self) -> int | None:
        """Room that is left; None where nobody knows."""
        if self.is_remote:
            return None
        for folder in (Path(self.location), *Path(self.location).parents):
            with contextlib.suppress(OSError):
                return shutil.disk_usage(folder).free
        return None

    def kept(self, location: str, size_bytes: int, sha256: str) -> Kept:
        """A file that was just written, with what it is recognised by."""
        if self._listed is not None:
            from mastering.io.remote import look

            self._listed[location] = look(location)
        stamp = self._stamp(location)
        return Kept(path=self.relative(location), size_bytes=size_bytes, sha256=sha256, stamp=stamp or "")

    def list(self) -> None:
        """Learn what lies on a storage elsewhere, at once instead of one by one."""
        if self.is_remote:
            from mastering.io.remote import find

            try:
                found = find(self.location, wanted=lambda name: True)
            except EnvironmentProblem as error:
                if error.code != "remote_missing":
                    raise
                found = []
            self._listed = {one.url: one for one in found}

    def exists(self, path: str) -> bool:
        """Whether there is something of this name."""
        return bool(self._stamp(self.full(path)))

    def is_intact(self, kept: Kept) -> bool:
        """Whether a file is still what was written: by its stamp, else by its bytes."""
        location = self.full(kept.path)
        stamp = self._stamp(location)
        if stamp is None or stamp == kept.stamp:
            return stamp is not None
        if self.is_remote:
            from mastering.io.remote import content_of

            return content_of(location) == kept.sha256
        from mastering.io.files import sha256

        path = Path(location)
        return path.stat().st_size == kept.size_bytes and sha256(path) == kept.sha256

    def _stamp(self, location: str) -> str | None:
        """None where there is no such file."""
        if not self.is_remote:
            try:
                status = Path(location).stat()
            except OSError:
                return None
            return f"{status.st_size}-{status.st_mtime_ns}"
        if self._listed is not None and location in self._listed:
            return self._listed[location].version or "unknown"
        if self._listed is not None:
            return None
        from mastering.io.remote import look

        try:
            return look(location).version or "unknown"
        except AudioFileError:
            return None


def _canonical(url: str) -> str:
    from mastering.io.remote import canonical

    return canonical(url).rstrip("/")
