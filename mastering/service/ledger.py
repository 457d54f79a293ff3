"""The ledger of jobs: whose wish is which job, each wish once."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from mastering.codec import to_plain
from mastering.service import documents
from mastering.service.keys import Caller
from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.service.wishes import Wish

__all__ = ["Ledger"]


class Ledger:
    """Records wishes.

    Args:
        records: of the service.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def known(self, caller: Caller, work: str, key: str | None) -> dict[str, Any] | None:
        """The document of the job of the same wish, if there is one that has not failed.

        Args:
            caller: who asks.
            work: what makes two wishes the same.
            key: Idempotency-Key.

        Raises:
            Problem: the key was used for another wish.
        """
        if key is not None:
            row = self._records.one(
                "SELECT jobs.document, idempotency.work FROM idempotency "
                "JOIN jobs ON jobs.id = idempotency.job WHERE idempotency.owner = ? AND idempotency.key = ?",
                caller.owner,
                key,
            )
            if row is not None and row["work"] != work:
                raise Problem(
                    409,
                    "idempotency_key",
                    "this Idempotency-Key was used for another request",
                    hint="Use a new key for each request.",
                    field="Idempotency-Key",
                )
            if row is not None:
                return documents.document_of(row)
        row = self._records.one(
            "SELECT document FROM jobs WHERE owner = ? AND work = ? "
            "AND state IN ('queued', 'running', 'done') ORDER BY created_s DESC LIMIT 1",
            caller.owner,
            work,
        )
        return documents.document_of(row) if row is not None else None

    def remember(self, caller: Caller, key: str, work: str, job: str) -> None:
        """A key stands for a job that was there already, if it is still there and the key is new."""
        with self._records.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO idempotency SELECT ?, ?, ?, id, ? FROM jobs WHERE id = ?",
                (caller.owner, key, work, time.time(), job),
            )

    def record(self, caller: Caller, new: Wish, key: str | None) -> dict[str, Any] | None:
        """Record a wish, unless the same came in at the same moment: then that one's document."""
        now_s = time.time()
        with self._records.write() as connection:
            known = self.known(caller, new.work, key)  # nobody else writes now
            for each in (new, *new.children) if known is None else ():
                self._insert(connection, caller, each, now_s)
            if key is not None:
                job = new.id if known is None else known["id"]
                connection.execute(
                    "INSERT OR IGNORE INTO idempotency VALUES (?, ?, ?, ?, ?)",
                    (caller.owner, key, new.work, job, now_s),
                )
        return known

    def _insert(self, connection: sqlite3.Connection, caller: Caller, new: Wish, now_s: float) -> None:
        document = documents.at_start(
            new.id,
            new.kind,
            new.label,
            songs=new.songs,
            references=new.references,
            request=json.loads(new.body),
            created_s=now_s,
        )
        document["jobs"] = [child.id for child in new.children]
        document["parts"] = [documents.part_at_start(c.id, c.songs[0], c.label) for c in new.children]
        connection.execute(
            "INSERT INTO jobs (id, owner, kind, work, parent, state, seq, created_s, used_s, body, task, "
            "document) VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
            (
                new.id,
                caller.owner,
                new.kind,
                new.work,
                new.parent,
                Records.next_seq(connection),
                now_s,
                now_s,
                new.body,
                "" if new.task is None else json.dumps(to_plain(new.task)),
                json.dumps(document, ensure_ascii=False),
            ),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO job_songs VALUES (?, ?)",
            [(new.id, song) for song in (*new.songs, *new.references)],
        )
