"""Two pieces of music side by side: what measures differently, as a value and as a table.

Conventions
    Every difference is b minus a; 0 where both are the same silence, infinite where only one is
    silent (null in JSON), never NaN.
    The spectrum is compared by shape: the mean difference over the compared bands is removed, so
    that one piece played louder does not look different.
    Compared bands: the 28 third octaves from 31.5 Hz to 16 kHz in which both have a level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.measure.features import Features
from mastering.report.rows import GROUPS, ROWS, Row, side_to_mid_total_db
from mastering.report.tone import band_name, find_regions
from mastering.report.wording import number, shorten

__all__ = ["COMPARED", "Comparison", "compare", "comparison_text", "spectrum_distance_db"]

COMPARED = slice(2, 30)
"""The third octaves from 31.5 Hz to 16 kHz: the outermost ones hold rumble and the encoder's low-pass."""

_LARGE_DB = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Differences between two Features, b minus a.

    Attributes:
        integrated_lu, max_short_term_lu, max_momentary_lu: loudness.
        loudness_range_lu: LRA.
        true_peak_db: highest interpolated peak.
        plr_db, psr_db: peak to loudness and peak to short-term ratio.
        crest_db: crest per band (4).
        tilt_db_per_octave: slope of the spectrum.
        spectrum_mid_db: third octaves (31) of the mid, mean over the compared bands removed.
        spectrum_distance_db: mean absolute value of those over the compared bands.
        spectrum_bands: how many bands that mean counts (28 unless bands are digitally silent).
        side_to_mid_db: third octaves (31) of side level minus mid level.
        width_db: side against mid of the whole.
        correlation: left-right correlation.
        duration_s: length.
    """

    integrated_lu: float
    max_short_term_lu: float
    max_momentary_lu: float
    loudness_range_lu: float
    true_peak_db: float
    plr_db: float
    psr_db: float
    crest_db: tuple[float, ...]
    tilt_db_per_octave: float
    spectrum_mid_db: tuple[float, ...]
    spectrum_distance_db: float
    spectrum_bands: int
    side_to_mid_db: tuple[float, ...]
    width_db: float
    correlation: float
    duration_s: float


def compare(a: Features, b: Features) -> Comparison:
    """What `b` measures differently from `a`."""
    shape, distance, bands = _spectrum(a.band_levels_mid_db, b.band_levels_mid_db)
    return Comparison(
        integrated_lu=_minus(b.integrated_lufs, a.integrated_lufs),
        max_short_term_lu=_minus(b.max_short_term_lufs, a.max_short_term_lufs),
        max_momentary_lu=_minus(b.max_momentary_lufs, a.max_momentary_lufs),
        loudness_range_lu=_minus(b.loudness_range_lu, a.loudness_range_lu),
        true_peak_db=_minus(b.true_peak_dbtp, a.true_peak_dbtp),
        plr_db=_minus(b.plr_db, a.plr_db),
        psr_db=_minus(b.psr_db, a.psr_db),
        crest_db=_each(b.crest_db, a.crest_db),
        tilt_db_per_octave=_minus(b.tilt_db_per_octave, a.tilt_db_per_octave),
        spectrum_mid_db=shape,
        spectrum_distance_db=distance,
        spectrum_bands=bands,
        side_to_mid_db=_each(b.side_to_mid_db, a.side_to_mid_db),
        width_db=_minus(side_to_mid_total_db(b), side_to_mid_total_db(a)),
        correlation=_minus(b.correlation, a.correlation),
        duration_s=b.duration_s - a.duration_s,
    )


def spectrum_distance_db(a: Features, b: Features) -> float:
    """Mean absolute difference in dB of two spectra's shapes over the compared bands; inf without any."""
    return _spectrum(a.band_levels_mid_db, b.band_levels_mid_db)[1]


def _minus(b: float, a: float) -> float:
    """Difference b - a of values of which -inf means silence; NaN counts as silence too."""
    b, a = (-math.inf if math.isnan(value) else value for value in (b, a))
    return 0.0 if a == b else b - a


def _each(b: Sequence[float], a: Sequence[float]) -> tuple[float, ...]:
    return tuple(_minus(second, first) for second, first in zip(b, a, strict=True))


def _spectrum(a_db: Sequence[float], b_db: Sequence[float]) -> tuple[tuple[float, ...], float, int]:
    difference: npt.NDArray[np.float64] = np.array(_each(b_db, a_db))
    both = np.isfinite(np.asarray(a_db)) & np.isfinite(np.asarray(b_db))
    compared = difference[COMPARED][both[COMPARED]]
    if not compared.size:
        same = not difference[COMPARED].any()  # both silent in every compared band
        return tuple(difference.tolist()), 0.0 if same else math.inf, 0
    mean = float(compared.mean())
    shape = np.where(both, difference - mean, difference)
    return tuple(shape.tolist()), float(np.abs(compared - mean).mean()), int(compared.size)


def comparison_text(a: Features, b: Features, names: tuple[str, str]) -> str:
    """The comparison as a plain table for a terminal: both, and b minus a.

    Args:
        a, b: what to compare.
        names: what to call them, usually file names.
    """
    lines = [f"A: {shorten(names[0], 90)}", f"B: {shorten(names[1], 90)}", ""]
    lines.append(f"{'':<36}{'A':>10}{'B':>10}{'B - A':>11}")
    for group in GROUPS:
        lines.append(group)
        lines += [_table_line(row, a, b) for row in ROWS if row.group == group]
    return "\n".join([*lines, "", *_spectrum_lines(compare(a, b))]) + "\n"


def _table_line(row: Row, a: Features, b: Features) -> str:
    first, second = row.write(row.value(a)), row.write(row.value(b))
    difference = row.write_difference(row.difference(a, b))
    return f"  {row.heading:<34}{first:>10}{second:>10}{difference:>11}"


def _spectrum_lines(comparison: Comparison) -> list[str]:
    distance = number(comparison.spectrum_distance_db)
    if comparison.spectrum_bands == 0:
        return ["Spectrum: nothing to compare, at least one is silent."]
    lines = [
        f"Spectrum (mid, overall level removed): {distance} dB apart on average over "
        f"{comparison.spectrum_bands} third octaves"
    ]
    largest = _largest(comparison.spectrum_mid_db)
    if largest:
        lines.append("Largest, B against A: " + ", ".join(largest))
    return lines


def _largest(shape_db: Sequence[float]) -> list[str]:
    """The four regions that differ most, from low to high, where that is at least 1 dB."""
    compared = [gain if COMPARED.start <= i < COMPARED.stop else 0.0 for i, gain in enumerate(shape_db)]
    chosen = find_regions(compared, threshold_db=_LARGE_DB)[:4]
    return [
        f"{number(region.gain_db, signed=True)} dB at {band_name(region.peak)}"
        for region in sorted(chosen, key=lambda region: region.first)
    ]
