"""Messages that are recorded before they are sent: whatever dies, they go out at least once."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.errors import EnvironmentProblem
from mastering.webhooks.message import Message

__all__ = ["Outbox", "Waiting"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    created_s REAL NOT NULL, attempts INTEGER NOT NULL, next_s REAL NOT NULL, reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS messages_by_state ON messages (state, next_s);
"""

_KEPT_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that is to be sent; `attempts`: made so far."""

    message: Message
    attempts: int


class Outbox:
    """Messages in a SQLite file that one process has at a time; every method may be called by any thread.

    Args:
        path: of the file; it is made, for the user's eyes only, since URLs can be secrets.

    Raises:
        EnvironmentProblem: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"{path}: the outbox of webhooks cannot be opened ({error})",
                hint="Check its permissions, and that no other tonmeister uses it.",
                code="webhooks_not_writable",
            ) from error

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._database.close()

    def put(self, message: Message) -> None:
        """Record a message that is to be sent; one that is there already stays as it is."""
        now_s = time.time()
        values = (message.id, message.url, message.body, "waiting", now_s, 0, now_s, "")
        with self._locked() as database:
            database.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def due(self, now_s: float, *, horizon_s: float, each: int = 20, limit: int = 1_000) -> Sequence[Waiting]:
        """Messages whose time has come: the first of each address, the second of each, and so on.

        Those of one address come in the order in which they are due.

        Args:
            now_s: Unix time.
            horizon_s: what is due later than in so long is due now: then it was the clock that jumped.
            each: at most so many to one address.
            limit: at most so many in all.
        """
        query = (
            "SELECT id, url, body, attempts FROM (SELECT *, rowid AS place, row_number() OVER "
            "(PARTITION BY url ORDER BY next_s, rowid) AS number FROM messages WHERE state = 'waiting' "
            "AND (next_s <= ? OR next_s > ?)) WHERE number <= ? ORDER BY number, next_s, place LIMIT ?"
        )
        with self._locked() as database:
            rows = database.execute(query, (now_s, now_s + horizon_s, each, limit)).fetchall()
        return [Waiting(message=Message(id=row[0], url=row[1], body=row[2]), attempts=row[3]) for row in rows]

    def next_s(self) -> float | None:
        """When the next message is due (Unix time); None if none waits."""
        with self._locked() as database:
            found = database.execute("SELECT min(next_s) FROM messages WHERE state = 'waiting'").fetchone()
        return found[0] if found[0] is not None else None

    def count(self, state: str = "waiting") -> int:
        """How many messages are "waiting", "sent" or "dead"."""
        with self._locked() as database:
            found = database.execute("SELECT count(*) FROM messages WHERE state = ?", (state,)).fetchone()
        return int(found[0])

    def sent(self, message: str) -> None:
        """It has arrived. Its id is kept, so that nobody records it again."""
        self._change(message, "state = 'sent', body = '', attempts = attempts + 1")

    def again(self, message: str, next_s: float, reason: str) -> None:
        """A try has failed; the next one is at `next_s` (Unix time)."""
        self._change(message, "attempts = attempts + 1, next_s = ?, reason = ?", next_s, reason)

    def dead(self, message: str, reason: str) -> None:
        """It is not tried again."""
        self._change(message, "state = 'dead', attempts = attempts + 1, reason = ?", reason)

    def _change(self, message: str, changes: str, *values: Any) -> None:
        with self._locked() as database:
            database.execute(f"UPDATE messages SET {changes} WHERE id = ?", (*values, message))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._database


def _opened(path: Path) -> sqlite3.Connection:
    """The database, for this process alone, without what nobody asks for any more."""
    database = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    try:
        for line in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {line}")
        database.executescript(_SCHEMA)
        old_s = time.time() - _KEPT_S
        database.execute("DELETE FROM messages WHERE state != 'waiting' AND created_s < ?", (old_s,))
    except sqlite3.Error:
        database.close()
        raise
    return database
