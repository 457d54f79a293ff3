"""The page of the matching benchmark: verdict, tables with intervals, JSON and plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import intervals
import match_metrics
import match_plots
import numpy as np
from cases import DEGRADED, Spec
from match_table import SUBSETS, Table, draws
from match_verdict import HEADLINE, verdict
from songs import Places
from systems import System

SUBJECTS = ("learned", "learned-refined", "closed-auto")
TITLES = {
    "ltas_m": "LTAS-M dB",
    "ltas_s": "LTAS-S dB",
    "lufs": "abs dLUFS",
    "plr": "abs dPLR dB",
    "lra": "abs dLRA LU",
    "width": "abs dWidth dB",
    "stft": "STFT",
    "ref_ltas_m": "LTAS-M dB",
    "ref_ltas_s": "LTAS-S dB",
    "ref_lufs": "abs dLUFS",
}
TASK_TITLES = {
    "T0": "T0, an untouched half: nothing should change",
    "T1a": "T1a, our chain's family inverted",
    "T1b": "T1b, DeepAFx-ST's corruption",
    "T1c": "T1c, families never seen in training (the headline)",
    "T2": "T2, style across songs: k(other song) is the reference, k(input) the truth",
}
HEAD = """# Reference matching: all systems on the same cases

{machine}; this run took {minutes:.0f} minutes for what was not kept from an earlier one.

{cases} cases of {songs} held-out songs ({real} real pieces, {renders} renders; `match_songs.csv`). A song
is cut into two halves: one is the truth and, degraded, the input; the other is the reference. Values are
medians over cases with 95 % intervals from a bootstrap over songs ({resamples} resamples). Lower is better in
every column. How cases are made: `cases.py`, `corruptions.py`; how they are judged: `match_metrics.py`. The
product runs under Matchering's own ceiling, {ceiling:g} dBTP.
"""


def write(
    rows: Sequence[dict],
    specs: Sequence[Spec],
    systems: Sequence[System],
    about: dict,
    places: Places,
    folder: Path,
) -> str:
    """Write match.md, match.json and the plots into a folder; returns the page."""
    table = Table(rows, specs, systems)
    text = page(table, about)
    (folder / "match.md").write_text(text)
    (folder / "match.json").write_text(as_json(table, about))
    subject = next((name for name in SUBJECTS if table.has(name)), None)
    match_plots.distances(table, subject, folder / "match_ltas_m.png")
    if subject is not None and HEADLINE in table.tasks and table.has("identity"):
        match_plots.typical(table, subject, places, folder / "match_spectrum.png")
    return text


def page(table: Table, about: dict) -> str:
    """The whole page as Markdown."""
    songs = {spec.song for spec in table.specs}
    renders = sum(song.rendered for song in songs)
    head = HEAD.format(
        machine=about["machine"],
        minutes=about["seconds"] / 60.0,
        cases=len(table.specs),
        songs=len(songs),
        real=len(songs) - renders,
        renders=renders,
        resamples=intervals.RESAMPLES,
        ceiling=match_metrics.CEILING_DBTP,
    )
    lines = [head, *(f"- {line}." for line in about["notes"]), ""]
    if table.has("identity"):
        for subject in SUBJECTS:
            if table.has(subject):
                lines += verdict_lines(table, subject)
    for task in sorted(table.tasks, key=lambda task: (task != HEADLINE, task)):
        lines += task_lines(table, task)
    lines += to_reference_lines(table)
    if table.has("identity"):
        lines += harm_lines(table)
        for subject in SUBJECTS:
            if table.has(subject):
                lines += paired_lines(table, subject)
    if HEADLINE in table.tasks:
        lines += family_lines(table)
    return "\n".join(lines)


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def verdict_lines(table: Table, subject: str) -> list[str]:
    """What must be shown, and what is."""
    title = _title(table, subject)
    points = verdict(table, subject)
    reached = sum(point.reached for point in points)
    heads = (f"asked of the learned matcher, shown by: {title}", "measured", "reached")
    rows = [(point.asked, point.measured, "yes" if point.reached else "**no**") for point in points]
    return [f"## Verdict: {title}, {reached} of {len(points)} reached", "", *grid(heads, rows)]


def task_lines(table: Table, task: str) -> list[str]:
    """Distances to the truth; the headline's also by kind of song."""
    subsets = SUBSETS if task == HEADLINE else SUBSETS[:1]
    lines = [f"## {TASK_TITLES[task]}", "", "Distance to the truth.", ""]
    for subset in subsets:
        cases = table.cases((task,), subset)
        if not cases:
            continue
        name = {"all": "All songs", "real": "Real pieces only", "renders": "Renders only"}[subset]
        heads = [f"{name}, {len(cases)} cases", *(TITLES[key] for key in match_metrics.ERRORS)]
        lines += grid(heads, [_medians(table, cases, one, match_metrics.ERRORS) for one in table.systems])
    return lines


