"""Judging: what cannot be mastered, what the user should know, whether the master is what was asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from mastering.errors import AudioFileError
from mastering.measure.features import Features
from mastering.notice import Notice
from mastering.report.model import Check
from mastering.target import DeliverySpec
from mastering.units import db_to_gain

__all__ = ["album_check", "checks_of", "input_notices", "missed_notices", "refuse_unmeasurable"]

MIN_DURATION_S = 0.4
"""One block of integrated loudness (BS.1770)."""

CEILING_TOLERANCE_DB = 0.05


def refuse_unmeasurable(path: Path, features: Features, what: str) -> None:
    """Raise AudioFileError for a file too short or too quiet to have a loudness ("too_short", "silent")."""
    if features.duration_s < MIN_DURATION_S:
        raise AudioFileError(
            f"{path.name}: {what} is {features.duration_s:.3f} s long; at least {MIN_DURATION_S} s is needed "
            "to measure loudness",
            hint="Use a longer file.",
            code="too_short",
        )
    constant = abs(features.dc_offset) > 0.999 * db_to_gain(features.sample_peak_dbfs)
    if constant or not math.isfinite(features.integrated_lufs):
        found = "only a DC offset" if constant and features.dc_offset else "nothing above -70 LUFS"
        raise AudioFileError(
            f"{path.name}: {what} is silent ({found} in {features.duration_s:.1f} s)",
            hint="Check the export: the right track, not muted, not only a DC offset.",
            code="silent",
        )


def input_notices(before: Features) -> Iterator[Notice]:
    """Defects of the input that mastering does not mend."""
    if before.clipped_runs:
        yield Notice(
            code="input_clipped",
            message=f"The input clips in {before.clipped_runs} places ({before.clipped_frames} samples); "
            "a limiter cannot bring back what is cut off. Export the mix with lower peaks if you can.",
        )
    if abs(before.dc_offset) > 0.001:
        yield Notice(
            code="dc_offset",
            message=f"The input has a DC offset of {100.0 * before.dc_offset:+.2f} % of full scale.",
        )


def missed_notices(limited_by: str, wanted_lufs: float | None) -> tuple[Notice, ...]:
    """Why the wanted loudness was not reached: `limited_by` is `LimiterPlan.limited_by`."""
    if not limited_by or wanted_lufs is None:
        return ()
    why = "the ceiling" if limited_by == "ceiling" else "the cap on limiting"
    return (
        Notice(
            code="loudness_not_reached",
            message=f"{wanted_lufs:.1f} LUFS is out of reach: {why} comes first. "
            "Ask for less loudness, or for more compression before the limiter.",
        ),
    )


def album_check(album_lufs: float, wanted_lufs: float, spec: DeliverySpec) -> Check:
    """Loudness of all songs of an album together."""
    return Check(
        name="album_lufs",
        measured=album_lufs,
        limit=wanted_lufs,
        unit="LUFS",
        passed=abs(album_lufs - wanted_lufs) <= spec.tolerance_lu,
    )


def checks_of(
    after: Features, spec: DeliverySpec, wanted_lufs: float | None, duration_s: float
) -> tuple[Check, ...]:
    """Loudness (where one was asked for), ceiling and length of the written file."""
    checks = []
    if wanted_lufs is not None:
        checks.append(
            Check(
                name="integrated_lufs",
                measured=after.integrated_lufs,
                limit=wanted_lufs,
                unit="LUFS",
                passed=abs(after.integrated_lufs - wanted_lufs) <= spec.tolerance_lu,
            )
        )
    checks.append(
        Check(
            name="true_peak_dbtp",
            measured=after.true_peak_dbtp,
            limit=spec.ceiling_dbtp,
            unit="dBTP",
            passed=after.true_peak_dbtp <= spec.ceiling_dbtp + CEILING_TOLERANCE_DB,
        )
    )
    checks.append(
        Check(
            name="duration_s",
            measured=after.duration_s,
            limit=duration_s,
            unit="s",
            passed=abs(after.duration_s - duration_s) <= 1.0 / after.sample_rate,
        )
    )
    return tuple(checks)
