"""The rows of the matching benchmark as arrays that line up: by task, subset, system and metric."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import intervals
import numpy as np
from cases import Spec
from systems import System

SUBSETS = ("all", "real", "renders")


@dataclass(frozen=True, eq=False)
class Table:
    """Every system's row on every case.

    Args:
        rows: one for each case and system.
        specs: the cases, in order.
        systems: in the order of the page.
    """

    rows: Sequence[dict]
    specs: Sequence[Spec]
    systems: Sequence[System]

    @functools.cached_property
    def _found(self) -> dict[tuple[str, str], dict]:
        return {(row["case"], row["system"]): row for row in self.rows}

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(spec.task for spec in self.specs))

    def has(self, system: str) -> bool:
        return any(one.name == system for one in self.systems)

    def cases(self, tasks: Sequence[str], subset: str = "all") -> list[Spec]:
        """Cases of some tasks, of all songs or of real pieces or renders alone."""
        wanted = {"all": (False, True), "real": (False,), "renders": (True,)}[subset]
        return [spec for spec in self.specs if spec.task in tasks and spec.song.rendered in wanted]

    def values(self, cases: Sequence[Spec], system: str, key: str) -> np.ndarray:
        """One metric of one system, in the order of the cases."""
        return np.array([self._found[spec.name, system][key] for spec in cases])

    def families(self, spec: Spec) -> list[str]:
        return list(self._found[spec.name, self.systems[0].name]["families"])

    def worse_than_identity(self, cases: Sequence[Spec], system: str) -> np.ndarray:
        """1.0 where the input was closer to the truth than the master, by LTAS-M."""
        own, input_ = (self.values(cases, name, "ltas_m") for name in (system, "identity"))
        return (own > input_ + 1e-3).astype(float)


def draws(cases: Sequence[Spec]) -> list[np.ndarray]:
    """Bootstrap redraws of cases, clustered by song."""
    return _draws(tuple(spec.song.name for spec in cases))


@functools.cache
def _draws(clusters: tuple[str, ...]) -> list[np.ndarray]:
    return intervals.redraws(clusters)
