"""Panels: one drawing each, onto axes somebody else placed; shared by SVG and PNG.

Every function takes axes and values, draws, labels its axes with units and returns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.report.plots.axes import Ending, frequency_axis, inside, label_ends, note, time_axis
from mastering.report.plots.series import Floats, Series, finite, last, pool, shape_db
from mastering.report.plots.style import COLOURS, MANY, pen
from mastering.report.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["crest", "difference", "loudness", "spectrum", "width", "zero_line"]

CENTRES: Floats = np.asarray(THIRD_OCTAVES_HZ)
_BANDS = ("below\n120 Hz", "120 Hz\nto 1 kHz", "1 kHz\nto 5 kHz", "above\n5 kHz")
_POINTS = 360
_MIDDLE_S = 1.5
"""The middle of the first short-term window, which ends at 3 s; windows follow once a second."""

_CORNER: dict[str, Any] = {"ha": "right", "va": "top", "color": COLOURS["muted"], "fontsize": 11.0}


def spectrum(axes: Axes, series: Sequence[Series], *, side: bool = True) -> None:
    """Third-octave spectra against each piece's own average: mid thick, side thin."""
    endings: list[Ending] = []
    curves: list[Floats] = []
    for one in series:
        mid, thin = shape_db(one.features)
        curves.append(mid)
        if side:
            axes.plot(CENTRES, thin, **one.pen.options(thin=True), alpha=0.75)
            curves.append(thin)
        axes.plot(CENTRES, mid, **one.pen.options())
        endings.append((_known(one.label, mid, "silent"), one.pen, last(mid)))
    axes.set_ylim(inside(curves, headroom=3.0, depth=62.0, least=20.0))
    axes.set_ylabel("Level against average (dB)")
    if side:
        axes.text(0.98, 0.97, "thick: mid, thin: side", **_CORNER, transform=axes.transAxes)
    frequency_axis(axes)
    if not any(np.isfinite(curve).any() for curve in curves):
        note(axes, "silent")
    label_ends(axes, endings)


def difference(axes: Axes, shape_db_: Sequence[float]) -> None:
    """B minus A per third octave, overall level removed: bars up in B's pen, down in A's."""
    values = finite(shape_db_)
    heights = np.nan_to_num(values)
    for style, bars in ((MANY[0], np.minimum(heights, 0.0)), (MANY[1], np.maximum(heights, 0.0))):
        some = bars != 0.0
        axes.bar(CENTRES[some], bars[some], width=0.16 * CENTRES[some], **style.bar())
    reach = max(3.0, float(np.abs(heights).max()) * 1.25)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("B minus A (dB)")
    frequency_axis(axes)
    if not np.isfinite(values).any():
        note(axes, "nothing to compare")
        return
    zero_line(axes)
    axes.text(0.02, 0.97, "B has more", **{**_CORNER, "ha": "left"}, transform=axes.transAxes)
    axes.text(0.02, 0.03, "A has more", **{**_CORNER, "ha": "left", "va": "bottom"}, transform=axes.transAxes)


def loudness(axes: Axes, series: Sequence[Series], goal: tuple[str, float] | None) -> None:
    """Short-term loudness (3 s) over time; what was asked for, its name and LUFS, as a line."""
    endings: list[Ending] = []
    curves: list[Floats] = [np.array([])]
    for one in series:
        positions, values = pool(one.features.short_term_lufs, _POINTS, "mean")
        few = {"marker": "o", "markevery": 1} if len(values) < 4 else {}
        axes.plot(positions + _MIDDLE_S, values, **{**one.pen.options(), "marker": "", **few})
        curves.append(values)
        endings.append((_known(one.label, values, "none"), one.pen, last(values)))
    if goal is not None:
        name, lufs = goal
        axes.axhline(lufs, **{**pen(name).options(), "marker": ""})
        curves.append(np.array([lufs]))
        endings.append((f"{name} {number(lufs)}", replace(pen(name), marker=""), lufs))
    if not any(np.isfinite(curve).any() for curve in curves[: len(series) + 1]):
        note(axes, "silent, or too short for short-term loudness")
    axes.set_ylim(inside(curves, headroom=1.5, depth=36.0, least=9.0))
    axes.set_ylabel("Short-term loudness (LUFS)")
    time_axis(axes, max(one.features.duration_s for one in series))
    label_ends(axes, endings)


def width(axes: Axes, series: Sequence[Series]) -> None:
    """Side level against mid level per third octave: higher is wider, missing is mono."""
    endings: list[Ending] = []
    curves: list[Floats] = []
    for one in series:
        curve = finite(one.features.side_to_mid_db)
        axes.plot(CENTRES, curve, **one.pen.options())
        curves.append(curve)
        missing = "mono" if np.isfinite(one.features.band_levels_mid_db).any() else "silent"
        endings.append((_known(one.label, curve, missing), one.pen, last(curve)))
    if not any(np.isfinite(curve).any() for curve in curves):
        note(axes, "there is no side signal")
    axes.set_ylim(inside(curves, headroom=3.0, depth=45.0, least=15.0))
    axes.set_ylabel("Side against mid (dB)")
    frequency_axis(axes)
    label_ends(axes, endings)


def crest(axes: Axes, series: Sequence[Series]) -> None:
    """Crest of the four bands as bars with their numbers."""
    share = 0.8 / len(series)
    tallest = 1.0
    for index, one in enumerate(series):
        heights = np.nan_to_num(finite(one.features.crest_db))
        places: Floats = np.arange(len(heights), dtype=np.float64) + (index - 0.5 * (len(series) - 1)) * share
        axes.bar(places, heights, width=0.9 * share, **one.pen.bar())
        tallest = max(tallest, float(heights.max()))
        if len(series) <= 3:
            _bar_numbers(axes, places, one)
    axes.set_ylim(0.0, 1.15 * tallest)
    axes.set_xlim(-0.55, len(_BANDS) - 0.45)
    axes.set_xticks(range(len(_BANDS)), _BANDS)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("Crest: 99th percentile over RMS (dB)")


def _known(label: str, curve: Floats, missing: str) -> str:
    """The label, with a word about why there is no curve where there is none."""
    return f"{label}: {missing}" if label and not np.isfinite(curve).any() else label


def zero_line(axes: Axes) -> None:
    """A darker line at zero."""
    axes.axhline(0.0, color=COLOURS["muted"], linewidth=0.9)


def _bar_numbers(axes: Axes, places: Floats, one: Series) -> None:
    for place, value in zip(places, one.features.crest_db, strict=True):
        height = value if np.isfinite(value) else 0.0
        axes.annotate(
            number(value),
            (float(place), height),
            xytext=(0.0, 3.0),
            textcoords="offset points",
            ha="center",
            color=one.pen.colour,
            fontsize=9.0,
        )
