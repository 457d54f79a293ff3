"""MasterJob: everything a mastering run is asked for, apart from the input and output paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from mastering.ports import ASPECTS, Aspect
from mastering.styles import Style, Target
from mastering.target import DeliverySpec
from mastering.units import Range, check_ranges

__all__ = ["MasterJob", "Progress", "ignore_progress"]

Progress: TypeAlias = Callable[[str, float], None]
"""Called with a stage ("read", "measure", "match", "render", "limit", "write", "verify") and 0..1."""


def ignore_progress(stage: str, fraction: float) -> None:
    """The Progress of a caller that does not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterJob:
    """One request to master, for one input or for an album.

    Args:
        references: files to match; several are averaged.
        style: target curves and limits; without references, style or target it is "balanced".
        target: the platform's name and numbers, for the report; its numbers are already in `delivery`.
        delivery: loudness, ceiling, rate, bit depth, container; command-line values beat the target's.
        amount_percent: 0..100, None is auto.
        only: the aspects that may change.
        eq: linear-phase curve or parametric bands.
        matcher: name of a registered matcher.
        downmix: fold more than two channels down instead of refusing.
        force: replace an existing output.
        write_report: write NAME.report.html beside the master (NAME.recipe.json is always written).
    """

    references: tuple[Path, ...] = ()
    style: Style | None = None
    target: Target | None = None
    delivery: DeliverySpec = DeliverySpec()
    amount_percent: Annotated[float, Range(0.0, 100.0, "%")] | None = None
    only: tuple[Aspect, ...] = ASPECTS
    eq: Literal["linear", "parametric"] = "linear"
    matcher: str = "closed-form"
    downmix: bool = False
    force: bool = False
    write_report: bool = True

    def __post_init__(self) -> None:
        check_ranges(self)
