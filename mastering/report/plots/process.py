"""Panels about the processing: equaliser curves, gain reduction and waveform of one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.report.plots.axes import Ending, label_ends, note
from mastering.report.plots.panels import zero_line
from mastering.report.plots.series import Floats, finite, last, pool
from mastering.report.plots.style import Pen, pen
from mastering.report.shares import Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["equalizer", "reduction", "waveform"]

_POINTS = 320
_FLOOR_DB = -12.0
_CEILING_DB = 24.0


def equalizer(axes: Axes, share: Share | None, at_hz: Floats, chain_db: Floats) -> None:
    """Wanted and kept third octaves, the expected error as a band, and the chain's curve at `at_hz`."""
    zero_line(axes)
    endings: list[Ending] = []
    shown = [chain_db]
    if share is not None:
        endings, shown = _judged(axes, share)
        shown.append(chain_db)
    axes.plot(at_hz, chain_db, **pen("after").options())
    endings.append(("rendered", pen("after"), last(chain_db)))
    every = np.concatenate(shown)
    low = max(float(np.nanmin(every)), _FLOOR_DB)
    high = min(float(np.nanmax(every)), _CEILING_DB)
    axes.set_ylim(1.15 * min(low, -2.0), 1.15 * max(high, 2.0))
    label_ends(axes, endings)


def _judged(axes: Axes, share: Share) -> tuple[list[Ending], list[Floats]]:
    """Draw wanted, kept and the expected error; returns labels, and all that must fit."""
    wanted, kept = finite(share.wanted_db), finite(share.kept_db)
    endings: list[Ending] = [("wanted", pen("reference"), last(wanted)), ("kept", pen("target"), last(kept))]
    shown = [wanted, kept]
    if share.error_db is not None:
        error = finite(share.error_db)
        low, high = kept - error, kept + error
        axes.fill_between(THIRD_OCTAVES_HZ, low, high, **pen("error").area())
        endings.append(("expected error", pen("error"), last(high)))
        shown += [low, high]
    axes.plot(THIRD_OCTAVES_HZ, wanted, **pen("reference").options())
    axes.plot(THIRD_OCTAVES_HZ, kept, **pen("target").options())
    return endings, shown


def reduction(axes: Axes, lines: Sequence[tuple[str, Pen, Sequence[float]]], step_s: float) -> float:
    """Gain reduction over time, deepest value of each group; returns the deepest of all (<= 0)."""
    endings: list[Ending] = []
    deepest = 0.0
    for label, style, reductions in lines:
        positions, values = _steps(reductions, "min")
        if label == "limiter":
            axes.fill_between(positions * step_s, values, 0.0, color=style.colour, alpha=0.3, linewidth=0.0)
        options = {**style.options(), "linewidth": 0.5 * style.width, "marker": ""}
        axes.plot(positions * step_s, values, **options)
        endings.append((label, style, float(np.nanmean(values)) if np.isfinite(values).any() else 0.0))
        deepest = min(deepest, float(np.nan_to_num(values).min()))
    axes.set_ylim(1.12 * min(deepest, -1.0), 0.0)
    if not lines:
        note(axes, "no limiter and no compressor worked")
    elif deepest > -0.05:
        note(axes, "nothing was reduced")
    label_ends(axes, endings)
    return deepest


def waveform(axes: Axes, peaks: Sequence[float], step_s: float, role: str, ceiling: float | None) -> None:
    """Peaks mirrored around zero, filled; the ceiling (full scale 1.0) as a line."""
    positions, values = _steps(peaks, "max")
    heights = np.nan_to_num(values)
    colour = pen(role).colour
    axes.fill_between(positions * step_s, -heights, heights, color=colour, linewidth=0.6)
    if not heights.any():
        note(axes, "silent" if len(peaks) else "no waveform was kept")
    endings: list[Ending] = []
    if ceiling is not None:
        for level in (-ceiling, ceiling):
            axes.axhline(level, **{**pen("target").options(), "marker": ""})
        endings.append(("ceiling", pen("target"), ceiling))
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks((-1.0, 0.0, 1.0))
    axes.set_ylabel(f"{role.capitalize()} (FS = 1)")
    label_ends(axes, endings)


def _steps(values: Sequence[float], how: str) -> tuple[Floats, Floats]:
    """Pooled positions and values from the start to the end of the time they stand for."""
    positions, pooled = pool(values, _POINTS, how)
    if not len(pooled):
        return positions, pooled
    return np.concatenate([[0.0], positions, [len(values)]]), np.concatenate(
        [pooled[:1], pooled, pooled[-1:]]
    )
