"""Units: dB and linear, milliseconds and frames, and `Range`, the one place a number is declared.

A parameter is declared once, as `Annotated[float, Range(low, high, unit)]` on a dataclass
field. Validation, the codec's messages, the presets' schema and the command line's help
all read that line.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from dataclasses import dataclass
from typing import Any

from mastering.errors import ParameterError

__all__ = [
    "Range",
    "check_ranges",
    "db_to_gain",
    "gain_to_db",
    "ms_to_frames",
    "power_to_db",
    "ranges",
]


@dataclass(frozen=True, slots=True)
class Range:
    """Closed interval a number must lie in, with its unit as text ("" for a pure number)."""

    low: float
    high: float
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.low:g}..{self.high:g}{unit}"

    def normalise(self, value: float) -> float:
        """`value` on this range as 0..1, linearly.

        >>> Range(-24.0, 24.0, "dB").normalise(0.0)
        0.5
        """
        return (value - self.low) / (self.high - self.low)

    def denormalise(self, position: float) -> float:
        """The value at `position` 0..1 of this range; the inverse of `normalise`."""
        return self.low + position * (self.high - self.low)


@functools.cache
def ranges(kind: type[Any]) -> dict[str, Range]:
    """Field name -> Range for a dataclass; fields without a Range are left out.

    A tuple of numbers is declared as `tuple[Annotated[float, Range(...)], ...]`.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    found: dict[str, Range] = {}
    for field in dataclasses.fields(kind):
        limits = _range_in(hints[field.name])
        if limits is not None:
            found[field.name] = limits
    return found


def _range_in(hint: Any) -> Range | None:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Range):
            return extra
    for argument in typing.get_args(hint):
        limits = _range_in(argument)
        if limits is not None:
            return limits
    return None


def check_ranges(instance: Any) -> None:
    """Raise ParameterError for the first number of a dataclass that is outside its Range.

    None passes: it means "not asked for". Call it from `__post_init__`.
    """
    kind: Any = type(instance)
    for name, limits in ranges(kind).items():
        value = getattr(instance, name)
        for item in value if isinstance(value, tuple) else (value,):
            if item is None:
                continue
            if not isinstance(item, (int, float)) or isinstance(item, bool) or not _inside(item, limits):
                raise ParameterError(
                    f"{kind.__name__}.{name}={item!r}: allowed {limits}",
                    hint=f"Choose a number from {limits.low:g} to {limits.high:g}.",
                )


def _inside(value: float, limits: Range) -> bool:
    return math.isfinite(value) and limits.low <= value <= limits.high


def db_to_gain(level_db: float) -> float:
    """Amplitude factor of a level in dB.

    >>> round(db_to_gain(-6.0206), 4)
    0.5
    """
    return float(10.0 ** (level_db / 20.0))


def gain_to_db(gain: float) -> float:
    """Level in dB of an amplitude factor; -inf for zero."""
    return 20.0 * math.log10(gain) if gain > 0.0 else -math.inf


def power_to_db(power: float) -> float:
    """Level in dB of a power; -inf for zero."""
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf


def ms_to_frames(duration_ms: float, sample_rate: int) -> int:
    """Whole frames of a duration, rounded to nearest.

    >>> ms_to_frames(10.0, 44_100)
    441
    """
    return round(duration_ms * sample_rate / 1000.0)
