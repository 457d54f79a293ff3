"""The equaliser's plot: what was wanted and kept, how far off that may be, and what the chain renders.

Above the gain of mid; below the gain of side beyond that of mid, which is what a matcher judges as
width and what its expected error is about.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mastering.report.model import Report
from mastering.report.plots import process
from mastering.report.plots.axes import frequency_axis, note
from mastering.report.plots.paper import WIDE_PT, halves
from mastering.report.plots.series import Floats
from mastering.report.plots.style import drawing, write_png
from mastering.report.plots.themed import figure_svg
from mastering.report.response import chain_response_db
from mastering.report.rows import side_to_mid_total_db
from mastering.report.shares import Share, shares_of
from mastering.report.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["equalizer_png", "equalizer_svg"]

_CURVE_HZ: Floats = np.geomspace(20.0, 20_000.0, 181)


def equalizer_svg(report: Report) -> str:
    """What the matcher wanted and kept, its expected error, and what the chain's equalisers do."""
    with drawing():
        return figure_svg(_figure(report), "equalizer", _description(report))


def equalizer_png(report: Report, path: str | Path) -> None:
    """The same as a PNG on white paper.

    Args:
        report: a run.
        path: the PNG file to write; replaced if it exists.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    with drawing():
        write_png(_figure(report), path)


def _figure(report: Report) -> Figure:
    mid, side = chain_response_db(report.recipe.chain, _CURVE_HZ, report.before.sample_rate)
    tone, width = shares_of(report)
    figure, (upper, lower) = halves(right_pt=WIDE_PT)
    process.equalizer(upper, tone, _CURVE_HZ, mid)
    process.equalizer(lower, width, _CURVE_HZ, side - mid)
    if not math.isfinite(side_to_mid_total_db(report.before)):
        note(lower, "there is no side signal")
    upper.set_ylabel("Mid gain (dB)")
    lower.set_ylabel("Extra side gain (dB)")
    frequency_axis(upper, named=False)
    frequency_axis(lower)
    return figure


def _description(report: Report) -> str:
    """The plot in words, for those who cannot see it."""
    mid, _ = chain_response_db(report.recipe.chain, _CURVE_HZ, report.before.sample_rate)
    tone, width = shares_of(report)
    return (
        "Equaliser on mid, and on side beyond mid: wanted by the matcher, kept of that, rendered by the "
        f"chain. The chain's mid gain goes from {number(float(mid.min()), signed=True)} "
        f"to {number(float(mid.max()), signed=True)} dB.{_errors(tone, width)}"
    )


def _errors(tone: Share | None, width: Share | None) -> str:
    named = [("mid", tone), ("side beyond mid", width)]
    known = [(name, share.error_mean_db) for name, share in named if share is not None]
    parts = [f"{number(error)} dB on {name}" for name, error in known if error is not None]
    if not parts:
        return ""
    return f" The band around kept is the matcher's expected error: on average {' and '.join(parts)}."
