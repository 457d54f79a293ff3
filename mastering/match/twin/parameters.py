"""TwinChain: the free numbers of a chain as unbounded tensors that an optimiser may move anywhere.

A number lies on its Range as a position 0..1 (`Range.normalise`; on a logarithmic scale where
equal ratios are equal steps), and the position is the sigmoid of the unbounded value: no step of
an optimiser leaves the range. Unbounded values start at 0 and are scaled so that 1 is about one
`unit` of the number: the same learning rate and the same prior serve decibels and milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from mastering.chain import LinearPhaseEq, Step
from mastering.match.twin.steps import TwinStep, numbers, plain, range_of
from mastering.units import Range

__all__ = ["LOGARITHMIC", "UNITS", "Free", "Freedom", "TwinChain", "bounded"]

LOGARITHMIC = frozenset({"ratio", "attack_ms", "release_ms", "frequency_hz", "q"})
"""Numbers whose equal ratios are equal steps; with "mid_" or "side_" before them, too."""

UNITS = {
    "threshold_dbfs": 4.0,
    "ratio": 0.3,
    "knee_db": 3.0,
    "attack_ms": 0.5,
    "release_ms": 0.5,
    "makeup_db": 1.0,
    "mid_gain_db": 1.0,
    "side_gain_db": 1.0,
    "frequency_hz": 0.3,
    "q": 0.3,
    "drive_db": 3.0,
    "mix_percent": 20.0,
}
"""Steps of about one audible size: in the number's own unit, of logarithmic ones in its logarithm."""

_EDGE = 1e-3
"""Positions start this far inside the range: on its very end the sigmoid has no slope."""

_LEAST_SLOPE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """How one field of a step may move.

    Args:
        low, high: bounds per number, inside its Range; None is the Range itself.
        units: size of one step per number; None is UNITS.
        moves: per number; what does not move keeps its value exactly. None lets all move that are
            inside the bounds.
    """

    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    units: Sequence[float] | None = None
    moves: Sequence[bool] | None = None


Freedom: TypeAlias = Mapping[tuple[int, str], Free]
"""(index of the step, name of the field) -> how it may move; what is not named is held."""


def bounded(raw: Tensor, step: Step, name: str) -> Tensor:
    """Unbounded values as numbers inside the Range of a field: for a network's outputs.

    Args:
        raw: any shape; 0 is the middle of the range (or of its logarithm).
        step: of the kind that has the field.
        name: as in `mastering.match.twin.steps`.
    """
    scale, logarithmic = _scale(range_of(step, name), name)
    denormalise: Any = scale.denormalise
    values: Tensor = denormalise(torch.sigmoid(raw))
    return torch.exp(values) if logarithmic else values


class TwinChain:
    """Steps with some numbers free.

    Args:
        steps: of a chain; where the numbers start.
        freedom: which of them move, and how far; None frees every number over its Range.
        tie_side: the side gains of linear-phase equalisers follow the mid's at their distance.

    Attributes:
        raw: the unbounded values, zero at the start; leaves of the graph.
    """

    def __init__(
        self, steps: Sequence[Step], freedom: Freedom | None = None, *, tie_side: bool = False
    ) -> None:
        if freedom is None:
            freedom = {(i, name): Free() for i, step in enumerate(steps) for name in numbers(step)}
        self._steps = tuple(steps)
        self._tie_side = tie_side
        self._fields = {
            (i, name): _Field(self._steps[i], name, free)
            for (i, name), free in freedom.items()
            if numbers(self._steps[i])[name]
        }
        self.raw: dict[tuple[int, str], Tensor] = {
            key: torch.zeros(len(field.start), dtype=torch.float64, requires_grad=True)
            for key, field in self._fields.items()
        }

    def steps(self) -> tuple[TwinStep, ...]:
        """The steps to render with, attached to `raw`."""
        values: list[dict[str, Tensor]] = [{} for _ in self._steps]
        for (i, name), field in self._fields.items():
            values[i][name] = field.value(self.raw[i, name])
        for step, found in zip(self._steps, values, strict=True):
            if self._tie_side and isinstance(step, LinearPhaseEq) and "mid_gain_db" in found:
                own = numbers(step)
                apart = torch.tensor(own["side_gain_db"], dtype=torch.float64)
                apart = apart - torch.tensor(own["mid_gain_db"], dtype=torch.float64)
                found["side_gain_db"] = found["mid_gain_db"] + apart
        return tuple(
            TwinStep(step=step, values=found) for step, found in zip(self._steps, values, strict=True)
        )

    def plain(self) -> tuple[Step, ...]:
        """The steps as values of a chain, inside every Range."""
        return tuple(plain(twin) for twin in self.steps())

    def moving(self) -> dict[tuple[int, str], Tensor]:
        """The unbounded values that may move, field by field: what a prior looks at."""
        return {key: raw[self._fields[key].moves] for key, raw in self.raw.items()}


class _Field:
    """One field's numbers: start, bounds, and the way from unbounded values to them."""

    def __init__(self, step: Step, name: str, free: Free) -> None:
        limits = range_of(step, name)
        self.start = torch.tensor(numbers(step)[name], dtype=torch.float64)
        count = len(self.start)
        self._logarithmic = _is_logarithmic(name)
        start = self._scaled(self.start)
        low = self._scaled(_row(free.low, limits.low, count))
        high = self._scaled(_row(free.high, limits.high, count))
        self.moves = (start >= low) & (start <= high) & (high > low)
        if free.moves is not None:
            self.moves &= torch.tensor(list(free.moves))
        self._low = torch.where(self.moves, low, start - 1.0)
        self._width = torch.where(self.moves, high - low, torch.full_like(low, 2.0))
        position = ((start - self._low) / self._width).clamp(_EDGE, 1.0 - _EDGE)
        self._logit = torch.logit(position)
        units = _row(free.units, UNITS[_base(name)], count)
        self._pace = units / (self._width * (position * (1.0 - position)).clamp(min=_LEAST_SLOPE))

    def value(self, raw: Tensor) -> Tensor:
        position = torch.sigmoid(self._logit + self._pace * raw)
        scaled = self._low + self._width * position
        moved = torch.exp(scaled) if self._logarithmic else scaled
        return torch.where(self.moves, moved, self.start)

    def _scaled(self, values: Tensor) -> Tensor:
        return torch.log(values) if self._logarithmic else values


def _row(values: Sequence[float] | None, otherwise: float, count: int) -> Tensor:
    return torch.tensor([otherwise] * count if values is None else list(values), dtype=torch.float64)


def _base(name: str) -> str:
    return name if name in UNITS else name.split("_", 1)[1]


def _is_logarithmic(name: str) -> bool:
    return _base(name) in LOGARITHMIC


def _scale(limits: Range, name: str) -> tuple[Range, bool]:
    if _is_logarithmic(name):
        return Range(math.log(limits.low), math.log(limits.high), limits.unit), True
    return limits, False
