"""The page of the stem-aware benchmark: means with intervals clustered by song, and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import intervals
import numpy as np
from stems_match_cases import KINDS
from stems_match_systems import TITLES

__all__ = ["page"]

METRICS = {
    "ltas_m": "LTAS-M of the mix",
    "level": "level of the stems",
    "level_changed": "level, degraded stem",
    "ltas": "LTAS of the stems",
    "ltas_changed": "LTAS, degraded stem",
    "ltas_others": "LTAS, other stems",
}
Rows = Sequence[dict[str, Any]]


def page(rows: Rows, about: dict[str, Any]) -> str:
    """The whole page as Markdown."""
    names = [name for name in TITLES if any(row["system"] == name for row in rows)]
    cases = list(dict.fromkeys(row["case"] for row in rows))
    songs = {row["song"] for row in rows}
    kind = "held out" if about["held_out"] else "songs that constants were chosen on"
    parts = [
        "# Stem-aware mastering: one stem degraded\n",
        f"{len(cases)} cases of {len(songs)} songs ({kind}); {about['machine']}"
        + (f"; separated by {about['model']}" if about["model"] else "")
        + ". Mean errors to the truth in dB, lower is better; 95 % intervals from a bootstrap over songs. "
        "How everything is measured is said in tools/bench/stems_match_metrics.py.\n",
        "The input is a song with one stem degraded, the reference the clean song, mostly another stretch of "
        "it; what one stem lost is to come back and the others are to stay. A stem that is compressed by too "
        "much or too little cannot be mended: there the input itself is hard to beat. Masked stems stand for "
        "a good separator: ideal ratio masks of blurred spectrograms, SI-SDR 4 to 7 dB on development "
        "songs.\n",
        "## All cases\n",
        _table(rows, names),
        "\n## Against the plain matcher, case by case\n",
        "Mean of the paired differences (negative: better than plain), and in how many cases it is closer to "
        "the truth by LTAS-M.\n",
        _paired(rows, names),
    ]
    for title, wanted in _subsets(rows):
        parts += [f"\n## {title}\n", _table([row for row in rows if wanted(row)], names)]
    return "\n".join(parts) + "\n"


def _subsets(rows: Rows) -> list[tuple[str, Callable[[dict[str, Any]], bool]]]:
    titles = {
        "level": "Level of one stem changed",
        "eq": "Tone of one stem changed",
        "pressed": "One stem compressed too much",
        "open": "One stem compressed too little",
    }
    found: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
        (titles[kind], lambda row, kind=kind: row["kind"] == kind) for kind in KINDS
    ]
    found += [
        ("Multitracks", lambda row: not row["rendered"]),
        ("Renders", lambda row: row["rendered"]),
        ("The reference is another stretch", lambda row: not row["same"]),
        ("The reference is the same stretch", lambda row: row["same"]),
    ]
    return [(title, wanted) for title, wanted in found if any(map(wanted, rows))]


def _values(rows: Rows, system: str, metric: str) -> np.ndarray:
    return np.array([row[metric] for row in rows if row["system"] == system])


def _draws(rows: Rows, system: str) -> list[np.ndarray]:
    return intervals.redraws([row["song"] for row in rows if row["system"] == system])


def _table(rows: Rows, names: Sequence[str]) -> str:
    lines = ["| System | n | " + " | ".join(METRICS.values()) + " |", "|---" * (len(METRICS) + 2) + "|"]
    for name in names:
        draws = _draws(rows, name)
        cells = [str(intervals.estimate(_values(rows, name, key), draws, np.mean)) for key in METRICS]
        lines.append(f"| {TITLES[name]} | {len(_values(rows, name, 'ltas_m'))} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _paired(rows: Rows, names: Sequence[str]) -> str:
    lines = [
        "| System | " + " | ".join(METRICS.values()) + " | closer in |",
        "|---" * (len(METRICS) + 2) + "|",
    ]
    for name in names:
        if name == "plain":
            continue
        draws = _draws(rows, name)
        cells = []
        for key in METRICS:
            apart = _values(rows, name, key) - _values(rows, "plain", key)
            cells.append(str(intervals.estimate(apart, draws, np.mean)))
        wins = intervals.win_rate(_values(rows, name, "ltas_m"), _values(rows, "plain", "ltas_m"))
        lines.append(f"| {TITLES[name]} | " + " | ".join(cells) + f" | {100.0 * wins:.0f} % |")
    return "\n".join(lines)
