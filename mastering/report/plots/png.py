"""PNG plots of measurements: one or several files, or two files against each other."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mastering.errors import ParameterError
from mastering.measure.features import Features
from mastering.report.compare import compare
from mastering.report.plots import panels
from mastering.report.plots.axes import line_sample, place
from mastering.report.plots.series import Series
from mastering.report.plots.style import COLOURS, MANY, drawing, new_figure, write_png
from mastering.report.rows import ROWS, Row
from mastering.report.wording import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["compare_png", "features_png"]

_CELL_PT = (480.0, 300.0)
_HEAD_PT, _LINE_PT = 14.0, 17.0
_NAME_CHARACTERS = 52
_NUMBERS = (
    "integrated_lufs",
    "max_short_term_lufs",
    "loudness_range_lu",
    "true_peak_dbtp",
    "plr_db",
    "psr_db",
    "tilt_db_per_octave",
    "width",
    "correlation",
    "noise_floor_dbfs",
)


def features_png(features_list: Sequence[Features], names: Sequence[str], path: str | Path) -> None:
    """Draw spectrum, loudness over time, crest per band and width of one or several files.

    Args:
        features_list: at least one.
        names: one each, usually file names; they stand above the plots, numbers at the curves.
        path: the PNG file to write; replaced if it exists.

    Raises:
        ParameterError: no Features, or not one name each.
        EnvironmentProblem: the file cannot be written.
    """
    if not features_list or len(features_list) != len(names):
        raise ParameterError(
            f"features_png got {len(features_list)} features and {len(names)} names: allowed one name each",
            hint="Give at least one measurement, and a name for every one.",
        )
    labels = [str(index + 1) for index in range(len(names))] if len(names) > 1 else [""]
    series = _series(features_list, labels)
    with drawing():
        figure, cells = _grid(2, 2, _head(len(names)))
        _names(figure, series, names)
        panels.spectrum(cells[0], series, side=len(series) <= 3)
        panels.loudness(cells[1], series, None)
        panels.crest(cells[2], series)
        panels.width(cells[3], series)
        _titles(cells, ("Spectrum", "Loudness over time", "Crest per band", "Stereo width"))
        write_png(figure, path)


def compare_png(a: Features, b: Features, names: tuple[str, str], path: str | Path) -> None:
    """Draw two files side by side: spectra, their difference, loudness, crest, width and numbers.

    Args:
        a, b: what to compare.
        names: what to call them, usually file names.
        path: the PNG file to write; replaced if it exists.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    series = _series((a, b), ("A", "B"))
    with drawing():
        figure, cells = _grid(2, 3, _head(2))
        _names(figure, series, names)
        panels.spectrum(cells[0], series)
        panels.difference(cells[1], compare(a, b).spectrum_mid_db)
        panels.loudness(cells[2], series, None)
        panels.crest(cells[3], series)
        panels.width(cells[4], series)
        _numbers(cells[5], a, b)
        _titles(cells, ("Spectrum", "Difference", "Loudness over time", "Crest per band", "Stereo width", ""))
        write_png(figure, path)


def _series(many: Sequence[Features], labels: Sequence[str]) -> tuple[Series, ...]:
    return tuple(
        Series(label=label, features=features, pen=MANY[index % len(MANY)])
        for index, (features, label) in enumerate(zip(many, labels, strict=True))
    )


def _head(names: int) -> float:
    return _HEAD_PT + _LINE_PT * -(-names // 2)


def _grid(rows: int, columns: int, head_pt: float) -> tuple[Figure, list[Axes]]:
    """A white figure with `rows` x `columns` cells under a head for the names."""
    width, height = _CELL_PT
    figure = new_figure(columns * width, rows * height + head_pt)
    cells = [
        place(
            figure,
            column * width + 56.0,
            (rows - 1 - row) * height + 42.0,
            (columns - 1 - column) * width + 90.0,
            head_pt + row * height + 26.0,
        )
        for row in range(rows)
        for column in range(columns)
    ]
    return figure, cells


def _titles(cells: Sequence[Axes], titles: Sequence[str]) -> None:
    for axes, title in zip(cells, titles, strict=True):
        axes.set_title(title, loc="left", fontsize=11.0, weight="bold")


def _names(figure: Figure, series: Sequence[Series], names: Sequence[str]) -> None:
    """The head, in two columns: a sample of each line, its short label and the whole name."""
    width, height = figure.get_size_inches() * 72.0
    for index, (one, name) in enumerate(zip(series, names, strict=True)):
        left = 20.0 + (index % 2) * _CELL_PT[0]
        y = 1.0 - (_HEAD_PT + _LINE_PT * (index // 2 + 0.3)) / height
        line_sample(figure, one.pen, left, y)
        label = f"{one.label}  " if one.label else ""
        text = label + _drawable(name, index)
        place_x = (left + 28.0) / width
        figure.text(place_x, y, text, va="center_baseline", color=one.pen.colour, fontsize=11.0)


def _drawable(name: str, index: int) -> str:
    """`name` as far as the plot's font has its letters; "file 1" where it has none of them."""
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    text = "".join(c if ord(c) in known else "?" for c in shorten(name, _NAME_CHARACTERS))
    letters = any(unicodedata.category(c)[0] in "LN" for c in text.rsplit(".", 1)[0])
    return text if letters else f"file {index + 1}"


def _numbers(axes: Axes, a: Features, b: Features) -> None:
    """A small table in place of a plot."""
    axes.set_axis_off()
    rows = [row for row in ROWS if row.name in _NUMBERS]
    columns = ((0.0, "left"), (0.72, "right"), (0.93, "right"), (1.15, "right"))
    table = [("", "A", "B", "B - A"), *(_cells(row, a, b) for row in rows)]
    for line, cells in enumerate(table):
        y = 1.0 - (line + 0.5) / len(table)
        for (x, side), cell in zip(columns, cells, strict=True):
            weight = "bold" if line == 0 else "normal"
            axes.text(x, y, cell, ha=side, va="center", weight=weight, color=COLOURS["ink"], fontsize=10.0)


def _cells(row: Row, a: Features, b: Features) -> tuple[str, str, str, str]:
    difference = row.write_difference(row.difference(a, b))
    return row.heading, row.write(row.value(a)), row.write(row.value(b)), difference
