"""What stands before a job: what is in the inputs, and whether it was done; read ahead, in threads."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.plan import Planned, Work
from mastering.cli.catalogue.record import Entry, Record
from mastering.cli.catalogue.task import BatchTask, Located, Song
from mastering.failure import Failure, describe
from mastering.io.remote import Found, content_of, is_url, look

__all__ = ["Readied", "Readier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readied:
    """A work whose inputs have been looked at.

    Args:
        work: it.
        task: for a job; None where an input cannot be read.
        identity: of the work.
        stamps: of the inputs' files.
        done: what an earlier run made of it is still there.
        owned: an earlier run wrote under these names.
        failure: why there is no task.
    """

    work: Work
    task: BatchTask | None = None
    identity: str = ""
    stamps: tuple[str, ...] = ()
    done: bool = False
    owned: bool = False
    failure: Failure | None = None


class Readier:
    """Looks at the inputs of works, a few ahead of those that are asked for.

    Args:
        outbox, record: of the run.
        found: URL -> what a listing said of it.
        threads: that read files: reading and hashing let go of the interpreter.
    """

    def __init__(self, outbox: Outbox, record: Record, found: dict[str, Found], *, threads: int) -> None:
        self._outbox, self._record, self._found = outbox, record, found
        self._threads = threads
        self._references: dict[str, Located] = {}
        self._lock = threading.Lock()

    def all(self, works: Sequence[Work]) -> Generator[Readied, None, None]:
        """Works in their order."""
        ahead: deque[Future[Readied]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for work in works:
                    ahead.append(pool.submit(self.ready, work))
                    if len(ahead) > 2 * self._threads:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def ready(self, work: Work) -> Readied:
        """Look at one."""
        before = [self._record.before(song.output) for song in work.songs]
        owned = all(one is not None and bool(one.files) for one in before)
        try:
            stamps = tuple(_stamp(song.row.input) for song in work.songs)
            sources = [
                self._source(song, stamp, one)
                for song, stamp, one in zip(work.songs, stamps, before, strict=True)
            ]
            references = tuple(map(self._reference, work.manner.references))
        except Exception as error:
            if owned and all(one is not None and self._is_done(one) for one in before):
                return Readied(work=work, done=True, owned=True)  # its input is gone: nothing to compare with
            return Readied(work=work, failure=describe(error))
        songs = tuple(
            Song(source=source, output=self._outbox.full(song.output))
            for source, song in zip(sources, work.songs, strict=True)
        )
        manner = work.manner
        task = BatchTask(
            songs=songs,
            job=manner.job,
            references=references,
            album=bool(work.album),
            stems=manner.stems,
            plugins=manner.plugins,
        )
        identity = _identity(task, manner.digest)
        takes = [one.take for one in before if one is not None and one.identity == identity]
        task = replace(task, take=max(takes, default=0))
        done = all(one is not None and one.identity == identity and self._is_done(one) for one in before)
        return Readied(work=work, task=task, identity=identity, stamps=stamps, done=done, owned=owned)

    def _is_done(self, entry: Entry) -> bool:
        return entry.state == "done" and bool(entry.files) and all(map(self._outbox.is_intact, entry.files))

    def _source(self, song: Planned, stamp: str, before: Entry | None) -> Located:
        location = song.row.input
        if is_url(location):
            found = self._found.get(location) or look(location)
            return Located(location=location, version=found.version or f"sha256:{content_of(location)}")
        if before is not None and before.input == location and before.stamp == stamp and before.version:
            return Located(location=location, version=before.version)
        return _hashed(location)

    def _reference(self, location: str) -> Located:
        """Read once, however many songs are matched to it."""
        with self._lock:
            if location not in self._references:
                if is_url(location):
                    version = look(location).version or f"sha256:{content_of(location)}"
                    self._references[location] = Located(location=location, version=version)
                else:
                    self._references[location] = _hashed(location)
            return self._references[location]


def _hashed(location: str) -> Located:
    from mastering.io.files import sha256

    return Located(location=location, version=f"sha256:{sha256(Path(location))}")


def _stamp(location: str) -> str:
    """What is the same as long as nobody writes to a file; "" for what lies elsewhere."""
    if is_url(location):
        return ""
    from mastering.io.paths import check_readable

    check_readable(Path(location))
    status = Path(location).stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _identity(task: BatchTask, digest: str) -> str:
    """SHA-256 of what a work is: equal for the same songs with the same settings and outputs."""
    songs = [[song.source.location, song.source.version, song.output] for song in task.songs]
    references = [one.version for one in task.references]
    whole = json.dumps([digest, task.album, songs, references], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()
