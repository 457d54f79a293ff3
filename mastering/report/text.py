"""The report as plain text for a terminal: at most 30 lines, missed checks first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from mastering.notice import Notice
from mastering.report.aims import verdict
from mastering.report.checks import check_texts
from mastering.report.model import Report
from mastering.report.rows import ROWS, Row, mean_value
from mastering.report.summary import sentences
from mastering.report.wording import NO_BREAK, clean, shorten, unbroken

__all__ = ["all_notices", "render_text"]

_LINES = 30
_COLUMNS = 100
_SHOWN = (
    "integrated_lufs",
    "max_short_term_lufs",
    "loudness_range_lu",
    "true_peak_dbtp",
    "plr_db",
    "tilt_db_per_octave",
    "width",
)


def render_text(report: Report) -> str:
    """What a person reads after a run: names, numbers, missed checks, what was done, notices.

    Plain text without colours or control characters, at most 30 lines of 100 columns; what does
    not fit is counted and left to the HTML report.
    """
    missed = [check.sentence for check in check_texts(report) if not check.passed]
    done = [sentence for sentence in sentences(report) if sentence not in missed]
    first = [
        f"{shorten(report.input_name, 45)} -> {shorten(report.output_name, 45)}",
        *_numbers(report),
        f"{verdict(report)}.",
        *_bullets(missed),
    ]
    last = _bullets([f"Notice: {clean(notice.message)}" for notice in all_notices(report)])
    lines = [*first, *_fitting(_bullets(done), _LINES - len(first) - len(last)), *last]
    return "\n".join(_fitting(lines, _LINES)) + "\n"


def _fitting(lines: list[str], room: int) -> list[str]:
    """`lines`, or as many of them as fit with a last line that counts the others."""
    if len(lines) <= room:
        return lines
    kept = max(room - 1, 0)
    return [*lines[:kept], f"({len(lines) - kept} more lines are in the HTML report)"]


def all_notices(report: Report) -> tuple[Notice, ...]:
    """The run's notices, then the matcher's that are not among them."""
    matched = report.match.notices if report.match else ()
    return tuple(dict.fromkeys((*report.notices, *matched)))


def _numbers(report: Report) -> Iterator[str]:
    reference = f"{'reference':>12}" if report.references else ""
    yield f"{'':<34}{'before':>9}{'after':>9}{reference}"
    for row in ROWS:
        if row.name in _SHOWN:
            yield _line(row, report)


def _line(row: Row, report: Report) -> str:
    cells = f"{row.write(row.value(report.before)):>9}{row.write(row.value(report.after)):>9}"
    if report.references:
        cells += f"{row.write(mean_value(row, report.references)):>12}"
    return f"{row.heading:<34}{cells}"


def _bullets(texts: list[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        wrapped = textwrap.wrap(unbroken(text), _COLUMNS, initial_indent="- ", subsequent_indent="  ")
        lines += [line.replace(NO_BREAK, " ") for line in wrapped]
    return lines
