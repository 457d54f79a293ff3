"""The page of the separation benchmark: separate.md, separate.json and a plot of each set."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import separate_plot
from separate_metrics import ACTIVE_DBFS, UNDER_MIX_DB, WINDOW_S
from separate_systems import System
from separate_table import Score, Table, verdict

WORDS = {
    "caesium": "Caesium: a whole song, held out",
    "renders": "Renders: POP909 by another sound font, sung over",
    "band": "Band: our own synthesizer, sung over",
    "sodium": "Sodium: a whole song, for models trained without it",
}
NOTES = {
    "caesium": "It has no bass track: bass is not judged here.",
    "renders": "All four stems; the voices are Caesium's, not in tune with the band.",
    "band": "All four stems; the voices are Caesium's, not in tune with the band.",
    "sodium": "Its bass is real. Models of ours that heard Sodium are left out.",
}


def write(table: Table, about: dict, results: Path) -> str:
    """Write all files.

    Args:
        about: machine, seconds, absent (a line for each system left out), museval (a line or "").
        results: folder.

    Returns:
        The page.
    """
    page = _page(table, about)
    (results / "separate.md").write_text(page)
    (results / "separate.json").write_text(json.dumps(_numbers(table, about), indent=1) + "\n")
    for set_ in table.sets:
        if table.present(set_):
            separate_plot.windows(table, set_, WORDS[set_], results / f"separate.{set_}.png")
    return page


def _page(table: Table, about: dict) -> str:
    lines = [
        "# Stem separation: all systems on the same held-out mixtures",
        "",
        f"{about['machine']}; this run took {about['seconds'] / 60:.0f} minutes for what was not kept.",
        "",
        "Higher is better in every column; all values in dB. SI-SDR leaves the level free; SDR does not, and",
        f"gives silence 0 dB. Windows of {WINDOW_S} s count where both the stem and the rest reach",
        f"{ACTIVE_DBFS:g} dBFS and lie within {-UNDER_MIX_DB:g} dB of the mixture; brackets hold 95 % of a",
        "bootstrap over windows of a song, or over songs where a set has several. SDR of seconds is that of",
        "museval (BSS Eval v4, median of medians) over seconds in which the stem sounds, SDR of the whole",
        "that of the Music Demixing Challenge. Mixtures: `separate_cases.py`; judging:",
        "`separate_metrics.py`; baselines: `separate_baselines.py`.",
        "",
        *([f"- {about['museval']}"] if about["museval"] else []),
        *(f"- {system.title}: {system.weights}" for system in table.systems if system.weights),
        *(f"- {line}" for line in about["absent"]),
        "",
    ]
    for system in table.systems:
        lines += _verdict(table, system)
    for set_ in table.sets:
        if table.present(set_):
            lines += _set(table, set_)
    return "\n".join(lines).rstrip() + "\n"


def _verdict(table: Table, system: System) -> list[str]:
    points = verdict(table, system) if system.kind == "model" else []
    if not points:
        return []
    reached = sum(point.reached for point in points)
    rows = [f"| {p.asked} | {p.measured} | {'yes' if p.reached else '**no**'} |" for p in points]
    head = f"## Verdict: {system.title}, {reached} of {len(points)} reached"
    return [head, "", "| asked | measured | reached |", "|---|---|---|", *rows, ""]


def _set(table: Table, set_: str) -> list[str]:
    stems, systems = table.stems(set_), table.present(set_)
    counts = [f"{stem} {_sounding(table, set_, stem)}" for stem in stems]
    lines = [f"## {WORDS[set_]}", "", f"{NOTES[set_]} Cases: {len(table.cases(set_))}. "]
    lines[-1] += f"Windows: {', '.join(counts)}."
    parts = {
        "SI-SDR, mean of windows": lambda s: "–" if s.windows is None else str(s.windows),
        "SI-SDR of the whole": lambda s: _short(s.whole_db),
        "SDR of seconds, median (SDR of the whole)": lambda s: f"{s.second_db:.2f} ({s.sdr_db:.2f})",
    }
    for title, cell in parts.items():
        lines += ["", f"| {title} | {' | '.join(stems)} |", "|---" * (len(stems) + 1) + "|"]
        for system in systems:
            cells = [cell(table.score(set_, system.name, stem)) for stem in stems]
            lines.append(f"| {system.title} | {' | '.join(cells)} |")
        if title.endswith("of windows"):
            lines += [f"| {s.title} |{' absent |' * len(stems)}" for s in table.absent(set_)]
    return [*lines, "", f"![SI-SDR of windows](separate.{set_}.png)", ""]


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _sounding(table: Table, set_: str, stem: str) -> int:
    """Windows in which a stem sounds."""
    found = [table.windows(set_, system.name, stem) for system in table.present(set_)]
    return int(max((values == values).sum() for values in found))


def _numbers(table: Table, about: dict) -> dict:
    sets = {}
    for set_ in table.sets:
        stems, systems = table.stems(set_), table.present(set_)
        sets[set_] = {
            "cases": [spec.name for spec in table.cases(set_)],
            "windows": {stem: _sounding(table, set_, stem) for stem in stems},
            "systems": {
                s.name: {stem: _score(table.score(set_, s.name, stem)) for stem in stems} for s in systems
            },
        }
    models = [system for system in table.systems if system.kind == "model"]
    verdicts = {s.name: [asdict(p) for p in points] for s in models if (points := verdict(table, s))}
    return {"about": about, "sets": sets, "verdicts": verdicts}


def _score(score: Score) -> dict:
    numbers = asdict(score)
    if score.windows is not None:
        numbers["windows"] = {key: round(value, 3) for key, value in numbers["windows"].items()}
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in numbers.items()}
