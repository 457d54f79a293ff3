"""The curves a panel shows: Features with a label and a pen, and the arithmetic behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mastering.measure.features import Features
from mastering.report.compare import COMPARED
from mastering.report.model import Report
from mastering.report.plots.style import Pen, pen

__all__ = ["Floats", "Series", "finite", "last", "mean_of", "pool", "report_series", "shape_db"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One piece of music in a plot.

    Attributes:
        label: short text at its curve.
        features: its measurements.
        pen: how it is drawn.
    """

    label: str
    features: Features
    pen: Pen


def report_series(report: Report) -> tuple[Series, ...]:
    """Before, after and, where there are any, the reference or the mean of the references."""
    series = [
        Series(label="before", features=report.before, pen=pen("before")),
        Series(label="after", features=report.after, pen=pen("after")),
    ]
    if report.references:
        label = "reference" if len(report.references) == 1 else "references"
        series.append(Series(label=label, features=_average(report.references), pen=pen("reference")))
    return tuple(series)


def _average(many: Sequence[Features]) -> Features:
    """Features whose spectrum and width are the means of several; everything else is the first one's."""
    if len(many) == 1:
        return many[0]
    mid, side = zip(*(shape_db(features) for features in many), strict=True)
    width = [finite(features.side_to_mid_db) for features in many]
    return replace(
        many[0],
        band_levels_mid_db=tuple(mean_of(mid).tolist()),
        band_levels_side_db=tuple(mean_of(side).tolist()),
        side_to_mid_db=tuple(mean_of(width).tolist()),
    )


def finite(values: Sequence[float] | Floats) -> Floats:
    """`values` with NaN (a gap in a curve) wherever they are not finite."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def shape_db(features: Features) -> tuple[Floats, Floats]:
    """Mid and side third-octave levels against the mean of the mid (without mid: of the side)."""
    mid, side = finite(features.band_levels_mid_db), finite(features.band_levels_side_db)
    leading = mid if np.isfinite(mid[COMPARED]).any() else side
    heard = leading[COMPARED][np.isfinite(leading[COMPARED])]
    level = float(heard.mean()) if heard.size else 0.0
    return mid - level, side - level


def mean_of(curves: Sequence[Floats]) -> Floats:
    """Mean of curves of one length, gaps left out; a gap where every curve has one."""
    stack = np.stack(curves)
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    total = np.where(known, stack, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def last(values: Floats) -> float:
    """The last finite value; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else float("nan")


def pool(values: Sequence[float] | Floats, points: int, how: str) -> tuple[Floats, Floats]:
    """A long series in at most `points` points, so that a six-hour file plots as small as a song.

    Args:
        values: one each step.
        points: most points to keep.
        how: "max" and "min" keep extremes, "mean" the finite values' mean.

    Returns:
        positions (in steps, the middle of each group) and values; NaN where a group has no finite value.
    """
    array = finite(values)
    group = max(1, -(-len(array) // points))
    padded = np.full(-(-len(array) // group) * group, np.nan)
    padded[: len(array)] = array
    blocks = padded.reshape(-1, group)
    positions: Floats = np.arange(len(blocks), dtype=np.float64) * group + 0.5 * (group - 1)
    if how == "mean":
        return positions, mean_of(list(blocks.T)) if len(blocks) else positions
    fill = -np.inf if how == "max" else np.inf
    known = np.where(np.isfinite(blocks), blocks, fill)
    extreme = known.max(axis=1) if how == "max" else known.min(axis=1)
    return positions, finite(extreme)
