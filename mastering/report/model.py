"""Report: everything one mastering run knows about itself, as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mastering.measure.features import Features
from mastering.notice import Notice
from mastering.ports import MatchResult
from mastering.stemwise.values import StemsMatch
from mastering.target import Recipe

__all__ = ["Check", "Curves", "Report", "is_reducing"]

_AUDIBLE_DB = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise and whether it was kept.

    Attributes:
        name: "integrated_lufs", "true_peak_dbtp", "duration_s", ...
        measured: what the written file measures.
        limit: what was asked for.
        unit: of both.
        passed: kept or not.
    """

    name: str
    measured: float
    limit: float
    unit: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Small time series for the plots; one value each `step_s` seconds.

    Attributes:
        step_s: seconds between values.
        before_peak, after_peak: highest absolute sample in each step, full scale 1.0.
        limiter_reduction_db: deepest limiter gain reduction in each step (<= 0).
        compressor_reduction_db: per compressor band: deepest reduction in each step (<= 0); empty if none.
    """

    step_s: float
    before_peak: tuple[float, ...] = ()
    after_peak: tuple[float, ...] = ()
    limiter_reduction_db: tuple[float, ...] = ()
    compressor_reduction_db: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What went in, what was done, what came out, and whether it is what was asked for.

    Attributes:
        input_name, output_name: file names without folders.
        input_sha256, output_sha256: digests of the files.
        reference_names: file names of the references.
        style, target: names, "" where none was asked for.
        before, after: Features of the input and of the written file.
        references: Features of the references.
        match: what the matcher wanted and kept; None for `apply`.
        recipe: the chain and delivery that repeat this master.
        checks: promises kept or missed.
        notices: what the user should know.
        curves: time series for plots.
        versions: library name -> version.
        seconds: stage -> seconds.
        stems: what was wanted and done for each stem; None for `apply` and where there was no separator.
    """

    input_name: str
    output_name: str
    input_sha256: str
    output_sha256: str
    reference_names: tuple[str, ...]
    style: str
    target: str
    before: Features
    after: Features
    references: tuple[Features, ...]
    match: MatchResult | None
    recipe: Recipe
    checks: tuple[Check, ...]
    notices: tuple[Notice, ...]
    curves: Curves
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    stems: StemsMatch | None = None

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return all(check.passed for check in self.checks)


def is_reducing(curve_db: Sequence[float]) -> bool:
    """True when a gain reduction curve (<= 0) does anything worth a word: at least 0.05 dB somewhere."""
    return min(curve_db, default=0.0) <= -_AUDIBLE_DB
