"""Values of the jobs: what is asked for, what is known of it, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from mastering.units import Range, check_ranges

__all__ = [
    "ENDED",
    "RETRIED_CODES",
    "STATES",
    "About",
    "GpuUse",
    "Job",
    "JobFailure",
    "Kind",
    "Limits",
    "Needs",
    "Outcome",
    "OutputFile",
    "Retries",
    "State",
]

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
GpuUse: TypeAlias = Literal["none", "if_there", "required"]

RETRIED_CODES = frozenset(
    {
        "worker_died",
        "out_of_memory",
        "timed_out",
        "environment",
        "disk_full",
        "output_failed",
        "output_not_writable",
        "decoder_crashed",
        "decoder_timeout",
        "decoder_not_started",
        "plugin_crashed",
        "plugin_timed_out",
        "remote_failed",
        "remote_unreachable",
    }
)
"""Failures that may pass: of the machine, not of the request or the music."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of work, known by name; its code is found by import path and loaded where it runs.

    Args:
        name: such as "master".
        request: "package.module:Class" of a dataclass that `mastering.codec` writes and reads.
        run: "package.module:function" (request, progress) -> Outcome.
        about: "package.module:function" (request) -> About.
    """

    name: str
    request: str
    run: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a machine must have to do a piece of work; a core goes without saying.

    Args:
        memory_mb: an estimate on the safe side, program included; 0 for nothing worth mentioning.
        gpu: "required" is refused where there is none, "if_there" takes one where there is one.
    """

    memory_mb: int = 0
    gpu: GpuUse = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a request before it runs.

    Args:
        label: what a person calls it: the input's name.
        inputs: files whose content belongs to the request's identity.
        lane: which processes do it: "short" or "long".
        needs: of the machine that does it.
    """

    label: str
    inputs: tuple[Path, ...]
    lane: str = "short"
    needs: Needs = Needs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a piece of work.

    Args:
        entries: its places in a JSON document, as the command of the same name writes them.
        text: the report for people.
        missed: a check failed.
    """

    entries: tuple[Mapping[str, Any], ...] = ()
    text: str = ""
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that a job has written."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailure:
    """Why a job, or its last attempt, failed: code for machines, one sentence, the way out."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 1
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one attempt may take.

    Args:
        time_s: longest time; None for any.
        memory_mb: of private memory on top of what an idle worker holds; None for any.
    """

    time_s: Annotated[float, Range(0.1, 7 * 86_400.0, "s")] | None = None
    memory_mb: Annotated[int, Range(64, 1_048_576, "MB")] | None = None

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often an attempt that failed for a reason that may pass is made again.

    Args:
        attempts: at most, the first included.
        wait_s: before the second; twice as long before each further one.
        interruptions: how often the main process may die during a job before the job is suspected.
    """

    attempts: Annotated[int, Range(1, 100)] = 3
    wait_s: Annotated[float, Range(0.0, 3_600.0, "s")] = 2.0
    interruptions: Annotated[int, Range(1, 1_000)] = 20

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it is recorded.

    Attributes:
        id: SHA-256 of the request and of its inputs' content: the same work has the same id.
        kind, label, lane: as in Kind and About.
        state: "queued", "running", "done", "failed" (for good: the dead letter) or "cancelled".
        stage, share: how far a running one is; share 0..1 of the stage.
        attempts: begun so far.
        interruptions: how often the main process died during an attempt.
        cancelling: it runs, and is asked to end.
        created_s, started_s, finished_s: Unix time; None for not yet.
        failure: why it failed, or why the last attempt did and the next one waits.
        files: written by it.
        outcome: of a job that is done.
        request: as `mastering.codec` writes it; empty in lists.
    """

    id: str
    kind: str
    label: str
    lane: str
    state: State
    stage: str = ""
    share: float = 0.0
    attempts: int = 0
    interruptions: int = 0
    cancelling: bool = False
    created_s: float = 0.0
    started_s: float | None = None
    finished_s: float | None = None
    failure: JobFailure | None = None
    files: tuple[OutputFile, ...] = ()
    outcome: Outcome | None = None
    request: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in ENDED
