"""Room: what an owner may still add, and whether the disk can take it."""

from __future__ import annotations

import shutil
from pathlib import Path

from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.service.settings import Settings

__all__ = ["Room"]

_MB = 10**6


class Room:
    """The room there is.

    Args:
        records: of what is there.
        folder: on the disk where files go.
        settings: limits.
    """

    def __init__(self, records: Records, folder: Path, settings: Settings) -> None:
        self._records, self._folder, self._settings = records, folder, settings

    def check(self, owner: str, more_bytes: int) -> None:
        """Refuse what there is no room for.

        Raises:
            Problem: it would be over the owner's quota, or too much for the disk.
        """
        settings = self._settings
        if self.held_bytes(owner) + more_bytes > settings.quota_mb * _MB:
            raise Problem(
                403,
                "quota",
                f"your files would be more than {settings.quota_mb} MB",
                hint="Delete some first.",
            )
        self.check_disk(more_bytes)

    def check_disk(self, more_bytes: int) -> None:
        """Refuse what the disk cannot take.

        Raises:
            Problem: less would be free than always has to be.
        """
        if self.missing_bytes() + more_bytes > 0:
            raise Problem(
                507, "disk_full", "the service's disk has no room for this", hint="Try again later."
            )

    def missing_bytes(self) -> int:
        """How much too little is free; negative where there is room."""
        return self._settings.min_free_mb * _MB - shutil.disk_usage(self._folder).free

    def held_bytes(self, owner: str) -> int:
        """Songs, results, which a batch only repeats, and what is announced, of an owner."""
        row = self._records.one(
            "SELECT (SELECT coalesce(sum(size_bytes), 0) FROM songs WHERE owner = ?) + "
            "(SELECT coalesce(sum(size_bytes), 0) FROM jobs WHERE owner = ? AND kind != 'batch') + "
            "(SELECT coalesce(sum(length_bytes), 0) FROM uploads WHERE owner = ? AND song IS NULL)",
            *[owner] * 3,
        )
        assert row is not None
        return int(row[0])
