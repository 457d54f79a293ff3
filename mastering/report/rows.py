"""The rows of every table of measurements: label, unit, where the number comes from, how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mastering.measure.features import Features
from mastering.report.wording import duration, frequency, is_level, number

__all__ = ["BAND_NAMES", "GROUPS", "ROWS", "Row", "mean_value", "side_to_mid_total_db"]

BAND_NAMES = ("below 120 Hz", "120 Hz to 1 kHz", "1 kHz to 5 kHz", "above 5 kHz")
"""The four bands of measure.features.BAND_EDGES_HZ in words."""

GROUPS = ("Loudness", "Peaks and dynamics", "Tone", "Stereo", "Technical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement of a table.

    Attributes:
        name: as in Features, with an index for bands; stable.
        group: heading it stands under, one of GROUPS.
        label: for people.
        unit: "" for pure numbers and for those that carry their unit in the text.
        value: number of a Features.
        write: number to text, without the unit.
        averages: the mean over several references means something.
    """

    name: str
    group: str
    label: str
    unit: str
    value: Callable[[Features], float]
    write: Callable[[float], str]
    averages: bool = True

    @property
    def heading(self) -> str:
        """Label and unit: "True peak (dBTP)"."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def difference(self, a: Features, b: Features) -> float:
        """Second minus first; 0 where both are the same silence, NaN where there is no such number."""
        first, second = self.value(a), self.value(b)
        return 0.0 if first == second else second - first

    def write_difference(self, difference: float) -> str:
        """A difference with its sign, in the row's own way of writing."""
        if not math.isfinite(difference):
            return "none"
        text = self.write(abs(difference)) if difference else "0"
        changed = any(digit in text for digit in "123456789")
        sign = "+" if difference > 0 else "-"
        return f"{sign}{text}" if changed else text


def side_to_mid_total_db(features: Features) -> float:
    """Level of the whole side minus level of the whole mid, in dB.

    -inf for mono and for silence; at most 120 dB, as for left and right in opposite phase.
    """
    mid = _total_db(features.band_levels_mid_db)
    side = _total_db(features.band_levels_side_db)
    return -math.inf if side == -math.inf else min(side - mid, 120.0)


def mean_value(row: Row, many: Sequence[Features]) -> float:
    """The row's mean over several Features, silent ones left out; NaN where there is none."""
    values = [value for value in map(row.value, many) if math.isfinite(value)]
    if not values:
        return row.value(many[0]) if many else math.nan
    if len(many) > 1 and not row.averages:
        return math.nan
    return sum(values) / len(values)


def _total_db(levels_db: Sequence[float]) -> float:
    power = float(np.sum(10.0 ** (np.asarray(levels_db, dtype=np.float64) / 10.0)))
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf


def _decimal(decimals: int, missing: str = "none") -> Callable[[float], str]:
    return lambda value: number(value, decimals=decimals, missing=missing)


def _row(name: str, group: str, label: str, unit: str, decimals: int = 1) -> Row:
    missing = "silent" if is_level(unit) else "none"
    return Row(
        name=name,
        group=group,
        label=label,
        unit=unit,
        value=lambda features: float(getattr(features, name)),
        write=_decimal(decimals, missing),
    )


def _band_rows(name: str, group: str, label: str, unit: str, decimals: int) -> tuple[Row, ...]:
    def at(index: int) -> Callable[[Features], float]:
        return lambda features: float(getattr(features, name)[index])

    return tuple(
        Row(
            name=f"{name}[{index}]",
            group=group,
            label=f"{label} {band}",
            unit=unit,
            value=at(index),
            write=_decimal(decimals),
        )
        for index, band in enumerate(BAND_NAMES)
    )


def _fact(
    name: str,
    label: str,
    value: Callable[[Features], float],
    write: Callable[[float], str],
    unit: str = "",
    group: str = "Technical",
) -> Row:
    return Row(
        name=name,
        group=group,
        label=label,
        unit=unit,
        value=value,
        write=write,
        averages=group != "Technical",
    )


ROWS: tuple[Row, ...] = (
    _row("integrated_lufs", "Loudness", "Integrated loudness", "LUFS"),
    _row("max_short_term_lufs", "Loudness", "Highest short-term", "LUFS"),
    _row("max_momentary_lufs", "Loudness", "Highest momentary", "LUFS"),
    _row("loudness_range_lu", "Loudness", "Loudness range LRA", "LU"),
    _row("true_peak_dbtp", "Peaks and dynamics", "True peak", "dBTP", 2),
    _row("sample_peak_dbfs", "Peaks and dynamics", "Sample peak", "dBFS", 2),
    _row("plr_db", "Peaks and dynamics", "Peak to loudness PLR", "dB"),
    _row("psr_db", "Peaks and dynamics", "Peak to short-term PSR", "dB"),
    *_band_rows("crest_db", "Peaks and dynamics", "Crest", "dB", 1),
    _row("tilt_db_per_octave", "Tone", "Tilt", "dB per octave", 2),
    _fact("bandwidth_hz", "Bandwidth", lambda f: f.bandwidth_hz or math.nan, frequency, group="Tone"),
    _fact("width", "Side against mid", side_to_mid_total_db, _decimal(1, "no side"), "dB", group="Stereo"),
    _row("correlation", "Stereo", "Correlation", "", 2),
    *_band_rows("band_correlation", "Stereo", "Correlation", "", 2),
    _row("noise_floor_dbfs", "Technical", "Noise floor", "dBFS"),
    _fact("dc_offset", "DC offset", lambda f: 100.0 * f.dc_offset, _decimal(3), "% of full scale"),
    _fact("clipped_frames", "Clipped samples", lambda f: float(f.clipped_frames), _decimal(0)),
    _fact("clipped_runs", "Clipped runs", lambda f: float(f.clipped_runs), _decimal(0)),
    _fact("duration_s", "Duration", lambda f: f.duration_s, duration),
    _fact("sample_rate", "Sample rate", lambda f: float(f.sample_rate), _decimal(0), "Hz"),
    _fact("channels", "Channels", lambda f: float(f.channels), _decimal(0)),
)
