"""The rows of the separation benchmark by set, system and stem: means, medians, intervals, verdicts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import intervals
import numpy as np
from separate_cases import SETS, STEMS, Spec
from separate_systems import System

BAR_DB = 3.0
VOCALS_DB = (0.0, 4.0)
"""Asked for, and aimed at."""


@dataclass(frozen=True)
class Score:
    """One system on one stem of one set.

    Args:
        whole_db: SI-SDR of whole cases, mean over cases; None where the estimate is silent.
        windows: mean SI-SDR of the windows in which the stem sounds.
        second_db: SDR of seconds: median of a case, median over cases (museval).
        sdr_db: SDR of whole cases, mean over cases (Music Demixing Challenge).
    """

    whole_db: float | None
    windows: intervals.Estimate | None
    second_db: float
    sdr_db: float


@dataclass(frozen=True)
class Point:
    """One requirement, measured."""

    asked: str
    measured: str
    reached: bool


@dataclass(frozen=True, eq=False)
class Table:
    """Every system's row on every case.

    Args:
        rows: one for each case and system that was run.
        specs: the cases, in order.
        systems: in the order of the page, the absent ones too.
    """

    rows: Sequence[dict]
    specs: Sequence[Spec]
    systems: Sequence[System]

    @functools.cached_property
    def _found(self) -> dict[tuple[str, str], dict]:
        return {(row["case"], row["system"]): row for row in self.rows}

    @property
    def sets(self) -> list[str]:
        return [name for name in SETS if any(spec.set == name for spec in self.specs)]

    def cases(self, set_: str) -> list[Spec]:
        return [spec for spec in self.specs if spec.set == set_]

    def present(self, set_: str) -> list[System]:
        """Systems with a row on every case of a set."""
        cases = self.cases(set_)
        return [s for s in self.systems if all((spec.name, s.name) in self._found for spec in cases)]

    def absent(self, set_: str) -> list[System]:
        """Systems that would be judged on a set but cannot run here."""
        return [system for system in self.systems if system.missing and set_ in system.sets]

    def stems(self, set_: str) -> list[str]:
        """Stems that are judged in a set: those that every case has."""
        each = [set(row["stems"]) for row in self.rows if row["set"] == set_]
        return [stem for stem in STEMS if each and all(stem in found for found in each)]

    def row(self, spec: Spec, system: str) -> dict:
        return self._found[spec.name, system]

    def windows(self, set_: str, system: str, stem: str) -> np.ndarray:
        """SI-SDR of all windows of a set in order; NaN where the stem rests."""
        values = [self.row(spec, system)["stems"][stem]["windows_db"] for spec in self.cases(set_)]
        return np.array([np.nan if v is None else v for case in values for v in case])

    def clusters(self, set_: str, stem: str) -> list[str]:
        """What the bootstrap draws: cases, or the windows of a set of one case."""
        cases = self.cases(set_)
        system = self.present(set_)[0].name
        counts = [len(self.row(spec, system)["stems"][stem]["windows_db"]) for spec in cases]
        if len(cases) == 1:
            return [f"{window:05d}" for window in range(counts[0])]
        return [spec.name for spec, count in zip(cases, counts, strict=True) for _ in range(count)]

    def mean(self, set_: str, stem: str, values: np.ndarray) -> intervals.Estimate | None:
        """Mean over sounding windows with its interval."""
        on = np.isfinite(values)
        if not on.any():
            return None
        clusters = [c for c, sounding in zip(self.clusters(set_, stem), on, strict=True) if sounding]
        return intervals.estimate(values[on], _draws(tuple(clusters)), np.mean)

    def score(self, set_: str, system: str, stem: str) -> Score:
        found = [self.row(spec, system)["stems"][stem] for spec in self.cases(set_)]
        whole = [one["si_sdr_db"] for one in found]
        seconds = [np.median([v for v in one["seconds_db"] if v is not None]) for one in found]
        return Score(
            whole_db=None if None in whole else float(np.mean(whole)),
            windows=self.mean(set_, stem, self.windows(set_, system, stem)),
            second_db=float(np.median(seconds)),
            sdr_db=float(np.mean([one["sdr_db"] for one in found])),
        )

    def best_free(self, set_: str, stem: str) -> System | None:
        """The training-free system with the highest mean SI-SDR of windows."""
        scored = [
            (score.windows.value, system)
            for system in self.present(set_)
            if system.kind == "free" and (score := self.score(set_, system.name, stem)).windows
        ]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None


@functools.cache
def _draws(clusters: tuple[str, ...]) -> list[np.ndarray]:
    return intervals.redraws(clusters)


def verdict(table: Table, system: System) -> list[Point]:
    """What a trained model was asked for, on every set that it ran on."""
    points = []
    for set_ in table.sets:
        if system not in table.present(set_):
            continue
        judged = [stem for stem in table.stems(set_) if table.best_free(set_, stem)]
        gains = [_gain(table, set_, stem, system) for stem in judged]
        points += [point for point, _ in gains]
        means = [gain for _, gain in gains]
        if len(means) > 1:
            asked = f"{set_}, mean of {len(means)} stems: at least {BAR_DB:g} dB above the best baselines"
            points.append(Point(asked, f"{np.mean(means):+.2f} dB", bool(np.mean(means) >= BAR_DB)))
        if set_ == "caesium":
            points += _vocals(table, system)
    return points


def _gain(table: Table, set_: str, stem: str, system: System) -> tuple[Point, float]:
    """The bar of one stem: reached where both the mean of windows and the whole lie above it."""
    best = table.best_free(set_, stem)
    asked = f"{set_} {stem}: at least {BAR_DB:g} dB above the best training-free"
    if best is None:
        raise ValueError(f"no baseline ran on {set_}")
    own, other = (table.windows(set_, name, stem) for name in (system.name, best.name))
    gain = table.mean(set_, stem, own - other)
    wholes = [table.score(set_, one.name, stem).whole_db for one in table.present(set_) if one.kind == "free"]
    highest = max(value for value in wholes if value is not None)
    whole = table.score(set_, system.name, stem).whole_db
    if gain is None or whole is None:
        return Point(asked, "the model is silent", False), float("-inf")
    measured = f"windows {gain} dB above {best.title}; whole {whole - highest:+.2f} dB"
    return Point(asked, measured, gain.value >= BAR_DB and whole - highest >= BAR_DB), gain.value


def _vocals(table: Table, system: System) -> list[Point]:
    score = table.score("caesium", system.name, "vocals")
    if score.windows is None or score.whole_db is None:
        return [Point("caesium vocals: above 0 dB", "the model is silent", False)]
    measured = f"windows {score.windows} dB; whole {score.whole_db:.2f} dB"
    lower = min(score.windows.value, score.whole_db)
    words = (f"above {VOCALS_DB[0]:g} dB SI-SDR", f"aim: {VOCALS_DB[1]:g} dB SI-SDR")
    return [
        Point(f"caesium vocals: {word}", measured, lower > least)
        for word, least in zip(words, VOCALS_DB, strict=True)
    ]
