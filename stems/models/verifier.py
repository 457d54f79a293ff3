"""Every file of a model against the digest it must have; nothing is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mastering.errors import ModelError
from stems.models.digests import Origin, check, sha256_of
from stems.models.entries import Member, ModelEntry
from stems.models.store import locate_member
from stems.models.weights import looks_whole

__all__ = ["FileCheck", "State", "verify"]

State: TypeAlias = Literal["sound", "unknown", "damaged", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """What is known of one file.

    Args:
        signature: of the network.
        path: where it is; None where it is missing.
        sha256: its digest; empty where it is missing.
        state: "sound" has the digest it must have; "unknown" is whole, but nobody told its digest.
        origin: who told the digest.
        problem: what is wrong, in a sentence.
    """

    signature: str
    path: Path | None
    sha256: str
    state: State
    origin: Origin
    problem: str = ""


def verify(entry: ModelEntry, models_dir: Path | None = None) -> tuple[FileCheck, ...]:
    """Check the files of a model, one line for each network of its bag.

    Raises:
        ModelError: a file cannot be read ("model_unreadable").
    """
    return tuple(_check(member, models_dir) for member in entry.distinct_members)


def _check(member: Member, models_dir: Path | None) -> FileCheck:
    found = locate_member(member, models_dir)
    if found is None:
        names = " or ".join(file.name for file in member.files)
        return FileCheck(
            signature=member.signature,
            path=None,
            sha256="",
            state="missing",
            origin="nothing",
            problem=f"{names} is not here",
        )
    expected, digest = found.expected, sha256_of(found.path)
    state: State = "unknown" if expected.origin == "nothing" else "sound"
    problem = ""
    try:
        check(found.path, digest, expected)
        looks_whole(found.path)
    except ModelError as error:
        state, problem = "damaged", error.message
    return FileCheck(
        signature=member.signature,
        path=found.path,
        sha256=digest,
        state=state,
        origin=expected.origin,
        problem=problem,
    )
