"""TwinStep: a step of a chain whose numbers are tensors.

Names of the numbers, with what their last dimension counts; leading dimensions are the batch.

LinearPhaseEq       mid_gain_db, side_gain_db [points]
Width               side_gain_db [points]
Compressor,         threshold_dbfs, ratio, knee_db, attack_ms, release_ms, makeup_db [bands]
MultibandCompressor (a Compressor has one band)
Equalizer           mid_frequency_hz, mid_gain_db, mid_q [mid bands], the same with side_
Saturation          drive_db, mix_percent [1]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MultibandCompressor,
    Saturation,
    Step,
    Width,
)
from mastering.units import Range, ranges

__all__ = ["COMPRESSOR_FIELDS", "TwinStep", "numbers", "plain", "range_of"]

COMPRESSOR_FIELDS = ("threshold_dbfs", "ratio", "knee_db", "attack_ms", "release_ms", "makeup_db")
_BAND_FIELDS = ("frequency_hz", "gain_db", "q")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwinStep:
    """A step with some of its numbers replaced by tensors.

    Args:
        step: says what kind it is, and gives what is never a tensor (frequencies of a curve,
            crossovers, shapes) and every number that `values` does not.
        values: name -> tensor [..., count]; see the module's text.
    """

    step: Step
    values: Mapping[str, Tensor] = field(default_factory=dict)

    def value(self, name: str, like: Tensor) -> Tensor:
        """The number called `name` [..., count]: the tensor, else the step's own on the device of `like`."""
        found = self.values.get(name)
        if found is None:
            return torch.tensor(numbers(self.step)[name], dtype=torch.float64, device=like.device)
        return found


def numbers(step: Step) -> dict[str, tuple[float, ...]]:
    """Every number of a step that a tensor can replace."""
    if isinstance(step, LinearPhaseEq):
        return {"mid_gain_db": step.mid_gain_db, "side_gain_db": step.side_gain_db}
    if isinstance(step, Width):
        return {"side_gain_db": step.side_gain_db}
    if isinstance(step, Saturation):
        return {"drive_db": (step.drive_db,), "mix_percent": (step.mix_percent,)}
    if isinstance(step, Equalizer):
        return {
            f"{part}_{name}": tuple(getattr(band, name) for band in bands)
            for part, bands in (("mid", step.mid), ("side", step.side))
            for name in _BAND_FIELDS
        }
    bands = step.bands if isinstance(step, MultibandCompressor) else (step,)
    return {name: tuple(getattr(band, name) for band in bands) for name in COMPRESSOR_FIELDS}


def range_of(step: Step, name: str) -> Range:
    """The Range that a number of a step is declared with."""
    if isinstance(step, Equalizer):
        return ranges(EqBand)[name.split("_", 1)[1]]
    kind: Any = Compressor if isinstance(step, MultibandCompressor) else type(step)
    return ranges(kind)[name]


def plain(twin: TwinStep) -> Step:
    """The step with its tensors as numbers, to four decimals and inside their ranges; no batch.

    >>> plain(TwinStep(step=Saturation(), values={"drive_db": torch.tensor([3.0])})).drive_db
    3.0
    """
    step = twin.step
    found: dict[str, Any] = {}
    for name, own in numbers(step).items():
        tensor = twin.values.get(name)
        limits = range_of(step, name)
        found[name] = (
            own
            if tensor is None
            else tuple(
                min(limits.high, max(limits.low, round(float(value), 4)))
                for value in tensor.detach().double()
            )
        )
    if isinstance(step, (LinearPhaseEq, Width)):
        return replace(step, **found)
    if isinstance(step, Equalizer):
        return replace(step, mid=_bands(step.mid, "mid", found), side=_bands(step.side, "side", found))
    if isinstance(step, MultibandCompressor):
        bands = tuple(
            replace(band, **{name: found[name][i] for name in COMPRESSOR_FIELDS})
            for i, band in enumerate(step.bands)
        )
        return replace(step, bands=bands)
    return replace(step, **{name: values[0] for name, values in found.items()})


def _bands(bands: tuple[EqBand, ...], part: str, found: Mapping[str, Any]) -> tuple[EqBand, ...]:
    return tuple(
        replace(band, **{name: found[f"{part}_{name}"][i] for name in _BAND_FIELDS})
        for i, band in enumerate(bands)
    )
