"""What a webhook tells of a song or an album."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mastering.failure import Failure
from mastering.jobs.model import Job
from mastering.watch.values import Item

__all__ = ["Ending", "event_data"]

Ending: TypeAlias = Literal["mastered", "known", "failed"]

_LOUDNESS = ("integrated_lufs", "true_peak_dbtp", "loudness_range_lu")


def event_data(
    item: Item, *, inbox: Path, outbox: Path, output: Path | None, job: Job | None, failure: Failure | None
) -> Mapping[str, Any]:
    """Plain values; paths are relative to inbox and outbox.

    Args:
        item: song or album.
        inbox, outbox: absolute.
        output: master, or folder of masters; None if there is none.
        job: that did it; None if none did just now.
        failure: why it failed.
    """
    entries = job.outcome.entries if job is not None and job.outcome is not None else ()
    return {
        "file": _name(item.path, inbox),
        "songs": [_name(song.path, inbox) for song in item.songs],
        "output": _name(output, outbox) if output is not None else None,
        "outputs": _files(job, outbox),
        "masters": [_master(entry, inbox, outbox) for entry in entries],
        "failure": None
        if failure is None
        else {"code": failure.code, "message": failure.message, "hint": failure.hint},
    }


def _files(job: Job | None, outbox: Path) -> Sequence[Mapping[str, Any]]:
    files = job.files if job is not None else ()
    return [
        {"path": _name(Path(file.path), outbox), "size_bytes": file.size_bytes, "sha256": file.sha256}
        for file in files
    ]


def _master(entry: Mapping[str, Any], inbox: Path, outbox: Path) -> Mapping[str, Any]:
    after = entry.get("after") or {}
    return {
        "input": _name(Path(entry["input"]), inbox),
        "output": _name(Path(entry["output"]), outbox),
        "loudness": {name: after.get(name) for name in _LOUDNESS},
        "checks": entry.get("checks", []),
        "notices": entry.get("notices", []),
    }


def _name(path: Path, folder: Path) -> str:
    """As text that every reader of JSON takes: odd bytes of names are escaped."""
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return os.fsencode(shown).decode("utf-8", "backslashreplace")