def _medians(table: Table, cases: Sequence[Spec], system: System, keys: Sequence[str]) -> list[str]:
    cells = [str(intervals.estimate(table.values(cases, system.name, key), draws(cases))) for key in keys]
    return [system.title, *cells]


def to_reference_lines(table: Table) -> list[str]:
    """Distances to the reference, where copying wins."""
    lines = ["## Distance to the reference", "", "Another goal than the truth: here copying wins.", ""]
    for task in table.tasks:
        cases = table.cases((task,))
        heads = [f"{task}, {len(cases)} cases", *(TITLES[key] for key in match_metrics.TO_REFERENCE)]
        lines += grid(
            heads, [_medians(table, cases, one, match_metrics.TO_REFERENCE) for one in table.systems]
        )
    return lines


def harm_lines(table: Table) -> list[str]:
    """Rates of harm in percent of cases."""
    tasks = [task for task in DEGRADED if task in table.tasks]
    heads = [
        "harm, % of cases",
        *(f"worse than identity, {task}" for task in tasks),
        "worse, all degraded",
        "a band of mid boosted over 12 dB",
        "side noise raised over 12 dB",
        "true peak over the ceiling",
        "highest true peak dBTP",
    ]
    whole = table.cases(table.tasks)
    rows = []
    for system in table.systems:
        parts = (*((task,) for task in tasks), tasks)
        row = [system.title]
        row += [_percent(table.worse_than_identity(table.cases(part), system.name)) for part in parts]
        row += [_percent(table.values(whole, system.name, key)) for key in match_metrics.HARMS]
        row.append(f"{table.values(whole, system.name, 'true_peak_dbtp').max():.2f}")
        rows.append(row)
    note = "The last four columns are over all tasks; identity's true peaks are the songs' own."
    return ["## Harm", "", note, "", *grid(heads, rows)]


def _percent(flags: np.ndarray) -> str:
    return f"{100.0 * flags.mean():.0f}" if len(flags) else "-"


def paired_lines(table: Table, subject: str) -> list[str]:
    """Paired differences of LTAS-M to every other system, and how often the subject wins."""
    title = _title(table, subject)
    lines = [f"## LTAS-M of {title} minus each other system's, paired", ""]
    lines += ["Median difference in dB (below 0: closer to the truth) and share of cases won.", ""]
    groups = [(task, table.cases((task,))) for task in table.tasks]
    groups += [(f"{HEADLINE} {subset}", table.cases((HEADLINE,), subset)) for subset in SUBSETS[1:]]
    groups = [(name, cases) for name, cases in groups if cases]
    rows = []
    for system in table.systems:
        if system.name == subject:
            continue
        row = [system.title]
        for _, cases in groups:
            own, other = (table.values(cases, name, "ltas_m") for name in (subject, system.name))
            paired = intervals.estimate(own - other, draws(cases))
            row.append(f"{paired}, {100 * intervals.win_rate(own, other):.0f} %")
        rows.append(row)
    return [*lines, *grid(["against", *(f"{name}, {len(cases)}" for name, cases in groups)], rows)]


def family_lines(table: Table) -> list[str]:
    """Median LTAS-M by corruption; a case counts for each of its two to four."""
    cases = table.cases((HEADLINE,))
    members: dict[str, list[Spec]] = {}
    for spec in cases:
        for family in table.families(spec):
            members.setdefault(family, []).append(spec)
    rows = [
        [
            name,
            str(len(found)),
            *(f"{np.median(table.values(found, s.name, 'ltas_m')):.2f}" for s in table.systems),
        ]
        for name, found in sorted(members.items())
    ]
    heads = ["family", "cases", *(system.title for system in table.systems)]
    return [f"## {HEADLINE} by family, median LTAS-M dB", "", *grid(heads, rows)]


def _title(table: Table, name: str) -> str:
    return next(system.title for system in table.systems if system.name == name)


def as_json(table: Table, about: dict) -> str:
    """Everything again for programs: the medians, and each row of the run on a line of its own."""
    keys = (
        *match_metrics.ERRORS,
        *match_metrics.TO_REFERENCE,
        *match_metrics.HARMS,
        "true_peak_dbtp",
        "gain_db",
    )
    medians = {
        task: {
            system.name: {
                key: vars(intervals.estimate(table.values(cases, system.name, key), draws(cases)))
                for key in (*match_metrics.ERRORS, *match_metrics.TO_REFERENCE)
            }
            for system in table.systems
        }
        for task, cases in ((task, table.cases((task,))) for task in table.tasks)
    }
    columns = ["case", "system", "version", "families", "seconds", *keys]
    rows = [json.dumps([_short(row[column]) for column in columns]) for row in table.rows]
    head = json.dumps({"about": about, "medians": medians, "columns": columns}, indent=1)
    return head[:-2] + ',\n "rows": [\n' + ",\n".join(rows) + "\n]\n}\n"


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
