"""Paper for the plots of a report: one plot, or one above another, with room for labels on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mastering.report.plots.axes import place
from mastering.report.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["WIDE_PT", "halves", "single"]

WIDE_PT = 128.0
"""Right margin for long labels."""

_WIDTH_PT, _HEIGHT_PT = 460.0, 290.0
_LEFT_PT, _BOTTOM_PT, _RIGHT_PT, _TOP_PT = 46.0, 40.0, 108.0, 10.0


def single(*, right_pt: float = _RIGHT_PT) -> tuple[Figure, Axes]:
    """A figure with one plot; `right_pt` is the margin for labels."""
    figure = new_figure(_WIDTH_PT, _HEIGHT_PT)
    return figure, place(figure, _LEFT_PT, _BOTTOM_PT, right_pt, _TOP_PT)


def halves(*, right_pt: float = _RIGHT_PT) -> tuple[Figure, tuple[Axes, Axes]]:
    """A figure with one plot above another."""
    figure = new_figure(_WIDTH_PT, _HEIGHT_PT)
    middle = 0.5 * (_HEIGHT_PT + _BOTTOM_PT - _TOP_PT)
    upper = place(figure, _LEFT_PT, middle + 7.0, right_pt, _TOP_PT)
    return figure, (upper, place(figure, _LEFT_PT, _BOTTOM_PT, right_pt, _HEIGHT_PT - middle + 7.0))
