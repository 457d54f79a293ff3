"""Uploads that can be resumed, and the songs they become."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import AudioFileError
from mastering.io.length import length_of
from mastering.service.arrivals import Arrivals
from mastering.service.keys import Caller
from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.service.room import Room
from mastering.service.settings import Settings
from mastering.service.songs import Song, Songs, song_id, stored_name

__all__ = ["Upload", "Uploads"]

_PROBES = 2
_PROBE_S = 120.0
_MB = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on its way.

    Attributes:
        id, owner, name: as of a song.
        length_bytes: of the whole.
        expires_s: Unix time.
        song: what became of it; None until it is complete.
    """

    id: str
    owner: str
    name: str
    length_bytes: int
    expires_s: float
    song: str | None = None


class Uploads:
    """Uploads, and the songs they become.

    Args:
        records: of them.
        songs: where they go.
        folder: of what has arrived.
        settings: limits.
        room: for them.
    """

    def __init__(self, records: Records, songs: Songs, folder: Path, settings: Settings, room: Room) -> None:
        self._room = room
        self._records, self._songs, self._settings = records, songs, settings
        self._arrivals = Arrivals(folder, settings)
        self._busy: dict[str, str] = {}
        self._finishing = ThreadPoolExecutor(_PROBES, "finishing")
        self._creating = threading.Lock()

    def create(self, caller: Caller, name: str, length_bytes: int) -> Upload:
        """Announce a file.

        Raises:
            Problem: too large, too many, over the quota, or no room on the disk.
        """
        with self._creating:
            self._refuse(caller, length_bytes)
            upload = Upload(
                id=secrets.token_hex(12),
                owner=caller.owner,
                name=name,
                length_bytes=length_bytes,
                expires_s=time.time() + 3_600.0 * self._settings.upload_expiry_h,
            )
            self._arrivals.path(upload.id).touch()
            with self._records.write() as connection:
                connection.execute(
                    "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, NULL)",
                    (upload.id, upload.owner, upload.name, upload.length_bytes, upload.expires_s),
                )
        return upload

    def get(self, caller: Caller, upload: str) -> Upload:
        """An upload of the caller's.

        Raises:
            Problem: there is none.
        """
        row = self._records.one(
            "SELECT * FROM uploads WHERE id = ? AND owner = ? AND expires_s > ?",
            upload,
            caller.owner,
            time.time(),
        )
        if row is None:
            raise Problem(
                404, "upload_unknown", "there is no such upload, or not any more", hint="Begin a new one."
            )
        return _upload(row)

    def offset_bytes(self, upload: Upload) -> int:
        """How much has arrived."""
        if upload.song is not None:
            return upload.length_bytes
        return self._arrivals.size_bytes(upload.id)

    def busy(self, owner: str) -> int:
        """How many of an owner's are receiving."""
        return sum(1 for other in self._busy.values() if other == owner)

    def is_busy(self, upload: Upload) -> bool:
        """Whether it is receiving."""
        return upload.id in self._busy

    @contextlib.contextmanager
    def receiving(self, upload: Upload) -> Iterator[None]:
        """While this is open nobody else adds to the upload. To be used in the event loop.

        Raises:
            Problem: somebody does, or too many are open.
        """
        if upload.id in self._busy:
            raise Problem(423, "upload_locked", "this upload is being received already", hint="Wait for it.")
        if self.busy(upload.owner) >= self._settings.concurrent_uploads:
            raise Problem(
                429,
                "too_many_uploads",
                f"more than {self._settings.concurrent_uploads} uploads at a time",
                hint="Wait until one is done.",
                headers={"Retry-After": "5"},
            )
        self._busy[upload.id] = upload.owner
        try:
            yield
        finally:
            del self._busy[upload.id]

    async def receive(
        self, upload: Upload, chunks: AsyncIterator[bytes], checksum: tuple[str, bytes] | None = None
    ) -> int:
        """Add what arrives; see `Arrivals.add` and `receiving`."""
        return await self._arrivals.add(upload.id, upload.length_bytes, chunks, checksum)

    def close(self) -> None:
        """End what makes songs."""
        self._finishing.shutdown(cancel_futures=True)

    async def finished(self, upload: Upload) -> Song:
        """`finish`, two at a time: whoever only asks how things stand never waits behind a row of uploads."""
        return await asyncio.get_running_loop().run_in_executor(self._finishing, self.finish, upload)

    def finish(self, upload: Upload) -> Song:
        """Make a song of a complete upload.

        Raises:
            AudioFileError: it is no audio, or too long; then the upload is gone.
        """
        path, digest = self._arrivals.path(upload.id), self._arrivals.sha256(upload.id)
        try:
            info, frames = length_of(path, most_s=self._settings.max_duration_s, within_s=_PROBE_S)
        except AudioFileError as error:
            self.remove(upload)
            message = error.message.removeprefix(f"{path}: ")
            raise AudioFileError(f"{upload.name}: {message}", hint=error.hint, code=error.code) from error
        new = song_id(upload.owner, digest)
        now_s = time.time()
        song = Song(
            id=new,
            owner=upload.owner,
            name=upload.name,
            file=stored_name(new, info.container),
            sha256=digest,
            size_bytes=upload.length_bytes,
            container=info.container,
            duration_s=frames / info.sample_rate,
            sample_rate_hz=info.sample_rate,
            channels=info.channels,
            uploaded_s=now_s,
            used_s=now_s,
        )
        self._keep(upload, song)
        return song

    def remove(self, upload: Upload) -> None:
        """Forget an upload, with what has arrived of it."""
        with self._records.write() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))
        self._arrivals.remove(upload.id)

    def recover(self) -> None:
        """After a start: files whose song is recorded get their place, and what nobody knows goes."""
        for row in self._records.all(
            "SELECT uploads.id AS upload, songs.file AS file FROM uploads "
            "JOIN songs ON songs.id = uploads.song"
        ):
            with contextlib.suppress(FileNotFoundError):
                self._arrivals.move(row["upload"], self._songs.folder / row["file"])
        known = {row["id"] for row in self._records.all("SELECT id FROM uploads")}
        for upload in list(self._arrivals.ids()):
            if upload not in known:
                self._arrivals.remove(upload)

    def expire(self) -> int:
        """Remove uploads whose time is over; gives how many."""
        rows = self._records.all("SELECT * FROM uploads WHERE expires_s <= ?", time.time())
        gone = [upload for upload in map(_upload, rows) if upload.id not in self._busy]
        for upload in gone:
            self.remove(upload)
        return len(gone)

    def _keep(self, upload: Upload, song: Song) -> None:
        """Record the song, then give its file its place: in this order `recover` can end it."""
        with self._records.write() as connection:
            connection.execute(
                "INSERT INTO songs VALUES (:id, :owner, :name, :file, :sha256, :size_bytes, :container, "
                ":duration_s, :sample_rate_hz, :channels, NULL, NULL, :uploaded_s, :used_s) "
                "ON CONFLICT (id) DO UPDATE SET used_s = :used_s",
                {name: getattr(song, name) for name in Song.__dataclass_fields__},
            )
            connection.execute("UPDATE uploads SET song = ? WHERE id = ?", (song.id, upload.id))
        self._arrivals.move(upload.id, self._songs.path(song))

    def _refuse(self, caller: Caller, length_bytes: int) -> None:
        settings = self._settings
        if length_bytes > settings.max_upload_mb * _MB:
            raise Problem(
                413,
                "upload_too_large",
                f"the file has {length_bytes:,} bytes; at most {settings.max_upload_mb} MB are taken",
                hint="Send a flac instead of a wav, or a part of it.",
                headers={"Tus-Max-Size": str(settings.max_upload_mb * _MB)},
            )
        count = self._count(caller.owner)
        if count >= settings.max_songs:
            raise Problem(
                403, "too_many_songs", f"you have {count} songs; more are not kept", hint="Delete some first."
            )
        self._room.check(caller.owner, length_bytes)

    def _count(self, owner: str) -> int:
        """Songs of an owner, and those that are announced."""
        row = self._records.one(
            "SELECT (SELECT count(*) FROM songs WHERE owner = ?) + "
            "(SELECT count(*) FROM uploads WHERE owner = ? AND song IS NULL)",
            owner,
            owner,
        )
        assert row is not None
        return int(row[0])


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(**dict(row))
