"""Axes: where they lie, their scales and ticks, and labels at the ends of curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from mastering.report.plots.series import Floats
from mastering.report.plots.style import COLOURS, Pen
from mastering.report.wording import clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Ending", "frequency_axis", "inside", "label_ends", "line_sample", "note", "place", "time_axis"]

Ending: TypeAlias = tuple[str, Pen, float]
"""Label, pen and the value a curve ends on (NaN: it has no end, the label goes to the bottom)."""

_TICKS_HZ = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400)
_SAMPLE_PT = 20.0
_AREA_PT = 9.0
_GAP_PT = 4.0


def place(figure: Figure, left_pt: float, bottom_pt: float, right_pt: float, top_pt: float) -> Axes:
    """Axes with margins in points from the figure's edges, and round numbers on the vertical axis."""
    from matplotlib.ticker import MaxNLocator

    width, height = figure.get_size_inches() * 72.0
    ticks = max(6, round((height - bottom_pt - top_pt) / 28.0))
    axes = figure.add_axes(
        (
            left_pt / width,
            bottom_pt / height,
            (width - left_pt - right_pt) / width,
            (height - bottom_pt - top_pt) / height,
        )
    )
    axes.yaxis.set_major_locator(MaxNLocator(nbins=ticks, steps=[1, 2, 5, 10]))
    return axes


def frequency_axis(axes: Axes, *, named: bool = True) -> None:
    """A logarithmic axis from 20 Hz to 20 kHz."""
    axes.set_xscale("log")
    axes.set_xlim(18.0, 22_400.0)
    axes.minorticks_off()
    labels = [f"{tick // 1000}k" if tick >= 1000 else str(tick) for tick in _TICKS_HZ]
    axes.set_xticks(_TICKS_HZ, labels if named else [""] * len(labels))
    if named:
        axes.set_xlabel("Frequency (Hz)")


def time_axis(axes: Axes, length_s: float, *, named: bool = True) -> None:
    """A time axis from zero to `length_s`, ticks on round times."""
    length_s = max(length_s, 0.1)
    step = next((step for step in _STEPS_S if length_s / step <= 6.5), _STEPS_S[-1])
    ticks = np.arange(0.0, length_s + 1e-9, step)
    short = length_s < 59.95
    labels = [f"{tick:g}" if short else clock(tick) for tick in ticks]
    axes.set_xlim(0.0, length_s)
    axes.set_xticks(ticks, labels if named else [""] * len(labels))
    if named:
        axes.set_xlabel("Time (s)" if short else "Time (min:s)" if length_s < 3600 else "Time (h:min:s)")


def inside(curves: Sequence[Floats], *, headroom: float, depth: float, least: float) -> tuple[float, float]:
    """Limits that show the curves' tops whole and at most `depth` below the highest.

    Args:
        curves: values; NaN is ignored.
        headroom: space above and below.
        depth: most shown below the top.
        least: smallest span between the limits.
    """
    values = np.concatenate([np.asarray(curve, dtype=np.float64).ravel() for curve in curves])
    values = values[np.isfinite(values)]
    if not values.size:
        return -least, 0.0
    top = float(values.max())
    bottom = max(float(values.min()), top - depth)
    middle = 0.5 * max(0.0, least - (top - bottom))
    return bottom - headroom - middle, top + headroom + middle


def note(axes: Axes, text: str) -> None:
    """A sentence in the upper half of axes that have nothing to show."""
    axes.text(0.5, 0.75, text, transform=axes.transAxes, ha="center", va="center", color=COLOURS["muted"])


def label_ends(axes: Axes, endings: Sequence[Ending], *, line_pt: float = 15.0) -> None:
    """Labels right of the axes, at the height its curve ends on, each after a sample of its line.

    Labels that would overlap are pushed apart; the sample keeps them unmistakable then. Empty
    labels are left out.
    """
    figure = cast("Figure", axes.figure)
    endings = [ending for ending in endings if ending[0]]
    width, height = figure.get_size_inches() * 72.0
    box = axes.get_position()
    height_pt, right_pt = box.height * height, box.x1 * width
    wanted = [_height(axes, value) * height_pt for _, _, value in endings]
    for (label, style, _), at_pt in zip(endings, _spread(wanted, line_pt, height_pt), strict=True):
        y = box.y0 + at_pt / height
        line_sample(figure, style, right_pt + _GAP_PT, y)
        text_at = (right_pt + _SAMPLE_PT + 2.0 * _GAP_PT) / width
        figure.text(text_at, y, label, color=style.colour, va="center_baseline", fontsize=11.5)


def _height(axes: Axes, value: float) -> float:
    """Height of a value in the axes, 0 at the bottom to 1 at the top."""
    bottom, top = axes.get_ylim()
    share = (value - bottom) / (top - bottom)
    return min(max(share, 0.0), 1.0) if np.isfinite(share) else 0.0


def line_sample(figure: Figure, style: Pen, left_pt: float, y: float) -> None:
    """A short piece of a pen's line or area, from `left_pt` points at the height `y` (0..1) of the figure."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches() * 72.0
    if style.fill:
        corner = (left_pt / width, y - 0.5 * _AREA_PT / height)
        size = (_SAMPLE_PT / width, _AREA_PT / height)
        figure.add_artist(Rectangle(corner, *size, transform=figure.transFigure, **style.area()))
        return
    xs = [(left_pt + share * _SAMPLE_PT) / width for share in (0.0, 0.5, 1.0)]
    options = {**style.options(), "markevery": [1]}
    figure.add_artist(Line2D(xs, [y, y, y], transform=figure.transFigure, **options))


def _spread(wanted_pt: Sequence[float], gap_pt: float, height_pt: float) -> list[float]:
    """Positions near the wanted ones, at least `gap_pt` apart, centred on each crowd, in their order."""
    order = sorted(range(len(wanted_pt)), key=lambda index: wanted_pt[index])
    crowds: list[list[int]] = []
    for index in order:
        crowds.append([index])
        while len(crowds) > 1 and _bottom(crowds[-1], wanted_pt, gap_pt) < (
            _bottom(crowds[-2], wanted_pt, gap_pt) + gap_pt * len(crowds[-2])
        ):
            last = crowds.pop()
            crowds[-1] += last
    result = [0.0] * len(wanted_pt)
    for crowd in crowds:
        start = max(0.0, _bottom(crowd, wanted_pt, gap_pt))
        start = min(start, max(0.0, height_pt - gap_pt * (len(crowd) - 1)))
        for rank, index in enumerate(crowd):
            result[index] = start + rank * gap_pt
    return result


def _bottom(crowd: Sequence[int], wanted_pt: Sequence[float], gap_pt: float) -> float:
    """Where a crowd's lowest label lies when the crowd is centred on its wish."""
    mean = sum(wanted_pt[index] for index in crowd) / len(crowd)
    return mean - 0.5 * gap_pt * (len(crowd) - 1)
