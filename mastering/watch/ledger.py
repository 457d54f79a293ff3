"""What is worked on and what is about to be moved, written down before it happens.

A SQLite file for each inbox, locked as long as its watcher lives: two watchers of one inbox would take
each other's files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mastering.errors import EnvironmentProblem
from mastering.watch.values import Signature
from mastering.webhooks.message import Message

__all__ = ["Ledger", "Move", "Row", "RowState", "ledger_name"]

RowState: TypeAlias = Literal["open", "done", "failed", "void"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS works (
    key TEXT PRIMARY KEY, take INTEGER NOT NULL, state TEXT NOT NULL, job TEXT NOT NULL,
    source TEXT NOT NULL, signature TEXT NOT NULL, output TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS works_by_state ON works (state);
CREATE TABLE IF NOT EXISTS moves (
    source TEXT PRIMARY KEY, destination TEXT NOT NULL, signature TEXT NOT NULL, failure TEXT);
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, url TEXT NOT NULL, body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Some content with some settings, in some folder.

    Args:
        key: what of it is the same.
        take: how often it was begun before, for good reasons.
        state: "open", "done", "failed", or "void": to be begun anew.
        job: id; empty until it is submitted.
        source: the song or the album's folder, relative to the inbox.
        signature: of that.
        output: the master, or the folder of the masters.
    """

    key: str
    take: int
    state: RowState
    job: str
    source: Path
    signature: Signature
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A file on its way out of the inbox; paths relative to it. `failure`: what its error file will say."""

    source: Path
    destination: Path
    signature: Signature
    failure: Mapping[str, Any] | None = None


class Ledger:
    """The ledger of one inbox. Use it as a context manager, or `close` it.

    Args:
        folder: where ledgers lie; it is made.
        inbox: whose.

    Raises:
        EnvironmentProblem: another process watches this inbox ("inbox_watched"), or it cannot be written.
    """

    def __init__(self, folder: Path, inbox: Path) -> None:
        path = folder / f"{ledger_name(inbox)}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise _problem(inbox, path, error) from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def get(self, key: str) -> Row | None:
        """What is known of a piece of work."""
        row = self._database.execute("SELECT * FROM works WHERE key = ?", (key,)).fetchone()
        return _row(row) if row is not None else None

    def open_rows(self) -> list[Row]:
        """All that is not concluded."""
        return [_row(row) for row in self._database.execute("SELECT * FROM works WHERE state = 'open'")]

    def put(self, row: Row) -> None:
        """Write down what will be done, or what became of it."""
        values = (
            row.key,
            row.take,
            row.state,
            row.job,
            _text(row.source),
            _signature_text(row.signature),
            _text(row.output),
        )
        self._database.execute("INSERT OR REPLACE INTO works VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def moves(self) -> list[Move]:
        """Moves that were not brought to their end."""
        return [
            Move(
                source=_path(source),
                destination=_path(destination),
                signature=_signature(signature),
                failure=json.loads(failure) if failure else None,
            )
            for source, destination, signature, failure in self._database.execute("SELECT * FROM moves")
        ]

    def plan(self, move: Move) -> None:
        """Write down a move before it is made."""
        failure = json.dumps(dict(move.failure)) if move.failure is not None else None
        values = (_text(move.source), _text(move.destination), _signature_text(move.signature), failure)
        self._database.execute("INSERT OR REPLACE INTO moves VALUES (?, ?, ?, ?)", values)

    def made(self, move: Move) -> None:
        """A move was made, or need not be made any more."""
        self._database.execute("DELETE FROM moves WHERE source = ?", (_text(move.source),))

    def tell(self, message: Message) -> None:
        """Write down a message that is to be handed to the outbox."""
        values = (message.id, message.url, message.body)
        self._database.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", values)

    def messages(self) -> list[Message]:
        """Messages that the outbox may not have."""
        rows = self._database.execute("SELECT id, url, body FROM messages ORDER BY rowid")
        return [Message(id=row[0], url=row[1], body=row[2]) for row in rows]

    def told(self, message: Message) -> None:
        """The outbox has it."""
        self._database.execute("DELETE FROM messages WHERE id = ?", (message.id,))

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is written in here, or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("BEGIN EXCLUSIVE")
        database.execute("COMMIT")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


def ledger_name(inbox: Path) -> str:
    """What the files that belong to an inbox are called."""
    return hashlib.sha256(os.fsencode(os.path.realpath(inbox))).hexdigest()[:24]


def _row(values: tuple[Any, ...]) -> Row:
    key, take, state, job, source, signature, output = values
    return Row(
        key=key,
        take=take,
        state=state,
        job=job,
        source=_path(source),
        signature=_signature(signature),
        output=_path(output),
    )


def _text(path: Path) -> str:
    """A path as JSON in ASCII: names that are no text in any encoding survive."""
    return json.dumps(str(path))


def _path(text: str) -> Path:
    return Path(json.loads(text))


def _signature_text(signature: Signature) -> str:
    return json.dumps([signature.size_bytes, signature.mtime_ns, signature.inode])


def _signature(text: str) -> Signature:
    size_bytes, mtime_ns, inode = json.loads(text)
    return Signature(size_bytes=size_bytes, mtime_ns=mtime_ns, inode=inode)


def _problem(inbox: Path, path: Path, error: Exception) -> EnvironmentProblem:
    if "locked" in str(error):
        return EnvironmentProblem(
            f"{inbox}: another tonmeister watches this folder already",
            hint="Stop that one first.",
            code="inbox_watched",
        )
    return EnvironmentProblem(
        f"{path}: the ledger of the drop folder cannot be opened ({error})",
        hint="Check its permissions, or name another folder with --database.",
        code="jobs_not_writable",
    )
