"""The service's own records, in one SQLite file: keys, songs, uploads, jobs by owner, shares.

What is known of the work itself is in the database of jobs; here is whose it is, and a copy of how far it
is, so that asking for that needs no other database and no lock.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mastering.errors import EnvironmentProblem

__all__ = ["Records"]

_SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE,
    created_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
    sha256 TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE, expires_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS songs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, container TEXT NOT NULL, duration_s REAL NOT NULL,
    sample_rate_hz INTEGER NOT NULL, channels INTEGER NOT NULL, integrated_lufs REAL, true_peak_dbtp REAL,
    uploaded_s REAL NOT NULL, used_s REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS songs_by_owner ON songs (owner, uploaded_s);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, length_bytes INTEGER NOT NULL,
    expires_s REAL NOT NULL, song TEXT
);
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, work TEXT NOT NULL, parent TEXT,
    core TEXT, state TEXT NOT NULL, seq INTEGER NOT NULL, created_s REAL NOT NULL, finished_s REAL,
    used_s REAL NOT NULL, size_bytes INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL, task TEXT NOT NULL, document TEXT NOT NULL, outcome TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, created_s);
CREATE INDEX IF NOT EXISTS jobs_by_work ON jobs (owner, work);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
CREATE INDEX IF NOT EXISTS jobs_by_core ON jobs (core);
CREATE INDEX IF NOT EXISTS jobs_by_seq ON jobs (seq);
CREATE INDEX IF NOT EXISTS jobs_by_parent ON jobs (parent);
CREATE TABLE IF NOT EXISTS job_songs (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, song TEXT NOT NULL, PRIMARY KEY (job, song)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS job_songs_by_song ON job_songs (song);
CREATE TABLE IF NOT EXISTS idempotency (
    owner TEXT NOT NULL, key TEXT NOT NULL, work TEXT NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, created_s REAL NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shares (
    sha256 TEXT PRIMARY KEY, owner TEXT NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, created_s REAL NOT NULL, expires_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES (1, 0);
CREATE TABLE IF NOT EXISTS plugins (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, allowed_s REAL NOT NULL);
"""


class Records:
    """The records.

    Args:
        path: of the file, in a folder that is there.

    Raises:
        EnvironmentProblem: it cannot be opened, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._writing = threading.RLock()
        try:
            with self.write() as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version > _SCHEMA:
                    raise EnvironmentProblem(
                        f"{path}: the records are of a newer version ({version})",
                        hint="Update tonmeister.",
                        code="records_newer",
                    )
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={_SCHEMA}")
        except sqlite3.Error as error:
            raise EnvironmentProblem(
                f"{path}: the service's records cannot be opened ({error})",
                hint="Check the folder's permissions and free space.",
                code="records_not_writable",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        while True:
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                return

    def all(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._connection() as connection:
            return connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        found = self.all(query, *values)
        return found[0] if found else None

    @staticmethod
    def next_seq(connection: sqlite3.Connection) -> int:
        """The number of a change: higher than that of any change before, in the transaction of `write`."""
        (seq,) = connection.execute("UPDATE counter SET seq = seq + 1 RETURNING seq").fetchone()
        return int(seq)

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; whatever raises undoes it."""
        with self._writing, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._free.get_nowait()
        except queue.Empty:
            connection = self._opened()
        try:
            yield connection
        finally:
            self._free.put(connection)

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30.0, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection
