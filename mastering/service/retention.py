"""What is not needed any more goes: by age, by total size, and what nobody owns. Never what runs or waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from mastering.service.keys import LOCAL
from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.service.room import Room
from mastering.service.rooms import Rooms
from mastering.service.settings import Settings
from mastering.service.shares import Shares
from mastering.service.songs import Songs
from mastering.service.uploads import Uploads
from mastering.service.work import Work

__all__ = ["Retention"]

_DAY_S = 86_400.0
_MB = 10**6

_log = logging.getLogger("tonmeister.retention")


class Retention:
    """Cleans up.

    Args:
        records, songs, uploads, work, shares, rooms: what is cleaned.
        cache: folder of what rooms keep.
        settings: how long and how much.
        room: on the disk.
    """

    def __init__(
        self,
        records: Records,
        songs: Songs,
        uploads: Uploads,
        work: Work,
        shares: Shares,
        rooms: Rooms,
        cache: Path,
        settings: Settings,
        room: Room,
    ) -> None:
        self._records, self._songs, self._uploads, self._work = records, songs, uploads, work
        self._shares, self._rooms, self._cache = shares, rooms, cache
        self._settings, self._room = settings, room

    def clean(self) -> int:
        """Remove what may go; gives how many songs and jobs that were."""
        gone = 0
        self._uploads.expire()
        self._shares.expire()
        if self._settings.retention_days:
            before_s = time.time() - _DAY_S * self._settings.retention_days
            gone += sum(self._remove(kind, item) for kind, item, _ in list(self._oldest(before_s)))
        if self._settings.retention_mb:
            gone += self._shrink(self._settings.retention_mb * _MB)
        self._work.sweep()
        self._sweep_cache()
        self._rooms.shrink(self._room.missing_bytes())
        if gone:
            _log.info("%d songs and jobs were removed", gone)
        return gone

    def held_bytes(self) -> int:
        """Size of all songs and results, and of what is kept to hear them."""
        row = self._records.one(
            "SELECT (SELECT coalesce(sum(size_bytes), 0) FROM songs) "
            "+ (SELECT coalesce(sum(size_bytes), 0) FROM jobs WHERE kind != 'batch')"
        )
        assert row is not None
        return int(row[0]) + self._rooms.kept_bytes()

    def _shrink(self, most_bytes: int) -> int:
        held, gone = self.held_bytes(), 0
        held -= self._rooms.shrink(held - most_bytes)  # what can be made again goes before what cannot
        for kind, item, size_bytes in list(self._oldest(time.time())):
            if held <= most_bytes:
                break
            if self._remove(kind, item):
                held, gone = held - size_bytes, gone + 1
        return gone

    def _oldest(self, before_s: float) -> Iterator[tuple[str, str, int]]:
        """Songs and ended jobs last used before, the oldest first; batches go with their jobs."""
        rows = self._records.all(
            "SELECT 'song' AS what, id, size_bytes, used_s FROM songs WHERE used_s < ? "
            "UNION ALL SELECT 'job', id, size_bytes, used_s FROM jobs "
            "WHERE used_s < ? AND parent IS NULL AND state IN ('done', 'failed', 'cancelled') "
            "ORDER BY used_s",
            before_s,
            before_s,
        )
        for row in rows:
            yield row["what"], row["id"], row["size_bytes"]

    def _remove(self, what: str, item: str) -> bool:
        try:
            if what == "song":
                self._songs.remove(self._songs.get(LOCAL, item))
            else:
                self._work.remove(LOCAL, item)
        except Problem:  # in use, or gone meanwhile
            return False
        return True

    def _sweep_cache(self) -> None:
        """Remove what is kept about songs and jobs that are gone."""
        folders = list(self._cache.iterdir())  # before the ids: what is made meanwhile stays
        known = {row["id"] for row in self._records.all("SELECT id FROM songs UNION SELECT id FROM jobs")}
        for folder in folders:
            if folder.name not in known:
                self._rooms.forget(folder.name)
