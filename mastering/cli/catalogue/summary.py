"""What a run has come to, for people and for spreadsheets: `batch.html` and `batch.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.record import Entry

__all__ = ["CSV_NAME", "HTML_NAME", "csv_text", "html_text"]

CSV_NAME = "batch.csv"
HTML_NAME = "batch.html"

_HEADER = (
    *("input", "output", "album", "state", "lufs_before", "lufs_after", "true_peak_dbtp", "plr_db"),
    *("missed_checks", "notices", "duration_s", "seconds", "input_version", "output_sha256"),
    *("error_code", "error"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(entries: Sequence[Entry]) -> str:
    """A row for each song; text that a spreadsheet would compute begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(map(_row, entries))
    return text.getvalue()


def html_text(
    entries: Sequence[Entry], outbox: Outbox, state: str, facts: Sequence[tuple[str, str, str]]
) -> str:
    """One page with a sortable table."""
    from mastering.report.catalogue import CatalogueSong, render_catalogue

    songs = [
        CatalogueSong(
            name=str(PurePosixPath(entry.output).with_suffix("")).removesuffix(".master"),
            state=entry.state,
            report=next((file.path for file in entry.files if file.path.endswith(".report.html")), ""),
            album=entry.album,
            lufs_before=entry.lufs_before,
            lufs_after=entry.lufs_after,
            true_peak_dbtp=entry.true_peak_dbtp,
            plr_db=entry.plr_db,
            missed=entry.missed,
            notices=entry.notices,
            failure=" ".join(filter(None, _told(entry))),
            duration_s=entry.duration_s,
            seconds=entry.seconds,
        )
        for entry in entries
    ]
    return render_catalogue(Path(outbox.location).name or "Masters", songs, facts, state)


def _told(entry: Entry) -> tuple[str, str]:
    return ("", "") if entry.problem is None else (f"{entry.problem.message}.", entry.problem.hint)


def _row(entry: Entry) -> list[str]:
    master = next((file.sha256 for file in entry.files if file.path == entry.output), "")
    texts = (entry.input, entry.output, entry.album, entry.state)
    numbers = (entry.lufs_before, entry.lufs_after, entry.true_peak_dbtp, entry.plr_db)
    problem = entry.problem
    return [
        *map(_safe, texts),
        *map(_number, numbers),
        _safe(", ".join(entry.missed)),
        _safe(" ".join(entry.notices)),
        _number(entry.duration_s),
        _number(entry.seconds),
        entry.version,
        master,
        problem.code if problem else "",
        _safe(problem.message) if problem else "",
    ]


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
