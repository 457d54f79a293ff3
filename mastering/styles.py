"""Style and Target as values: how a master should sound, and where it is going.

Both are data: presets/styles/*.toml and presets/targets/*.toml, loaded by `mastering.library`.
A style holds a tone curve with tolerances, ranges of dynamics that are right as they are, the
colour it adds, and the limits no matcher may pass. A target holds what one platform asks for.

Conventions
    31 numbers: third-octave bands 20 Hz to 20 kHz (measure.features.THIRD_OCTAVES_HZ).
    4 numbers: the bands of measure.features.BAND_EDGES_HZ (low, low-mid, high-mid, high).
    A curve of levels is relative: only its shape counts, users of it remove the mean themselves.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from mastering.errors import ParameterError
from mastering.measure.features import BAND_EDGES_HZ, THIRD_OCTAVES_HZ
from mastering.target import DeliverySpec
from mastering.units import Range, check_ranges

__all__ = ["Glue", "Limits", "Style", "Target"]

LevelDb: TypeAlias = Annotated[float, Range(-80.0, 40.0, "dB")]
ToleranceDb: TypeAlias = Annotated[float, Range(0.0, 40.0, "dB")]
CapDb: TypeAlias = Annotated[float, Range(0.0, 24.0, "dB")]
CrestDb: TypeAlias = Annotated[float, Range(0.0, 40.0, "dB")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a master may move the music away from the mix; a matcher never goes further.

    Args:
        max_boost_db, max_cut_db: tone of the mid, any third octave, against the overall level.
        max_side_boost_db: how much more the side may be boosted than the mid, any third octave.
        max_width_change_db: side-to-mid level, any third octave, either way.
        max_compression_db: mean gain reduction of any compressor band over its loud passages.
        max_plr_reduction_db: peak-to-loudness ratio given up by the whole chain.
        max_limiter_reduction_db: gain reduction of the limiter on its 99th-percentile peak.
    """

    max_boost_db: CapDb = 6.0
    max_cut_db: CapDb = 6.0
    max_side_boost_db: CapDb = 3.0
    max_width_change_db: CapDb = 3.0
    max_compression_db: CapDb = 3.0
    max_plr_reduction_db: CapDb = 6.0
    max_limiter_reduction_db: CapDb = 6.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glue:
    """Bus compressor of a style.

    Args:
        threshold_lu: above the programme's integrated loudness, so that it follows the level of the
            mix: threshold in dBFS = integrated_lufs + threshold_lu.
        ratio, knee_db, attack_ms, release_ms: as in chain.Compressor.
    """

    threshold_lu: Annotated[float, Range(-24.0, 24.0, "LU")] = 0.0
    ratio: Annotated[float, Range(1.0, 20.0, ":1")] = 1.5
    knee_db: Annotated[float, Range(0.0, 24.0, "dB")] = 6.0
    attack_ms: Annotated[float, Range(0.1, 500.0, "ms")] = 30.0
    release_ms: Annotated[float, Range(5.0, 5_000.0, "ms")] = 200.0

    def __post_init__(self) -> None:
        check_ranges(self)


