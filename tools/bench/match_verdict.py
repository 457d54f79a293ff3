"""What the learned matcher must show: each number asked for, measured, and whether it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import intervals
import numpy as np
from cases import DEGRADED
from match_table import Table, draws

HEADLINE = "T1c"
PEERS = {"identity": 0.5, "matchering": 0.6, "shrinkage": 0.9}
"""Most that the median LTAS-M may be of each system's."""


@dataclass(frozen=True)
class Point:
    """One requirement."""

    asked: str
    measured: str
    reached: bool


def verdict(table: Table, subject: str) -> list[Point]:
    """All requirements that the run can answer."""
    points: list[Point] = []
    parts: tuple[tuple[str, Callable[[Table, str], list[Point]]], ...] = (
        (HEADLINE, _ratios),
        (HEADLINE, _harm),
        (HEADLINE, _other_metrics),
        (HEADLINE, _loudness),
        ("T0", _untouched),
        ("", _ceiling),
    )
    for task, part in parts:
        if not task or task in table.tasks:
            points += part(table, subject)
    return points


def _ratios(table: Table, subject: str) -> list[Point]:
    cases = table.cases((HEADLINE,))
    own = table.values(cases, subject, "ltas_m")
    points = []
    for peer, most in PEERS.items():
        if not table.has(peer):
            continue
        other = table.values(cases, peer, "ltas_m")
        ratio = intervals.ratio(own, other, draws(cases))
        points.append(
            Point(f"{HEADLINE} LTAS-M: median at most {most:g} of {peer}'s", str(ratio), ratio.value <= most)
        )
        paired = intervals.estimate(own - other, draws(cases))
        points.append(
            Point(
                f"{HEADLINE} LTAS-M minus {peer}'s, paired: interval below 0",
                f"{paired} dB",
                paired.high < 0.0,
            )
        )
    return points


def _harm(table: Table, subject: str) -> list[Point]:
    points = []
    for name, tasks in ((HEADLINE, (HEADLINE,)), ("all degraded", DEGRADED)):
        cases = table.cases(tasks)
        share = intervals.estimate(table.worse_than_identity(cases, subject), draws(cases), np.mean)
        points.append(
            Point(
                f"worse than identity in at most 10 % of cases ({name}, {len(cases)})",
                f"{100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]",
                share.value <= 0.10,
            )
        )
    return points


def _other_metrics(table: Table, subject: str) -> list[Point]:
    if not table.has("matchering"):
        return []
    cases = table.cases((HEADLINE,))
    points = []
    for key, title in (("ltas_s", "LTAS-S"), ("plr", "dPLR"), ("width", "dWidth")):
        own, other = (
            intervals.estimate(table.values(cases, name, key), draws(cases))
            for name in (subject, "matchering")
        )
        points.append(
            Point(
                f"{HEADLINE} {title}: median below Matchering's",
                f"{own} against {other} dB",
                own.value < other.value,
            )
        )
    return points


def _loudness(table: Table, subject: str) -> list[Point]:
    off = table.values(table.cases((HEADLINE,)), subject, "ref_lufs")
    text = f"median {np.median(off):.2f} LU; within it in {100 * np.mean(off <= 0.2):.0f} % of cases"
    return [
        Point(
            f"{HEADLINE}: loudness within 0.2 LU of the reference's",
            f"{text}, worst {off.max():.2f} LU",
            bool(np.median(off) <= 0.2),
        )
    ]


def _untouched(table: Table, subject: str) -> list[Point]:
    cases = table.cases(("T0",))
    change = intervals.estimate(table.values(cases, subject, "ltas_m"), draws(cases))
    return [
        Point("T0: at most 0.8 dB of change in the median", f"{change} dB", change.value <= 0.8),
        Point("T0: aim at 0.4 dB", f"{change.value:.2f} dB", change.value <= 0.4),
    ]


def _ceiling(table: Table, subject: str) -> list[Point]:
    cases = table.cases(table.tasks)
    over = table.values(cases, subject, "over_ceiling")
    return [
        Point("no true peak over the ceiling", f"{int(over.sum())} of {len(cases)} masters", not over.any())
    ]
