"""A third-octave curve in words: which regions rise or fall, and what a producer calls that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.report.wording import frequency, nominal_hz, number

__all__ = ["Region", "band_name", "find_regions", "phrase"]

_VERBS: tuple[tuple[float, str, str], ...] = (
    (60.0, "filled out the sub bass", "trimmed the sub bass"),
    (250.0, "filled out the bass", "tightened the bass"),
    (800.0, "warmed the low mids", "cleared the low mids"),
    (2_500.0, "brought the mids forward", "eased the mids back"),
    (6_000.0, "brought the presence forward", "softened the presence"),
    (12_000.0, "opened the highs", "softened the highs"),
    (math.inf, "added air", "took off air"),
)
"""Upper edge in Hz of each region, and what raising or lowering it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Neighbouring third octaves that all rise, or all fall, by at least a threshold.

    Attributes:
        first, last: indices of the outermost bands.
        peak: index of the band that moves most.
        gain_db: how far that one moves.
    """

    first: int
    last: int
    peak: int
    gain_db: float

    @property
    def weight(self) -> float:
        """How much of the sound it touches: depth times the root of its width in bands."""
        return abs(self.gain_db) * math.sqrt(self.last - self.first + 1)


def find_regions(curve_db: Sequence[float], *, threshold_db: float) -> tuple[Region, ...]:
    """The regions of a third-octave curve (31) beyond `threshold_db`, the weightiest first.

    >>> curve = [0.0] * 31
    >>> curve[26] = 2.0
    >>> find_regions(curve, threshold_db=0.5)[0].peak
    26
    """
    found: list[Region] = []
    start = 0
    for index in range(1, len(curve_db) + 1):
        if index < len(curve_db) and _side(curve_db[index], threshold_db) == _side(
            curve_db[start], threshold_db
        ):
            continue
        if _side(curve_db[start], threshold_db):
            peak = max(range(start, index), key=lambda i: abs(curve_db[i]))
            found.append(Region(first=start, last=index - 1, peak=peak, gain_db=curve_db[peak]))
        start = index
    return tuple(sorted(found, key=lambda region: -region.weight))


def _side(gain_db: float, threshold_db: float) -> int:
    if not math.isfinite(gain_db) or abs(gain_db) < threshold_db:
        return 0
    return 1 if gain_db > 0.0 else -1


def band_name(index: int) -> str:
    """The nominal centre of a third octave, as text.

    >>> band_name(26), band_name(5)
    ('8 kHz', '63 Hz')
    """
    return frequency(nominal_hz(THIRD_OCTAVES_HZ[index]))


def phrase(region: Region) -> str:
    """A region in a producer's words: "opened the highs: +2.1 dB around 8 kHz"."""
    centre_hz = THIRD_OCTAVES_HZ[region.peak]
    raised, lowered = next((up, down) for edge, up, down in _VERBS if centre_hz < edge)
    gain = number(region.gain_db, signed=True)
    where = f"around {band_name(region.peak)}"
    if region.last - region.first >= 4:
        where += f" ({band_name(region.first)} to {band_name(region.last)})"
    return f"{raised if region.gain_db > 0.0 else lowered}: {gain} dB {where}"
