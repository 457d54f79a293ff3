"""Plots: SVG for the HTML report; PNG of its equaliser, and for `measure --plot` and `compare --plot`.

Matplotlib is imported inside functions, so importing this package costs nothing. Every curve
differs by line style, marker and a label of its own, not by colour alone, so that the plots can
be read in grey and by colour-blind people.

- `style`: colours, line styles, and a canvas that does not touch matplotlib's global state for good.
- `series`: which curves are shown, and the arithmetic on them. `axes`: scales, labels, ticks.
- `panels`, `process`: one drawing each onto given axes. `paper`: the axes of a report's plots.
- `svg`, `equalizer`, `stems` and `png`: panels put on paper.
"""

from mastering.report.plots.equalizer import equalizer_png, equalizer_svg
from mastering.report.plots.png import compare_png, features_png
from mastering.report.plots.stems import stem_svg
from mastering.report.plots.svg import (
    loudness_svg,
    reduction_svg,
    spectrum_svg,
    waveform_svg,
    width_svg,
)

__all__ = [
    "compare_png",
    "equalizer_png",
    "equalizer_svg",
    "features_png",
    "loudness_svg",
    "reduction_svg",
    "spectrum_svg",
    "stem_svg",
    "waveform_svg",
    "width_svg",
]
