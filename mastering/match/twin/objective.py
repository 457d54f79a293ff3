"""What a rendered excerpt is compared in: tone of mid and side, and crest, each with its weight.

Errors count by a smooth absolute value that is quadratic below one `GRAIN_DB`: bands that cannot be reached
do not rule those that can.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mastering.match.tone import JUDGED
from mastering.match.twin.measures import Levels, level_powers, levels_of, third_octaves

__all__ = ["GRAIN_DB", "Tone", "heard_bands", "smooth", "with_whole"]

GRAIN_DB = 0.5
"""An error of this size counts 1."""

_QUIETEST_DB = 70.0
_LEAST_SIDE_DB = 50.0
_SILENT_DB = -110.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tone:
    """Wanted third octaves; their common level does not count.

    Attributes:
        levels_db: [2, 31], mid and side.
        weights: [2, 31]; bands that do not count have 0.
    """

    levels_db: Tensor
    weights: Tensor

    def errors_db(self, samples: Tensor, sample_rate: int) -> Tensor:
        """How far samples [1, channels, frames] are from it, [2, 31]; the mid's mean is taken off both."""
        apart = third_octaves(samples, sample_rate)[0].double() - self.levels_db
        mid = self.weights[0]
        level = (apart[0] * mid).sum() / mid.sum().clamp(min=1.0)
        return torch.where(self.weights > 0.0, apart - level, torch.zeros_like(apart))

    def cost(self, errors_db: Tensor) -> Tensor:
        """One number: 1 where every error of mid and side is about GRAIN_DB."""
        costs = smooth(errors_db / GRAIN_DB) * self.weights
        per_part = costs.sum(dim=-1) / self.weights.sum(dim=-1).clamp(min=1.0)
        return per_part[0] + 0.5 * per_part[1]


def heard_bands(levels_db: Tensor) -> Tensor:
    """Weights [2, 31] of third octaves [2, 31]: the judged bands in which mid and side are there."""
    mid, side = levels_db
    weights = torch.zeros_like(levels_db)
    loudest = mid[JUDGED].max()
    weights[0, JUDGED] = ((mid > loudest - _QUIETEST_DB) & (mid > _SILENT_DB)).to(mid.dtype)[JUDGED]
    there = (side > loudest - _QUIETEST_DB) & (side > mid - _LEAST_SIDE_DB) & (side > _SILENT_DB)
    weights[1, JUDGED] = there.to(mid.dtype)[JUDGED]
    return weights


def smooth(values: Tensor) -> Tensor:
    """Pseudo-Huber: x^2 for small x, 2|x| for large ones."""
    return 2.0 * (torch.sqrt(1.0 + values.square()) - 1.0)


def with_whole(samples: Tensor, sample_rate: int) -> Levels:
    """Levels of the four wide bands and, as a fifth, of all together."""
    powers = level_powers(samples, sample_rate)
    return levels_of(torch.cat([powers, powers.sum(dim=-1, keepdim=True)], dim=-1))