_CURVES = ("band_levels_db", "tone_tolerance_db", "voicing_db", "side_to_mid_db", "side_tolerance_db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a master should sound when there is no reference track.

    Args:
        name: what the user types; the stem of its file.
        title, summary, explanation: for people; the summary is one sentence for a producer.
        source: where the curve comes from: measured, published, or voiced by hand around one.
        band_levels_db: wanted third-octave levels (31) of the mid, before the style's own filters; only
            the shape counts.
        tone_tolerance_db: half-width (31) of what is left alone around that curve.
        voicing_db: added to every mix (31), on top of the correction towards the corridor.
        side_to_mid_db: wanted side level minus mid level (31).
        side_tolerance_db: half-width (31) of what is left alone around it.
        plr_low_db, plr_high_db: peak-to-loudness ratios that are right; act only outside.
        crest_low_db, crest_high_db: the same for the crest of each band (4), as Features.crest_db.
        integrated_lufs, ceiling_dbtp: used where neither target nor user says otherwise.
        high_pass_hz, low_pass_hz: filters the style always applies; None is none.
        mono_below_hz: side is removed below; None leaves the bass as wide as it is.
        saturation_drive_db, saturation_mix_percent: as in chain.Saturation; 0 % is none.
        glue: bus compressor; None is none.
        limiter_lookahead_ms, limiter_release_ms: as in chain.Limiter.
        limits: how far the style may go.
        model: name of the weights in the user's presets that judge instead of the corridor, as
            `tonmeister train` makes them; "" is none.
    """

    schema: Annotated[int, Range(1, 1)] = 1
    name: str
    title: str
    summary: str
    explanation: str = ""
    source: str
    band_levels_db: tuple[LevelDb, ...]
    tone_tolerance_db: tuple[ToleranceDb, ...]
    side_to_mid_db: tuple[LevelDb, ...]
    side_tolerance_db: tuple[ToleranceDb, ...]
    plr_low_db: CrestDb
    plr_high_db: CrestDb
    crest_low_db: tuple[CrestDb, ...]
    crest_high_db: tuple[CrestDb, ...]
    voicing_db: tuple[LevelDb, ...] = (0.0,) * len(THIRD_OCTAVES_HZ)
    integrated_lufs: Annotated[float, Range(-40.0, -3.0, "LUFS")] = -14.0
    ceiling_dbtp: Annotated[float, Range(-24.0, 0.0, "dBTP")] = -1.0
    high_pass_hz: Annotated[float, Range(10.0, 400.0, "Hz")] | None = None
    low_pass_hz: Annotated[float, Range(4_000.0, 40_000.0, "Hz")] | None = None
    mono_below_hz: Annotated[float, Range(20.0, 500.0, "Hz")] | None = None
    saturation_drive_db: Annotated[float, Range(0.0, 24.0, "dB")] = 0.0
    saturation_mix_percent: Annotated[float, Range(0.0, 100.0, "%")] = 0.0
    glue: Glue | None = None
    limiter_lookahead_ms: Annotated[float, Range(0.5, 20.0, "ms")] = 1.5
    limiter_release_ms: Annotated[float, Range(5.0, 1_000.0, "ms")] = 80.0
    limits: Limits = Limits()
    model: str = ""

    def __post_init__(self) -> None:
        check_ranges(self)
        for field in (
            "band_levels_db",
            "tone_tolerance_db",
            "voicing_db",
            "side_to_mid_db",
            "side_tolerance_db",
        ):
            _check_length(field, getattr(self, field), len(THIRD_OCTAVES_HZ))
        for field in ("crest_low_db", "crest_high_db"):
            _check_length(field, getattr(self, field), len(BAND_EDGES_HZ) + 1)
        _check_order("plr_low_db", "plr_high_db", (self.plr_low_db,), (self.plr_high_db,))
        _check_order("crest_low_db", "crest_high_db", self.crest_low_db, self.crest_high_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one platform, medium or standard asks of the delivered file.

    Args:
        name: what the user types; the stem of its file.
        title, summary: for people.
        date: ISO date (year, year-month or year-month-day) of the published document; where it has
            none, of the day its numbers were collected.
        source: document or page.
        official: the numbers are published by the platform itself or by a standards body.
        note: what the platform does with the file (normalisation, lossy codec), and any doubt.
        delivery: the numbers; integrated_lufs None where there is none.
    """

    schema: Annotated[int, Range(1, 1)] = 1
    name: str
    title: str
    summary: str
    date: str
    source: str
    official: bool
    note: str = ""
    delivery: DeliverySpec

    def __post_init__(self) -> None:
        check_ranges(self)
        try:
            datetime.date.fromisoformat(self.date + "-01-01"[len(self.date) - 4 :])
        except ValueError:
            raise ParameterError(
                f"Target.date={self.date!r}: allowed an ISO date such as 2023, 2023-11 or 2023-11-07",
                hint="Write the date of the published document.",
            ) from None


def _check_length(field: str, values: tuple[float, ...], length: int) -> None:
    if len(values) != length:
        raise ParameterError(
            f"Style.{field} has {len(values)} numbers: allowed exactly {length}",
            hint="31 numbers are third octaves from 20 Hz to 20 kHz; 4 are low, low-mid, high-mid, high.",
        )


def _check_order(low_name: str, high_name: str, low: tuple[float, ...], high: tuple[float, ...]) -> None:
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise ParameterError(
            f"Style.{low_name} is above Style.{high_name}: allowed a range from low to high",
            hint="Swap the two numbers.",
        )
