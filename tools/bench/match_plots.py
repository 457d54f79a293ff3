"""Plots of the matching benchmark: distances by system and task, and one typical case."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from cases import build
from match_metrics import measure
from match_table import Table
from match_verdict import HEADLINE
from metrics import CENTRES_HZ
from songs import Places

mpl.use("agg")
from matplotlib import pyplot as plt

INK, MUTED, SUBJECT, PEER = "#222222", "#9aa3ad", "#c2410c", "#7a8794"
WIDEST_DB = 8.0


def distances(table: Table, subject: str | None, path: Path) -> None:
    """Box and dots of LTAS-M: a panel per task, a row per system."""
    tasks = table.tasks
    height = 0.9 + 0.34 * len(table.systems)
    figure, axes = plt.subplots(
        1,
        len(tasks),
        figsize=(2.5 * len(tasks) + 1.4, height),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    rng = np.random.default_rng(0)
    for axis, task in zip(axes[0], tasks, strict=True):
        cases = table.cases((task,))
        highest = 0.0
        for row, system in enumerate(table.systems):
            values = table.values(cases, system.name, "ltas_m")
            colour = SUBJECT if system.name == subject else PEER
            spread = row + rng.uniform(-0.22, 0.22, len(values))
            axis.plot(np.minimum(values, WIDEST_DB), spread, ".", color=colour, alpha=0.45, ms=4, mew=0)
            axis.boxplot(
                np.minimum(values, WIDEST_DB),
                positions=[row],
                orientation="horizontal",
                widths=0.55,
                showfliers=False,
                whis=(5, 95),
                boxprops={"color": colour},
                whiskerprops={"color": colour},
                capprops={"color": colour},
                medianprops={"color": INK, "lw": 1.8},
            )
            highest = max(highest, float(np.percentile(values, 98)))
        axis.set_xlim(-0.1, min(WIDEST_DB, highest) + 0.2)
        axis.set_title(f"{task} ({len(cases)} cases)", fontsize=10, loc="left")
        axis.grid(axis="x", color="#e5e7eb", lw=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    axes[0][0].set_yticks(range(len(table.systems)), [system.title for system in table.systems])
    axes[0][0].invert_yaxis()
    figure.supxlabel(
        "LTAS-M in dB: distance of the third octaves of mid to the truth (box: quartiles, whiskers: 5-95 %)",
        fontsize=9,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def typical(table: Table, subject: str, places: Places, path: Path) -> None:
    """Spectra of one case before and after the subject, with reference and truth.

    It is the real piece (a render where there is none) whose distances before and after lie closest to
    the medians of the whole headline.
    """
    cases = table.cases((HEADLINE,), "real") or table.cases((HEADLINE,))
    far = np.zeros(len(cases))
    for name in ("identity", subject):
        usual = np.median(table.values(table.cases((HEADLINE,)), name, "ltas_m"))
        far += np.abs(np.log(table.values(cases, name, "ltas_m") / usual))
    spec = cases[int(far.argmin())]
    case = build(spec, places)
    system = next(system for system in table.systems if system.name == subject)
    parts = {
        "truth": case.truth,
        "reference (other half of the song)": case.reference,
        "before": case.source,
        "after": system.run(case),
    }
    looks = {
        "truth": {"color": INK, "lw": 2.2},
        "reference (other half of the song)": {"color": MUTED, "lw": 1.4, "ls": "--"},
        "before": {"color": "#2563eb", "lw": 1.6},
        "after": {"color": SUBJECT, "lw": 2.0},
    }
    levels = {name: _level_free(measure(samples).mid_db) for name, samples in parts.items()}
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(7.6, 6.0), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    for name, level in levels.items():
        upper.plot(CENTRES_HZ, level, label=name, **looks[name])
        if name != "truth":
            off = level - levels["truth"]
            mean_db = np.abs(off - off.mean()).mean()
            lower.plot(
                CENTRES_HZ, off, label=f"{name.split(' (')[0]}: {mean_db:.2f} dB on average", **looks[name]
            )
    lower.axhline(0.0, color=INK, lw=1.2)
    upper.set_ylabel("third octaves of mid, dB")
    lower.set_ylabel("minus the truth, dB")
    lower.set_xlabel("Hz")
    lower.set_xscale("log")
    lower.set_xticks([31.5, 63, 125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000])
    lower.set_xticklabels(["31.5", "63", "125", "250", "500", "1k", "2k", "4k", "8k", "16k"])
    lower.minorticks_off()
    for axis in (upper, lower):
        axis.grid(color="#e5e7eb", lw=0.8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=9)
    families = ", ".join(case.families).replace("_", " ")
    upper.set_title(
        f"A typical case: {spec.song.name}, degraded by {families}; {system.title}", fontsize=10, loc="left"
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _level_free(levels_db: np.ndarray) -> np.ndarray:
    return levels_db - levels_db.mean()
