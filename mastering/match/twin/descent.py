"""Descent: Adam on the free numbers of a chain, keeping the best that keeps the rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mastering.chain import Step
from mastering.match.twin.parameters import TwinChain
from mastering.match.twin.steps import TwinStep

__all__ = ["Judged", "descend"]

FIRST_RATE = 0.25
LAST_RATE = 0.02
"""Learning rates in units of `parameters.UNITS`, from the first step to the last along a cosine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is said of one set of steps.

    Attributes:
        objective: to be made small; attached to the steps' tensors.
        allowed: whether a chain may end here.
    """

    objective: Tensor
    allowed: bool = True


def descend(
    chain: TwinChain,
    judge: Callable[[tuple[TwinStep, ...]], Judged],
    steps: int,
    *,
    prior: float = 0.0,
) -> tuple[Step, ...]:
    """The best allowed steps on the way; those of the start if none is better than they.

    Args:
        chain: where to start; its `raw` is left at the best.
        judge: of the steps; must not depend on chance.
        steps: gradient steps.
        prior: weight of the mean square distance of each field from its start, in units.
    """
    free = [raw for raw in chain.raw.values() if raw.numel()]
    if not free:
        return chain.plain()
    adam = torch.optim.Adam(free, lr=FIRST_RATE, betas=(0.8, 0.95))
    best = [raw.detach().clone() for raw in free]
    least = math.inf
    for number in range(steps + 1):
        judged = judge(chain.steps())
        objective = judged.objective + prior * _distance(chain)
        value = float(objective.detach())
        if not math.isfinite(value):
            break
        if value < least and (judged.allowed or number == 0):
            least, best = value, [raw.detach().clone() for raw in free]
        if number == steps:
            break
        adam.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        if not all(raw.grad is not None and bool(torch.isfinite(raw.grad).all()) for raw in free):
            break
        share = 0.5 * (1.0 + math.cos(math.pi * number / steps))
        for group in adam.param_groups:
            group["lr"] = LAST_RATE + share * (FIRST_RATE - LAST_RATE)
        adam.step()
    with torch.no_grad():
        for raw, found in zip(free, best, strict=True):
            raw.copy_(found)
    return chain.plain()


def _distance(chain: TwinChain) -> Tensor:
    """Sum over the fields of the mean square of what moves, in units."""
    parts = [raw.square().mean() for raw in chain.moving().values() if raw.numel()]
    return torch.stack(parts).sum() if parts else torch.zeros((), dtype=torch.float64)
