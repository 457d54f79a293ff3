"""What an attempt does to the disk, written down before it does it, so that another can undo it.

One file for each attempt. It is locked as long as the attempt's process lives: whoever holds the lock
knows that nobody writes any more. A temporary file is noted before it is made, an output before it gets
its name, and last the result: an attempt that died after that has done its work and is not repeated.
An output is recognised by size and time of change, an object on some storage by its version or its bytes:
what somebody else put there is never removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mastering.codec import from_plain, to_plain
from mastering.errors import TonmeisterError
from mastering.io.remote_publish import Published, is_published, withdraw
from mastering.jobs.locks import lock
from mastering.jobs.model import Outcome, OutputFile

__all__ = ["Busy", "Finished", "Journal", "settled"]

_CHUNK_BYTES = 2**20
_LOCK_POLL_S = 0.02


class Busy(Exception):
    """The process of an attempt is still alive, or the storage that it put files on cannot be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What an attempt that did its work has left."""

    outcome: Outcome
    files: tuple[OutputFile, ...]


class Journal:
    """The journal of the attempt that runs in this process; a `mastering.io.atomic.Watch`.

    Args:
        path: of the journal, in a folder that is there.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="ascii")
        lock(self._file)
        self._outputs: list[Path] = []
        self._published: dict[str, OutputFile] = {}

    def opening(self, temporary: Path) -> None:
        """Note a temporary file that will be made."""
        self._note({"temporary": str(temporary.absolute())})

    def committing(self, temporary: Path, path: Path, *, replaces: bool) -> None:
        """Note an output that will get its name."""
        path = path.absolute()
        self._outputs.append(path)
        self._note({"output": str(path), "replaces": replaces, **_identity(temporary)})

    def scratch(self, folder: Path) -> None:
        """Note a folder that goes with the attempt."""
        self._note({"scratch": str(folder.absolute())})

    def publishing(self, published: Published, part: str, *, replaces: bool) -> None:
        """Note a file that will be put on some storage."""
        self._note({"publishing": to_plain(published), "part": part, "replaces": replaces})

    def published(self, published: Published) -> None:
        """Note that it is there."""
        self._published[published.url] = OutputFile(
            path=published.url, size_bytes=published.size_bytes, sha256=published.sha256
        )
        self._note({"published": to_plain(published)})

    def finish(self, outcome: Outcome) -> Finished:
        """Note that the work is done."""
        files = [_output_file(path) for path in dict.fromkeys(self._outputs) if path.is_file()]
        finished = Finished(outcome=outcome, files=(*files, *self._published.values()))
        self._note({"finished": to_plain(finished)})
        return finished

    def close(self) -> None:
        """Let go of the lock."""
        self._file.close()

    def _note(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextlib.contextmanager
def settled(path: Path, *, wait_s: float = 0.0, keep_finished: bool = True) -> Iterator[Finished | None]:
    """What an earlier attempt has done, or None once what it began is undone; then its journal goes.

    Nobody else settles the same journal meanwhile: what follows from it is written down in here.

    Args:
        path: of the journal; one that is not there has nothing to undo.
        wait_s: how long to wait for the attempt's process to end.
        keep_finished: False undoes finished work, too.

    Raises:
        Busy: the process still lives, or a storage cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("r+", encoding="ascii"))
        except FileNotFoundError:
            yield None
            return
        _wait_for_lock(file, wait_s)
        if not path.exists():  # another one was faster
            yield None
            return
        try:
            finished = _undone(list(_lines(file)), keep_finished)
        except TonmeisterError as error:
            raise Busy from error
        yield finished
        path.unlink(missing_ok=True)


def _undone(lines: list[dict[str, Any]], keep_finished: bool) -> Finished | None:
    for line in lines:
        if "temporary" in line:
            _remove(Path(line["temporary"]))
        if "scratch" in line:
            shutil.rmtree(line["scratch"], ignore_errors=True)
    finished = _finished(lines) if keep_finished else None
    if finished is None:
        for line in lines:
            if "output" in line and not line["replaces"] and _is_own(line):
                _remove(Path(line["output"]))
        _withdraw(lines)
    return finished


def _withdraw(lines: list[dict[str, Any]]) -> None:
    """Remove what was put on storages; what took the place of something else stays.

    Raises:
        TonmeisterError: a storage cannot be reached.
    """
    there = {line["published"]["url"]: line["published"] for line in lines if "published" in line}
    for line in lines:
        if "publishing" in line and not line["replaces"]:
            plain = there.get(line["publishing"]["url"], line["publishing"])
            withdraw(from_plain(Published, plain, "journal"), line["part"])


def _finished(lines: list[dict[str, Any]]) -> Finished | None:
    """The result, if every file of it is as the attempt left it.

    Raises:
        TonmeisterError: a storage cannot be reached.
    """
    found = [line["finished"] for line in lines if "finished" in line]
    last = {line["output"]: line for line in lines if "output" in line}
    if not found or not all(map(_is_own, last.values())):
        return None
    there = (from_plain(Published, line["published"], "journal") for line in lines if "published" in line)
    if not all(map(is_published, there)):
        return None
    return from_plain(Finished, found[-1], "journal")


def _lines(file: IO[str]) -> Iterator[dict[str, Any]]:
    """All whole lines: the last one may have been cut off."""
    for text in file:
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(text)


def _identity(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _is_own(line: Mapping[str, Any]) -> bool:
    try:
        return _identity(Path(line["output"])) == {key: line[key] for key in ("size", "mtime_ns")}
    except OSError:
        return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _output_file(path: Path) -> OutputFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return OutputFile(path=str(path), size_bytes=path.stat().st_size, sha256=digest.hexdigest())


def _wait_for_lock(file: IO[str], wait_s: float) -> None:
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            lock(file)
            return
        except OSError:
            if time.monotonic() >= deadline_s:
                raise Busy from None
        time.sleep(_LOCK_POLL_S)
