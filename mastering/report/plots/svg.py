"""The report's plots as SVG text: self-contained, deterministic, without style attributes.

Each function returns one `<svg>` element that can stand in a page or in a file. It holds no
script, no style sheet and no address to fetch; colours are `var(--role, #rrggbb)` in
presentation attributes, which a strict Content-Security-Policy lets through.
"""

from __future__ import annotations

from collections.abc import Sequence

from mastering.report.aims import level_goal
from mastering.report.model import Report, is_reducing
from mastering.report.plots import panels, process
from mastering.report.plots.axes import time_axis
from mastering.report.plots.paper import WIDE_PT, halves, single
from mastering.report.plots.series import report_series
from mastering.report.plots.style import MANY, Pen, drawing, pen
from mastering.report.plots.themed import figure_svg
from mastering.report.wording import number, quantity, shorten
from mastering.units import db_to_gain

__all__ = [
    "loudness_svg",
    "reduction_svg",
    "spectrum_svg",
    "waveform_svg",
    "width_svg",
]

_NAME_LENGTH = 16
"""Longest name of a compressor band."""


def spectrum_svg(report: Report) -> str:
    """Third-octave spectrum before, after and of the reference; mid thick, side thin."""
    with drawing():
        figure, axes = single()
        panels.spectrum(axes, report_series(report))
        text = (
            "Third-octave spectrum, each against its own average. Tilt before "
            f"{quantity(report.before.tilt_db_per_octave, 'dB per octave')}, "
            f"after {quantity(report.after.tilt_db_per_octave, 'dB per octave')}."
        )
        return figure_svg(figure, "spectrum", text)


def loudness_svg(report: Report) -> str:
    """Short-term loudness over time before and after, with what was asked for."""
    wanted = level_goal(report)
    goal = None
    if wanted is not None and wanted.source != "input":
        goal = ("reference" if wanted.source == "reference" else "target", wanted.lufs)
    with drawing():
        figure, axes = single(right_pt=WIDE_PT)
        panels.loudness(axes, report_series(report)[:2], goal)
        text = (
            "Short-term loudness over time. "
            f"Integrated before {quantity(report.before.integrated_lufs, 'LUFS')}, "
            f"after {quantity(report.after.integrated_lufs, 'LUFS')}."
        )
        return figure_svg(figure, "loudness", text)


def width_svg(report: Report) -> str:
    """Side against mid per third octave before, after and of the reference."""
    with drawing():
        figure, axes = single()
        panels.width(axes, report_series(report))
        text = (
            "Stereo width: side level against mid level per third octave. Correlation before "
            f"{number(report.before.correlation, decimals=2)}, "
            f"after {number(report.after.correlation, decimals=2)}."
        )
        return figure_svg(figure, "width", text)


def reduction_svg(report: Report) -> str:
    """Gain reduction of the limiter and of every compressor band over time."""
    curves = report.curves
    lines: list[tuple[str, Pen, Sequence[float]]] = []
    if curves.limiter_reduction_db:
        lines.append(("limiter", pen("after"), curves.limiter_reduction_db))
    working = [item for item in curves.compressor_reduction_db.items() if is_reducing(item[1])]
    for index, (name, values) in enumerate(working):
        lines.append((shorten(name, _NAME_LENGTH), MANY[1 + index % (len(MANY) - 1)], values))
    with drawing():
        figure, axes = single(right_pt=WIDE_PT)
        deepest = process.reduction(axes, lines, curves.step_s)
        axes.set_ylabel("Gain reduction (dB)")
        time_axis(
            axes,
            max([curves.step_s * len(values) for _, _, values in lines], default=report.after.duration_s),
        )
        return figure_svg(
            figure, "reduction", f"Gain reduction over time; the deepest is {number(-deepest)} dB."
        )


def waveform_svg(report: Report) -> str:
    """Peaks of the waveform before (above) and after (below), with the ceiling."""
    curves, limiter = report.curves, report.recipe.chain.limiter
    ceiling = None if limiter is None else db_to_gain(limiter.ceiling_dbtp)
    with drawing():
        figure, (upper, lower) = halves()
        process.waveform(upper, curves.before_peak, curves.step_s, "before", None)
        process.waveform(lower, curves.after_peak, curves.step_s, "after", ceiling)
        length_s = curves.step_s * max(len(curves.before_peak), len(curves.after_peak))
        time_axis(upper, length_s, named=False)
        time_axis(lower, length_s)
        text = (
            "Waveform before and after. "
            f"True peak before {quantity(report.before.true_peak_dbtp, 'dBTP', decimals=2)}, "
            f"after {quantity(report.after.true_peak_dbtp, 'dBTP', decimals=2)}."
        )
        return figure_svg(figure, "waveform", text)
