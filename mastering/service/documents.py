"""What the API says about a job, and the names by which people know what lies in its folders."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mastering.codec import to_plain
from mastering.io.files import write_text_atomic
from mastering.jobs.model import Job, OutputFile
from mastering.service.problems import discreet
from mastering.service.times import iso

__all__ = ["API", "Names", "at_start", "refreshed", "results_of", "summary_of"]

API = "/api/v1"

_MEASURED = (
    "integrated_lufs",
    "max_momentary_lufs",
    "max_short_term_lufs",
    "loudness_range_lu",
    "true_peak_dbtp",
    "sample_peak_dbfs",
    "plr_db",
    "psr_db",
    "tilt_db_per_octave",
    "correlation",
    "duration_s",
    "sample_rate",
)
_ELSEWHERE = ("kind", "song", "songs", "references", "webhook", "recipe")
"""Of a request: what the document says elsewhere, or is too long for it."""

_PART = ("id", "song", "label", "state", "error")
"""Of a batch's job: what the batch says of it. How far it is changes too often to be written twice."""

_MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aiff": "audio/aiff",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
}


class Names:
    """Puts the names of songs where our own names of their files stand.

    Args:
        names: file on disk -> what its owner calls it.
        folders: that nobody needs to see.
    """

    def __init__(self, names: Mapping[str, str], folders: Sequence[Path]) -> None:
        self._names = dict(names)
        self._folders = [f"{folder}/" for folder in folders]

    def text(self, text: str) -> str:
        """A text for people."""
        for folder in self._folders:
            text = text.replace(folder, "")
        for file, name in self._names.items():
            text = text.replace(file, name)
        return discreet(text)

    def html(self, text: str) -> str:
        """A page."""
        import html

        for folder in self._folders:
            text = text.replace(folder, "")
        for file, name in self._names.items():
            text = text.replace(file, html.escape(name))
        return text

    def plain(self, value: Any) -> Any:
        """Plain values, as of JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        return value


def at_start(
    job: str,
    kind: str,
    label: str,
    *,
    songs: Sequence[str],
    references: Sequence[str],
    request: Mapping[str, Any],
    created_s: float,
) -> dict[str, Any]:
    """The document of a job that was just asked for."""
    asked = {name: value for name, value in request.items() if name not in _ELSEWHERE}
    return {
        "id": job,
        "kind": kind,
        "label": label,
        "state": "queued",
        "stage": "",
        "share": 0.0,
        "created_at": iso(created_s),
        "started_at": None,
        "finished_at": None,
        "attempts": 0,
        "error": None,
        "song": songs[0] if len(songs) == 1 else None,
        "songs": list(songs),
        "references": list(references),
        "request": asked,
        "jobs": [],
        "parts": [],
        "results": [],
        "checks": [],
        "summary": None,
        "notices": [],
        "links": {"self": f"{API}/jobs/{job}", "events": f"{API}/jobs/{job}/events"},
    }


def part_at_start(job: str, song: str, label: str) -> dict[str, Any]:
    """What a batch says of one of its jobs that was just asked for."""
    return {"id": job, "song": song, "label": label, "state": "queued", "error": None}


def with_names(job: Job, names: Names) -> Job:
    """A job that is done, in whose reports the names of songs stand where those of our files stood."""
    return replace(job, files=tuple(_named(file, names) for file in job.files))


def _named(file: OutputFile, names: Names) -> OutputFile:
    path = Path(file.path)
    if path.suffix != ".html":
        return file
    try:
        text = names.html(path.read_text("utf-8"))
    except FileNotFoundError:  # somebody has removed it; the job is done all the same
        return file
    write_text_atomic(path, text, force=True)
    content = text.encode("utf-8")
    return replace(file, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def refreshed(document: Mapping[str, Any], job: Job, names: Names) -> dict[str, Any]:
    """The document of a job as it is now."""
    failure = job.failure
    now: dict[str, Any] = {
        **document,
        "state": job.state,
        "stage": job.stage if job.state == "running" else "",
        "share": round(job.share, 4),
        "started_at": iso(job.started_s),
        "finished_at": iso(job.finished_s),
        "attempts": job.attempts,
        "error": None
        if failure is None
        else {
            "code": failure.code,
            "message": names.text(failure.message),
            "hint": names.text(failure.hint),
        },
    }
    if job.outcome is None:
        return now
    entries = names.plain(to_plain(job.outcome.entries))
    now["results"] = results_of(job, document)
    now["checks"] = [check for entry in entries for check in entry.get("checks", ())]
    now["notices"] = [notice for entry in entries for notice in entry.get("notices", ())]
    now["summary"] = summary_of(entries, document["songs"])
    now["links"] = {**document["links"], **_links(document["id"], now["results"])}
    return now


def summary_of(entries: Sequence[Mapping[str, Any]], songs: Sequence[str]) -> dict[str, Any] | None:
    """Before and after in numbers; of several songs also each by itself."""
    each = [
        {
            "song": songs[number] if number < len(songs) else None,
            "before": _numbers(entry.get("before")),
            "after": _numbers(entry.get("after")),
        }
        for number, entry in enumerate(entries)
        if entry.get("after")
    ]
    if not each:
        return None
    first = {"before": each[0]["before"], "after": each[0]["after"]}
    return first if len(each) == 1 else {**first, "songs": each}


def results_of(job: Job, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files of a job that is done."""
    entries = job.outcome.entries if job.outcome is not None else ()
    stems = {path: stem for entry in entries for stem, path in dict(entry.get("outputs") or {}).items()}
    about = {
        Path(entry["output"]).name.partition(".")[0]: (song, entry)
        for entry, song in zip(entries, document["songs"], strict=False)
        if "output" in entry
    }
    alone = (document["song"], entries[0] if entries else {})
    found = []
    for file in job.files:
        path = Path(file.path)
        if path.parent.name != document["id"]:  # of a cache
            continue
        song, entry = about.get(path.name.partition(".")[0], alone)
        role = _role(path, job.kind)
        found.append(
            {
                "name": path.name,
                "url": f"{API}/jobs/{document['id']}/results/{path.name}",
                "role": role,
                "stem": stems.get(file.path),
                "song": song,
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
                "media_type": media_type_of(path),
                **(_length(entry) if role in ("master", "stem", "mix") else _NO_LENGTH),
            }
        )
    return found


