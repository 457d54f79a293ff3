"""How a job is told: to programs as a document, to people as a line or a block of text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mastering.report.wording import clean

if TYPE_CHECKING:
    from mastering.jobs.model import Job

__all__ = ["SHORT_ID", "job_document", "row", "text", "whole_document"]

SHORT_ID = 10
"""Letters of an id that people see."""


def job_document(job: Job) -> dict[str, Any]:
    """A job in a list of a JSON document."""
    return {
        "id": job.id,
        "kind": job.kind,
        "label": job.label,
        "lane": job.lane,
        "state": job.state,
        "stage": job.stage,
        "share": job.share,
        "attempts": job.attempts,
        "interruptions": job.interruptions,
        "cancelling": job.cancelling,
        "created": _utc(job.created_s),
        "started": _utc(job.started_s),
        "finished": _utc(job.finished_s),
        "error": None
        if job.failure is None
        else {"code": job.failure.code, "message": job.failure.message, "hint": job.failure.hint},
    }


def whole_document(job: Job) -> dict[str, Any]:
    """A job with its request, its files and what came of it."""
    from mastering.codec import to_plain

    outcome = job.outcome
    return {
        **job_document(job),
        "request": dict(job.request),
        "files": to_plain(job.files),
        "results": list(outcome.entries) if outcome else [],
        "missed": outcome.missed if outcome else None,
    }


def row(job: Job) -> tuple[str, ...]:
    """A job in a list for people."""
    place = f"{job.stage} {job.share:.0%}".strip() if job.state == "running" else ""
    why = clean(job.failure.message) if job.failure is not None else ""
    return (
        f"  {job.id[:SHORT_ID]}",
        job.kind,
        clean(job.label),
        "ending" if job.cancelling else job.state,
        str(job.attempts),
        _local(job.created_s),
        place or why,
    )


def text(job: Job) -> str:
    """A job for people."""
    lines = [
        f"{job.id}",
        f"  kind      {job.kind}, lane {job.lane}",
        f"  input     {clean(job.label)}",
        f"  state     {'ending' if job.cancelling else job.state}",
        f"  tries     {job.attempts}, interrupted {job.interruptions} times",
        f"  submitted {_local(job.created_s)}",
        f"  started   {_local(job.started_s)}",
        f"  finished  {_local(job.finished_s)}",
    ]
    if job.state == "running":
        lines.append(f"  stage     {job.stage} {job.share:.0%}")
    if job.failure is not None:
        lines.append(clean(f"  failure   {job.failure.message} ({job.failure.code})"))
        lines += [clean(f"            {job.failure.hint}")] if job.failure.hint else []
    lines += [clean(f"  file      {file.path}") for file in job.files]
    return "\n".join(line.rstrip() for line in lines)


def _utc(time_s: float | None) -> str | None:
    return None if time_s is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s))


def _local(time_s: float | None) -> str:
    return "" if time_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_s))
