"""How plots look: colours and line styles, and where matplotlib draws them.

Colours are darker and lighter kin of Okabe and Ito's palette ("Color Universal Design", 2008),
chosen for a contrast of at least 4.5:1 on their background, since labels wear them too. In SVG
each becomes a CSS variable with the light colour as fallback: the page decides on light, dark
or grey paper, a file of its own stays light.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mastering.errors import EnvironmentProblem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "MANY", "PAPER", "Pen", "drawing", "new_figure", "pen"]

LineStyle: TypeAlias = str | tuple[float, tuple[float, ...]]

COLOURS = {
    "ink": "#1b1d21",
    "muted": "#5b626d",
    "grid": "#dfe2e7",
    "before": "#b04600",
    "after": "#00609c",
    "reference": "#00714e",
    "target": "#8c3273",
    "fifth": "#6b5900",
    "sixth": "#33373d",
    "seventh": "#4a4fa3",
}
"""Role -> colour on light paper; `var(--role)` in SVG."""

PAPER = "#ffffff"
_DASHED: LineStyle = (0.0, (5.0, 2.2))
_DOTTED: LineStyle = (0.0, (1.2, 1.8))
_DASH_DOT: LineStyle = (0.0, (7.0, 2.0, 1.4, 2.0))
_LONG: LineStyle = (0.0, (9.0, 2.0))
_LOCK = threading.Lock()
_DPI = 144


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """How one curve is drawn, so that it can be told from the others in grey too.

    Attributes:
        colour: hexadecimal.
        line: matplotlib line style.
        width: in points.
        marker: matplotlib marker, "" for none.
        hatch: pattern where the curve is a bar.
        fill: opacity where it is an area; 0 for a line.
    """

    colour: str
    line: LineStyle = "-"
    width: float = 1.6
    marker: str = ""
    hatch: str = ""
    fill: float = 0.0

    def options(self, *, thin: bool = False) -> dict[str, Any]:
        """Keyword arguments of `Axes.plot`; `thin` for the lighter companion of a curve."""
        return {
            "color": self.colour,
            "linestyle": self.line,
            "linewidth": 0.55 * self.width if thin else self.width,
            "marker": "" if thin else self.marker,
            "markersize": 3.6,
            "markerfacecolor": "none",
            "markeredgewidth": 1.0,
            "markevery": 3,
            "zorder": 2.0 if self.line == "-" else 2.1,  # a dashed line shows on top of a solid one
        }

    def bar(self) -> dict[str, Any]:
        """Keyword arguments of `Axes.bar`: filled, or hatched where the pen has a pattern."""
        return {
            "color": "none" if self.hatch else self.colour,
            "edgecolor": self.colour,
            "hatch": self.hatch or None,
            "linewidth": 1.0,
        }

    def area(self) -> dict[str, Any]:
        """Keyword arguments of `Axes.fill_between` and of patches: a quiet area without an edge."""
        return {"color": self.colour, "alpha": self.fill, "linewidth": 0.0, "zorder": 1.2}


_PENS = {
    "before": Pen(colour=COLOURS["before"], line=_DASHED, hatch="////"),
    "after": Pen(colour=COLOURS["after"], width=2.2),
    "reference": Pen(colour=COLOURS["reference"], line=_DOTTED, marker="o", hatch="...."),
    "target": Pen(colour=COLOURS["target"], line=_DASH_DOT, width=1.2),
    "error": Pen(colour=COLOURS["target"], fill=0.2),
    "muted": Pen(colour=COLOURS["muted"], line=_DOTTED, width=1.2),
    "ink": Pen(colour=COLOURS["ink"], width=1.6),
}

MANY: tuple[Pen, ...] = (
    Pen(colour=COLOURS["after"], width=2.0),
    Pen(colour=COLOURS["before"], line=_DASHED, hatch="////"),
    Pen(colour=COLOURS["reference"], line=_DOTTED, marker="o", hatch="...."),
    Pen(colour=COLOURS["target"], line=_DASH_DOT, marker="s", hatch="xxxx"),
    Pen(colour=COLOURS["fifth"], line="-", marker="^", width=1.2, hatch="||||"),
    Pen(colour=COLOURS["sixth"], line=_LONG, marker="v", width=1.2, hatch="----"),
    Pen(colour=COLOURS["seventh"], line=_DASHED, marker="D", width=1.2, hatch="\\\\\\\\"),
)
"""Pens for curves without a role of their own: compressor bands, several files."""


def pen(role: str) -> Pen:
    """The pen of "before", "after", "reference", "target", "error", "muted" or "ink"."""
    return _PENS[role]


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with this project's settings, whatever the user's matplotlibrc says.

    Matplotlib keeps its settings in a global: they are set under a lock and put back.
    """
    import matplotlib

    with _LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams
        settings.update(_SETTINGS)
        yield


_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tonmeister",
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.edgecolor": COLOURS["muted"],
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.8,
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.minor.bottom": False,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "hatch.linewidth": 0.7,
    "path.simplify_threshold": 0.3,
}


def new_figure(width_pt: float, height_pt: float) -> Figure:
    """An empty figure without any window or global figure manager behind it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_pt / 72.0, height_pt / 72.0))


def write_png(figure: Figure, path: str | Path) -> None:
    """Write a figure on white paper, the same bytes every time.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    figure.patch.set_facecolor(PAPER)
    try:
        figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot write the plot {path}: {error.strerror or error}",
            hint="Choose a folder that exists and may be written to.",
        ) from error