_NO_LENGTH = {"duration_s": None, "sample_rate_hz": None}


def _length(entry: Mapping[str, Any]) -> dict[str, Any]:
    """How long what an entry tells of plays, and its rate."""
    after = entry.get("after")
    if after is not None:
        return {"duration_s": after["duration_s"], "sample_rate_hz": after["sample_rate"]}
    if entry.get("frames") and entry.get("sample_rate"):
        rate = entry["sample_rate"]
        return {"duration_s": entry["frames"] / rate, "sample_rate_hz": rate}
    return _NO_LENGTH


def media_type_of(path: Path) -> str:
    """What a browser is told a file is."""
    return _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def outcome_text(job: Job, names: Names) -> str:
    """The whole outcome, as it is kept."""
    outcome = job.outcome
    entries = names.plain(to_plain(outcome.entries)) if outcome is not None else []
    missed = outcome.missed if outcome is not None else False
    return json.dumps({"schema": 1, "results": entries, "missed": missed}, ensure_ascii=False)


def moved(document: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A job's document whose links lead to another place: that of a shared link."""
    results = [{**r, "url": r["url"].replace(f"{API}/", f"{base}/", 1)} for r in document["results"]]
    links = {
        name: url.replace(f"{API}/", f"{base}/", 1)
        for name, url in document["links"].items()
        if name != "events"
    }
    return {**document, "results": results, "links": links}


def document_of(row: sqlite3.Row) -> dict[str, Any]:
    """The document that a record holds."""
    document: dict[str, Any] = json.loads(row["document"])
    return document


def _role(path: Path, kind: str) -> str:
    if path.name.endswith((".recipe.json", ".remix.json")):
        return "recipe"
    if path.suffix == ".html":
        return "report"
    return {"stems": "stem", "remix": "mix"}.get(kind, "master")


def _links(job: str, results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    own = f"{API}/jobs/{job}"
    links = {"report": f"{own}/report"}
    for result in results:
        if result["role"] == "report":
            links.setdefault("report_html", f"{own}/report.html")
        if result["role"] == "recipe":
            links.setdefault("recipe", f"{own}/recipe")
            links.setdefault("gain_reduction", f"{own}/gain-reduction")
    return links


def _numbers(features: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if features is None else {name: features.get(name) for name in _MEASURED}


def joined(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a batch says of its jobs: as far as all of them, with the results of those that are done."""
    states = [document["state"] for document in documents]
    ended = all(state in ("done", "failed", "cancelled") for state in states)
    if ended:
        state = next((each for each in ("failed", "cancelled") if each in states), "done")
    else:
        state = "queued" if set(states) == {"queued"} else "running"
    running = next((document for document in documents if document["state"] == "running"), None)
    started = [document["started_at"] for document in documents if document["started_at"]]
    return {
        "state": state,
        "stage": f"{running['label']}: {running['stage']}" if running is not None else "",
        "share": round(sum(_share(document) for document in documents) / max(1, len(documents)), 4),
        "started_at": min(started, default=None),
        "finished_at": max((d["finished_at"] or "" for d in documents), default="") or None
        if ended
        else None,
        "attempts": max((document["attempts"] for document in documents), default=0),
        "error": next((document["error"] for document in documents if document["error"]), None),
        "jobs": [document["id"] for document in documents],
        "parts": [{name: document[name] for name in _PART} for document in documents],
        "results": [result for document in documents for result in document["results"]],
        "checks": [check for document in documents for check in document["checks"]],
        "notices": [notice for document in documents for notice in document["notices"]],
    }


def _share(document: Mapping[str, Any]) -> float:
    if document["state"] in ("done", "failed", "cancelled"):
        return 1.0
    return 0.5 if document["state"] == "running" else 0.0
