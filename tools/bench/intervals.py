"""Medians, shares and paired comparisons with intervals from a bootstrap over songs.

Cases of one song are not independent: the bootstrap draws whole songs with replacement and takes
all their cases (cluster bootstrap; Davison, Hinkley, "Bootstrap Methods and their Application",
1997, section 3.8). The interval holds the middle 95 % of the redrawn statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2_000
SEED = 20_260


@dataclass(frozen=True)
class Estimate:
    """A statistic and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def redraws(clusters: Sequence[str], resamples: int = RESAMPLES, seed: int = SEED) -> list[np.ndarray]:
    """For each resample the positions of the cases whose songs were drawn.

    Args:
        clusters: the song of each case.
    """
    names = sorted(set(clusters))
    members = {name: np.flatnonzero([cluster == name for cluster in clusters]) for name in names}
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(names), size=(resamples, len(names)))
    return [np.concatenate([members[names[i]] for i in row]) for row in drawn]


def estimate(
    values: np.ndarray, draws: Sequence[np.ndarray], statistic: Callable[[np.ndarray], float] = np.median
) -> Estimate:
    """A statistic of the values with its interval over given redraws."""
    again = [statistic(values[rows]) for rows in draws]
    low, high = np.percentile(again, (2.5, 97.5))
    return Estimate(float(statistic(values)), float(low), float(high))


def ratio(a: np.ndarray, b: np.ndarray, draws: Sequence[np.ndarray]) -> Estimate:
    """Median of `a` over median of `b`, on the same cases."""
    again = [np.median(a[rows]) / np.median(b[rows]) for rows in draws]
    low, high = np.percentile(again, (2.5, 97.5))
    return Estimate(float(np.median(a) / np.median(b)), float(low), float(high))


def win_rate(a: np.ndarray, b: np.ndarray) -> float:
    """Share of cases in which `a` is lower than `b`; a tie counts half."""
    return float(np.mean((a < b) + 0.5 * (a == b)))
