"""Songs: uploaded files, each under a name of our own, known by owner and content."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.report.wording import clean
from mastering.service.keys import Caller
from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.service.times import iso

__all__ = ["Song", "Songs", "harmless_name"]

_LONGEST_NAME = 120
_SUFFIXES = frozenset({"wav", "flac", "aiff", "mp3", "ogg", "opus", "m4a", "aac", "wma", "caf", "w64", "au"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One file.

    Attributes:
        id: of owner and content: the same file of the same owner is the same song, and nobody else's.
        owner: whose it is.
        name: what its owner calls it; never a path.
        file: its name on disk, which is ours.
        sha256: of its bytes.
        container: what it is, as its decoder says.
        integrated_lufs, true_peak_dbtp: once it was analysed.
        uploaded_s, used_s: Unix time.
    """

    id: str
    owner: str
    name: str
    file: str
    sha256: str
    size_bytes: int
    container: str
    duration_s: float
    sample_rate_hz: int
    channels: int
    integrated_lufs: float | None = None
    true_peak_dbtp: float | None = None
    uploaded_s: float
    used_s: float

    def document(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "container": self.container,
            "duration_s": self.duration_s,
            "sample_rate_hz": self.sample_rate_hz,
            "channels": self.channels,
            "integrated_lufs": self.integrated_lufs,
            "true_peak_dbtp": self.true_peak_dbtp,
            "uploaded_at": iso(self.uploaded_s),
        }


class Songs:
    """All songs.

    Args:
        records: of them.
        folder: of their files.
    """

    def __init__(self, records: Records, folder: Path) -> None:
        self._records = records
        self.folder = folder

    def path(self, song: Song) -> Path:
        """Where its file is."""
        return self.folder / song.file

    def get(self, caller: Caller, song: str) -> Song:
        """A song of the caller's; of anybody's for an admin.

        Raises:
            Problem: there is none that the caller may know of.
        """
        row = self._records.one("SELECT * FROM songs WHERE id = ?", song)
        if row is None or not (caller.is_admin or row["owner"] == caller.owner):
            raise unknown_song(song)
        return _song(row)

    def get_all(self, caller: Caller, songs: Iterable[str]) -> list[Song]:
        """`get` for several."""
        return [self.get(caller, song) for song in songs]

    def page(self, caller: Caller, *, before: tuple[float, str] | None, limit: int) -> list[Song]:
        """Songs that the caller may know of, the newest first."""
        where = ["1"]
        values: list[Any] = []
        if not caller.is_admin:
            where.append("owner = ?")
            values.append(caller.owner)
        if before is not None:
            where.append("(uploaded_s, id) < (?, ?)")
            values += before
        query = f"SELECT * FROM songs WHERE {' AND '.join(where)} ORDER BY uploaded_s DESC, id DESC LIMIT ?"
        return [_song(row) for row in self._records.all(query, *values, limit)]

    def measured(self, song: str, integrated_lufs: float | None, true_peak_dbtp: float | None) -> None:
        """Note what an analysis has found."""
        with self._records.write() as connection:
            connection.execute(
                "UPDATE songs SET integrated_lufs = ?, true_peak_dbtp = ? WHERE id = ?",
                (integrated_lufs, true_peak_dbtp, song),
            )

    def used(self, songs: Iterable[str]) -> None:
        """Note that songs are in use: what is used is kept."""
        with self._records.write() as connection:
            connection.executemany(
                "UPDATE songs SET used_s = ? WHERE id = ?", [(time.time(), song) for song in songs]
            )

    def remove(self, song: Song) -> None:
        """Forget a song, with its file.

        Raises:
            Problem: a job that has not ended needs it.
        """
        with self._records.write() as connection:
            needed = connection.execute(
                "SELECT 1 FROM job_songs JOIN jobs ON jobs.id = job_songs.job "
                "WHERE job_songs.song = ? AND jobs.state IN ('queued', 'running') LIMIT 1",
                (song.id,),
            ).fetchone()
            if needed is not None:
                raise Problem(
                    409,
                    "song_in_use",
                    "a job that has not ended needs this song",
                    hint="Cancel the job, or wait.",
                )
            connection.execute("DELETE FROM songs WHERE id = ?", (song.id,))
        self.path(song).unlink(missing_ok=True)


def song_id(owner: str, sha256: str) -> str:
    """The id of an owner's file."""
    return hashlib.sha256(f"{owner}\0{sha256}".encode()).hexdigest()[:24]


def stored_name(song: str, container: str) -> str:
    """The name on disk: nothing in it was chosen by whoever uploaded the file."""
    return f"{song}.{container}" if container in _SUFFIXES else f"{song}.audio"


def harmless_name(text: str) -> str:
    """What a client calls a file, as a text to show: no folders, nothing invisible, not too long."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return clean(last).strip()[:_LONGEST_NAME] or "untitled"


def unknown_song(song: str) -> Problem:
    """The answer for a song that is not there, or not the caller's: the same for both."""
    return Problem(
        404,
        "song_unknown",
        f"there is no song '{song[:40]}'",
        hint="GET /api/v1/songs lists yours.",
        field="song",
    )


def _song(row: sqlite3.Row) -> Song:
    return Song(**dict(row))
