"""How long mastering takes: from what this database has done, else from what was measured once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mastering.jobs.service import Jobs

__all__ = ["MEASURED", "SOURCE", "Effort", "Rate", "effort_of", "from_history"]

Effort: TypeAlias = Literal["style", "reference", "refined", "stems"]
"""Kinds of work that take times of their own."""

SOURCE = "tools/bench/results/batch.md"

_LEAST_AUDIO_S = 60.0
_MOST_JOBS = 40
_KINDS = ("batch", "master", "drop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Processor time of a kind of work.

    Args:
        song_s: of each song, however short.
        per_audio_s: of each second of audio.
        memory_mb: of a worker.
    """

    song_s: float
    per_audio_s: float
    memory_mb: int

    def seconds(self, duration_s: float) -> float:
        """For a song."""
        return self.song_s + self.per_audio_s * duration_s


MEASURED: Mapping[Effort, Rate] = {
    "style": Rate(song_s=0.32, per_audio_s=0.0160, memory_mb=500),
    "reference": Rate(song_s=1.23, per_audio_s=0.0160, memory_mb=540),
    "refined": Rate(song_s=2.85, per_audio_s=0.0159, memory_mb=910),
    "stems": Rate(song_s=5.13, per_audio_s=0.1754, memory_mb=1_400),
}
"""See SOURCE."""


def effort_of(*, stems: bool, references: int, refine_steps: int) -> Effort:
    """The kind of work that settings make."""
    if stems:
        return "stems"
    if refine_steps:
        return "refined"
    return "reference" if references else "style"


def from_history(jobs: Jobs) -> dict[Effort, tuple[float, int]]:
    """Kind of work -> seconds that a second of audio took, and of how many finished jobs that is known."""
    sums: dict[Effort, tuple[float, float, int]] = {}
    for listed in jobs.list(states=["done"], kinds=_KINDS, limit=_MOST_JOBS):
        job = jobs.get(listed.id)
        if job.outcome is None or job.attempts != 1 or job.started_s is None or job.finished_s is None:
            continue
        effort = _effort_of_request(job.request)
        audio_s = sum(float(entry["before"]["duration_s"] or 0.0) for entry in job.outcome.entries)
        before = sums.get(effort, (0.0, 0.0, 0))
        sums[effort] = (before[0] + audio_s, before[1] + job.finished_s - job.started_s, before[2] + 1)
    return {
        effort: (worked_s / audio_s, count)
        for effort, (audio_s, worked_s, count) in sums.items()
        if audio_s >= _LEAST_AUDIO_S
    }


def _effort_of_request(request: Mapping[str, Any]) -> Effort:
    master = request.get("master", request)
    job = master["job"]
    return effort_of(
        stems=master.get("stems") is not None,
        references=len(job.get("references", ())) + len(master.get("references", ())),
        refine_steps=job.get("refine_steps", 0),
    )
