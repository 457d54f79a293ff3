"""API keys and the sessions of browsers: only digests are kept.

A key is 256 random bits, so its plain SHA-256 is as good as the key is secret: nobody guesses among 2^256,
and a slow hash, which exists for passwords that people choose, would only slow every request down.
Finding the digest by an index leaks nothing of use either: whoever times it learns about digests.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mastering.errors import ParameterError
from mastering.service.records import Records

__all__ = ["KEY_PREFIX", "LOCAL", "Caller", "Key", "Keys", "Role", "digest_of"]

Role: TypeAlias = Literal["submit", "admin"]

KEY_PREFIX = "tm_"
SESSION_S = 14 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as it is listed."""

    id: str
    name: str
    role: Role
    created_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Args:
        owner: of what is made: a key's id.
        role: what is allowed.
    """

    owner: str
    role: Role

    @property
    def is_admin(self) -> bool:
        """Whether everything is seen."""
        return self.role == "admin"


LOCAL = Caller(owner="local", role="admin")
"""Whoever asks a service without keys, which only this machine reaches."""


class Keys:
    """The keys of a service.

    Args:
        records: where they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def add(self, name: str, role: Role) -> str:
        """Make a key; it is shown once and kept nowhere."""
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        row = (f"k{secrets.token_hex(6)}", name, role, digest_of(secret), time.time())
        with self._records.write() as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", row)
        return secret

    def list(self) -> list[Key]:
        """All keys, the oldest first."""
        rows = self._records.all("SELECT id, name, role, created_s FROM keys ORDER BY created_s, id")
        return [Key(**dict(row)) for row in rows]

    def remove(self, key: str) -> None:
        """Forget a key and its sessions; what it has made stays.

        Raises:
            ParameterError: there is none of this id.
        """
        with self._records.write() as connection:
            if not connection.execute("DELETE FROM keys WHERE id = ?", (key,)).rowcount:
                raise ParameterError(
                    f"there is no key '{key}'",
                    hint="`tonmeister serve keys list` shows their ids.",
                    code="key_unknown",
                )

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self._records.one("SELECT 1 FROM keys LIMIT 1") is not None

    def caller_of_key(self, secret: str) -> Caller | None:
        """Whose key this is."""
        query = "SELECT id, role, sha256 FROM keys WHERE sha256 = ?"
        return self._caller(query, digest_of(secret))

    def caller_of_session(self, token: str) -> Caller | None:
        """Whose session this is."""
        query = (
            "SELECT keys.id, keys.role, sessions.sha256 FROM sessions JOIN keys ON keys.id = sessions.key "
            "WHERE sessions.sha256 = ? AND sessions.expires_s > ?"
        )
        return self._caller(query, digest_of(token), time.time())

    def open_session(self, caller: Caller) -> str:
        """Start a session of a browser."""
        token, now_s = secrets.token_urlsafe(32), time.time()
        with self._records.write() as connection:
            connection.execute("DELETE FROM sessions WHERE expires_s <= ?", (now_s,))
            row = (digest_of(token), caller.owner, now_s + SESSION_S)
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", row)
        return token

    def close_session(self, token: str) -> None:
        """End a session."""
        with self._records.write() as connection:
            connection.execute("DELETE FROM sessions WHERE sha256 = ?", (digest_of(token),))

    def _caller(self, query: str, digest: str, *values: float) -> Caller | None:
        row = self._records.one(query, digest, *values)
        if row is None or not hmac.compare_digest(row["sha256"], digest):
            return None
        return Caller(owner=row["id"], role=row["role"])


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
