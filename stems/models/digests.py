"""SHA-256 of a file, and what it must be.

In this order: the catalogue's digest or the card's, the one recorded at the first download (FILE.sha256,
in the form of `sha256sum`), the digits in the name of a .th file, nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mastering.errors import ModelError
from mastering.io.atomic import write_text_atomic
from stems.models.entries import RemoteFile

__all__ = [
    "Expectation",
    "Origin",
    "check",
    "expectation",
    "lock_of",
    "read_lock",
    "sha256_of",
    "unreadable",
    "write_lock",
]

Origin: TypeAlias = Literal["catalogue", "card", "record", "name", "nothing"]

_FULL = 64
_LOCK = re.compile(r"\s*([0-9a-fA-F]{64})\b")
_NAMED = re.compile(r"^[0-9a-f]{8}-([0-9a-f]{8,64})\.th$")
_REASONS: dict[Origin, str] = {
    "catalogue": "the digest that is known of it",
    "card": "the one on its card",
    "record": "the one recorded when it was first downloaded",
    "name": "the one its name begins to tell",
    "nothing": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a file's digest must begin with, and who says so; nothing where nobody does."""

    sha256: str
    origin: Origin


def sha256_of(path: Path) -> str:
    """Digest of a file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ModelError:
    """The error of a model's file that cannot be read."""
    return ModelError(
        f"{path}: the model's file cannot be read: {(error.strerror or str(error)).lower()}",
        hint="Check the path and its permissions.",
        code="model_missing" if isinstance(error, FileNotFoundError) else "model_unreadable",
    )


def expectation(path: Path, remote: RemoteFile | None = None) -> Expectation:
    """What is expected of a file, which may be one of the catalogue."""
    if remote is not None and len(remote.sha256) == _FULL:
        return Expectation(sha256=remote.sha256, origin="card" if remote.root == "embedded" else "catalogue")
    recorded = read_lock(path)
    if recorded:
        return Expectation(sha256=recorded, origin="record")
    named = _NAMED.match(path.name)
    if named:
        return Expectation(sha256=named[1], origin="name")
    return Expectation(sha256="", origin="nothing")


def check(path: Path, digest: str, expected: Expectation) -> None:
    """Refuse a file that is not the one it should be.

    Raises:
        ModelError: another digest ("model_checksum").
    """
    if digest.startswith(expected.sha256):
        return
    raise ModelError(
        f"{path}: damaged, or not the file it should be: its SHA-256 begins with {digest[:8]}, "
        f"{_REASONS[expected.origin]} with {expected.sha256[:8]}",
        hint="Remove it, then download it again: `tonmeister stems models download NAME`.",
        code="model_checksum",
    )


def lock_of(path: Path) -> Path:
    """Where the digest of a file is recorded."""
    return path.with_name(f"{path.name}.sha256")


def read_lock(path: Path) -> str:
    """The digest recorded of a file; empty where there is none."""
    try:
        found = _LOCK.match(lock_of(path).read_text("ascii", errors="replace"))
    except OSError:
        return ""
    return found[1].lower() if found else ""


def write_lock(path: Path, digest: str) -> None:
    """Record the digest of a file beside it; `sha256sum --check` reads it too."""
    write_text_atomic(lock_of(path), f"{digest}  {path.name}\n", force=True)
