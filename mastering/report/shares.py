"""How much of a difference was matched, how much was left, and how far off the matcher expects to be.

Conventions
    Curves are gains in dB over the 31 third octaves; means are over the 28 compared ones (31.5 Hz to 16 kHz).
    Tone is the gain of mid; width is the gain of side beyond that of mid.
    In a band, what the curve closes of the difference is matched and the rest is left, so the two always
    add up. What the curve does beyond the difference, or against it, is neither.

How sure: an expected error counts by itself (0.5 dB of tone over the whole spectrum is hardly heard, 1 dB
is; of width twice that, as the side lies far below the mid) and against what was changed: 1 dB off is
little for a curve that moves 4 dB and much for one that moves 1 dB. The better of the two verdicts counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mastering.measure.features import Features
from mastering.ports import MatchResult
from mastering.report.compare import COMPARED
from mastering.report.model import Report
from mastering.report.rows import side_to_mid_total_db

__all__ = [
    "AUDIBLE_DB",
    "SURE_SHARE",
    "TONE_SURE_DB",
    "WIDTH_SURE_DB",
    "Curve",
    "Share",
    "Sureness",
    "shares_of",
    "shares_of_match",
    "sureness",
]

Curve: TypeAlias = npt.NDArray[np.float64]
Sureness: TypeAlias = Literal["sure", "fairly sure", "unsure"]

AUDIBLE_DB = 0.3
"""Differences and changes below this are not worth a sentence."""

TONE_SURE_DB, WIDTH_SURE_DB = 0.5, 1.0
"""Largest mean expected error that is "sure" whatever was changed; up to twice that is "fairly sure"."""

SURE_SHARE = 0.25
"""The same as a share of the mean change; up to twice that is "fairly sure"."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Share:
    """A difference, what was kept of it, and how far off that is expected to be.

    Attributes:
        wanted_db, kept_db: the whole difference and what the chain applies (31).
        error_db: expected absolute error of `kept_db` (31), NaN where unknown; None where the matcher
            cannot say.
        sure_db: largest mean error that is hardly heard.
    """

    wanted_db: Curve
    kept_db: Curve
    error_db: Curve | None = None
    sure_db: float = TONE_SURE_DB

    @property
    def left_db(self) -> Curve:
        """What is left of the difference in each band (31): between 0 and the difference itself."""
        low, high = np.minimum(self.wanted_db, 0.0), np.maximum(self.wanted_db, 0.0)
        return np.asarray(np.clip(self.wanted_db - self.kept_db, low, high))

    @property
    def beyond_db(self) -> Curve:
        """What the curve does beyond the difference, or against it (31)."""
        return self.kept_db - (self.wanted_db - self.left_db)

    @property
    def whole_mean_db(self) -> float:
        """Mean size of the difference."""
        return _mean(self.wanted_db)

    @property
    def matched_mean_db(self) -> float:
        """Mean size of what was matched."""
        return self.whole_mean_db - _mean(self.left_db)

    @property
    def kept_mean_db(self) -> float:
        """Mean size of the curve that the chain applies."""
        return _mean(self.kept_db)

    @property
    def matched_share(self) -> float:
        """Matched part of the difference, 0 to 1; 0 where there is no difference."""
        return self.matched_mean_db / self.whole_mean_db if self.whole_mean_db > 0.0 else 0.0

    @property
    def differs(self) -> bool:
        """True where the difference is worth a sentence."""
        return self.whole_mean_db >= AUDIBLE_DB

    @property
    def idle(self) -> bool:
        """True where next to nothing was kept."""
        return self.kept_mean_db < AUDIBLE_DB

    @property
    def untouched(self) -> bool:
        """True where nothing was kept and nobody judged: this was not to change."""
        return self.error_db is None and not self.kept_db.any()

    @property
    def error_mean_db(self) -> float | None:
        """Mean expected error; None where it is not known."""
        if self.error_db is None:
            return None
        known = self.error_db[COMPARED][np.isfinite(self.error_db[COMPARED])]
        return float(known.mean()) if known.size else None

    @property
    def sureness(self) -> Sureness | None:
        """What the expected error means; None where it is not known."""
        error_db = self.error_mean_db
        return None if error_db is None else sureness(error_db, self.kept_mean_db, self.sure_db)


def sureness(error_db: float, changed_db: float, sure_db: float = TONE_SURE_DB) -> Sureness:
    """What a mean expected error means for a curve that changes `changed_db` on average.

    >>> sureness(0.4, 0.1), sureness(0.8, 1.2), sureness(1.4, 1.2), sureness(1.4, 3.0)
    ('sure', 'fairly sure', 'unsure', 'fairly sure')
    """
    limit_db = max(sure_db, SURE_SHARE * changed_db)
    error_db = round(error_db, 1)  # as it is written: "0.5 dB" is what the word is about
    return "sure" if error_db <= limit_db else "fairly sure" if error_db <= 2.0 * limit_db else "unsure"


def shares_of(report: Report) -> tuple[Share | None, Share | None]:
    """Of tone and of width; None where the matcher told no curves, and for the width of mono."""
    if report.match is None:
        return None, None
    return shares_of_match(report.match, report.before)


def shares_of_match(match: MatchResult, before: Features) -> tuple[Share | None, Share | None]:
    """The same of one matcher's answer about what measures as `before`."""
    wanted, kept = _curve(match.wanted_mid_db), _curve(match.kept_mid_db)
    tone = _share(wanted, kept, match.expected_error_mid_db, TONE_SURE_DB)
    sides = _curve(match.wanted_side_db), _curve(match.kept_side_db)
    if tone is None or not all(len(side) == len(wanted) for side in sides):
        return tone, None
    if not math.isfinite(side_to_mid_total_db(before)):
        return tone, None
    return tone, _share(sides[0] - wanted, sides[1] - kept, match.expected_error_side_db, WIDTH_SURE_DB)


def _share(wanted: Curve, kept: Curve, error: Sequence[float], sure_db: float) -> Share | None:
    if not len(wanted) or len(wanted) != len(kept) or not math.isfinite(_mean(wanted) + _mean(kept)):
        return None
    known = _curve(error)
    usable = len(known) == len(kept) and bool(np.isfinite(known[COMPARED]).any())
    error_db = np.abs(known) if usable else None
    return Share(wanted_db=wanted, kept_db=kept, error_db=error_db, sure_db=sure_db)


def _curve(values: Sequence[float]) -> Curve:
    return np.asarray(values, dtype=np.float64)


def _mean(curve: Curve) -> float:
    return float(np.abs(curve[COMPARED]).mean()) if len(curve) >= COMPARED.stop else math.nan
