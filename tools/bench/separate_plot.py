"""Plots of the separation benchmark: SI-SDR of windows by stem and system."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from separate_table import BAR_DB, Table

mpl.use("agg")
from matplotlib import pyplot as plt

INK, SUBJECT, PEER, CEILING = "#222222", "#c2410c", "#7a8794", "#2563eb"
COLOURS = {"model": SUBJECT, "free": PEER, "ceiling": CEILING}
LOWEST_DB = -25.0


def windows(table: Table, set_: str, title: str, path: Path) -> None:
    """Dots of windows and means with intervals: a panel per stem, a row per system; a line at the bar."""
    stems = table.stems(set_)
    systems = [s for s in table.present(set_) if s.name != "silence"]
    size = (3.0 * len(stems) + 1.8, 1.3 + 0.42 * len(systems))
    figure, axes = plt.subplots(
        1, len(stems), figsize=size, sharey=True, sharex=True, squeeze=False, layout="constrained"
    )
    rng = np.random.default_rng(0)
    for axis, stem in zip(axes[0], stems, strict=True):
        for row, system in enumerate(systems):
            values = np.maximum(table.windows(set_, system.name, stem), LOWEST_DB)
            spread = row + rng.uniform(-0.24, 0.24, len(values))
            axis.plot(values, spread, ".", color=COLOURS[system.kind], alpha=0.4, ms=5, mew=0)
            mean = table.score(set_, system.name, stem).windows
            if mean is not None:
                ends = np.maximum([mean.low, mean.high], LOWEST_DB)
                axis.plot(ends, [row, row], color=INK, lw=2.2, solid_capstyle="butt")
                axis.plot(max(mean.value, LOWEST_DB), row, "|", color=INK, ms=13, mew=2.2)
        _bar(table, set_, stem, axis)
        axis.set_title(stem, fontsize=10, loc="left")
        axis.grid(axis="x", color="#e5e7eb", lw=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    axes[0][0].set_yticks(range(len(systems)), [system.title for system in systems])
    axes[0][0].invert_yaxis()
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.supxlabel(
        f"SI-SDR of 10-s windows in dB (mean, 95 % interval; dashed: {BAR_DB:g} dB above the best baseline)",
        fontsize=9,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _bar(table: Table, set_: str, stem: str, axis: plt.Axes) -> None:
    best = table.best_free(set_, stem)
    score = table.score(set_, best.name, stem).windows if best else None
    if score is not None:
        axis.axvline(score.value + BAR_DB, color=INK, lw=1.0, ls="--")
