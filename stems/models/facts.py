"""All that is known of a model's files, here or as they would come; no file of weights is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stems.models.digests import Origin, expectation
from stems.models.entries import Member, ModelEntry, RemoteFile
from stems.models.store import address, folders, locate_member

__all__ = ["FileFacts", "facts_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """One file that holds a network.

    Args:
        signature: of the network.
        name: of the file.
        path: where it is; None where it is not here, or where another file of the network stands before it.
        url: where it is published; empty for the embedded one.
        size_bytes: None where it is not known.
        sha256: its digest or the first digits of it; empty where nobody told it.
        origin: who told it.
    """

    signature: str
    name: str
    path: Path | None
    url: str
    size_bytes: int | None
    sha256: str
    origin: Origin


def facts_of(entry: ModelEntry, models_dir: Path | None = None) -> tuple[FileFacts, ...]:
    """The files of every network of a model, the preferred one first."""
    return tuple(
        _facts(member, file, models_dir) for member in entry.distinct_members for file in member.files
    )


def _facts(member: Member, file: RemoteFile, models_dir: Path | None) -> FileFacts:
    found = locate_member(member, models_dir)
    path = found.path if found is not None and found.remote == file else None
    expected = expectation(path or folders(models_dir)[0] / file.name, file)
    return FileFacts(
        signature=member.signature,
        name=file.name,
        path=path,
        url="" if file.root == "embedded" else address(file),
        size_bytes=file.size_bytes,
        sha256=expected.sha256,
        origin=expected.origin,
    )
