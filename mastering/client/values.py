"""What the service tells, as values; keys that this version does not know are left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from mastering.client.answers import Check, Failure, Notice, Part, Summary
from mastering.errors import TonmeisterError

__all__ = [
    "Job",
    "JobLike",
    "Kind",
    "Link",
    "Result",
    "Role",
    "ServiceError",
    "Song",
    "SongLike",
    "State",
    "id_of",
    "read",
]

T = TypeVar("T")
State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
Kind: TypeAlias = Literal["master", "album", "batch", "apply", "stems", "remix"]
Role: TypeAlias = Literal["master", "report", "recipe", "stem", "mix"]


class ServiceError(TonmeisterError):
    """The service said no, or cannot be reached (status 0).

    Attributes:
        status: of HTTP.
        field: of the request that is to blame; "" for none.
        retry_after_s: when to come back; None where that was not said.
    """

    default_code = "service"

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        field: str = "",
        retry_after_s: float | None = None,
        hint: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.status, self.field, self.retry_after_s = status, field, retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """An uploaded file."""

    id: str
    name: str
    sha256: str
    size_bytes: int
    duration_s: float
    sample_rate_hz: int
    channels: int
    container: str = ""
    integrated_lufs: float | None = None
    true_peak_dbtp: float | None = None
    uploaded_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A file that a job has written."""

    name: str
    url: str
    role: Role
    size_bytes: int
    sha256: str
    media_type: str
    stem: str | None = None
    song: str | None = None
    duration_s: float | None = None
    sample_rate_hz: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of work as it was last heard of; share is 0..1 of the stage."""

    id: str
    kind: Kind
    label: str
    state: State
    stage: str = ""
    share: float = 0.0
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    attempts: int = 0
    error: Failure | None = None
    song: str | None = None
    songs: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    results: tuple[Result, ...] = ()
    checks: tuple[Check, ...] = ()
    summary: Summary | None = None
    notices: tuple[Notice, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that shows a job to whoever has it.

    Args:
        url: its address.
        token: the last part of it.
        expires_at: when it ends by itself.
    """

    url: str
    token: str
    expires_at: str


SongLike: TypeAlias = Song | str
JobLike: TypeAlias = Job | str


def id_of(named: SongLike | JobLike) -> str:
    """The id of what is named, or known by it already."""
    return named if isinstance(named, str) else named.id


def read(kind: type[T], plain: Mapping[str, Any]) -> T:
    """A value out of an answer."""
    known: dict[str, Any] = {}
    for name in (each.name for each in dataclasses.fields(kind)):  # type: ignore[arg-type]
        if name in plain:
            value = plain[name]
            known[name] = tuple(value) if isinstance(value, list) else value
    if kind is Job:
        known["results"] = tuple(read(Result, result) for result in known.get("results", ()))
    return kind(**known)
