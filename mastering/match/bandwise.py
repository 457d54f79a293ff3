"""A compressor for each wide band from the network's places: where in its Range each number lies.

The threshold is counted from the band's median level, so that a place means the same in a quiet
and in a loud band; attack and release lie on a logarithmic scale. Make-up keeps the band's RMS level.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.chain import Compressor
from mastering.match.density import KNEE_DB, MIN_RATIO, Distribution, mean_reduction_db
from mastering.units import Range, ranges

__all__ = ["ATTACK_LOG_MS", "RATIO", "RELEASE_LOG_MS", "THRESHOLD_OVER_MEDIAN", "compressor_from"]

THRESHOLD_OVER_MEDIAN = Range(-8.0, 12.0, "dB")
RATIO = Range(1.0, 4.0, ":1")
ATTACK_LOG_MS = Range(float(np.log(2.0)), float(np.log(80.0)))
RELEASE_LOG_MS = Range(float(np.log(40.0)), float(np.log(600.0)))
"""What a master may ask of a band: a part of what `chain.Compressor` allows; times as natural logarithms."""


def compressor_from(
    places: npt.NDArray[np.floating], band: Distribution, max_mean_reduction_db: float
) -> Compressor | None:
    """The compressor at `places` (threshold, ratio, attack, release; 0..1), as gentle as the cap demands.

    Args:
        places: [4].
        band: the levels that go in.
        max_mean_reduction_db: cap on the mean gain reduction of the louder half of the time.

    Returns:
        None where its ratio is not worth a compressor, or the band is silent.
    """
    if band.rms_db < -100.0:
        return None
    limits = ranges(Compressor)["threshold_dbfs"]
    threshold_dbfs = band.median_db + THRESHOLD_OVER_MEDIAN.denormalise(float(places[0]))
    threshold_dbfs = min(limits.high, max(limits.low, threshold_dbfs))
    ratio = _gentler(band, threshold_dbfs, RATIO.denormalise(float(places[1])), max_mean_reduction_db)
    if ratio < MIN_RATIO:
        return None
    return Compressor(
        threshold_dbfs=round(threshold_dbfs, 2),
        ratio=round(ratio, 3),
        knee_db=KNEE_DB,
        attack_ms=round(float(np.exp(ATTACK_LOG_MS.denormalise(float(places[2])))), 2),
        release_ms=round(float(np.exp(RELEASE_LOG_MS.denormalise(float(places[3])))), 1),
        makeup_db=round(band.rms_db - band.compressed(threshold_dbfs, ratio).rms_db, 2),
    )


def _gentler(band: Distribution, threshold_dbfs: float, ratio: float, cap_db: float) -> float:
    """The ratio, or the highest one below it that stays under the cap."""
    if mean_reduction_db(band, threshold_dbfs, ratio) <= cap_db:
        return ratio
    low = 1.0
    for _ in range(16):
        middle = 0.5 * (low + ratio)
        if mean_reduction_db(band, threshold_dbfs, middle) > cap_db:
            ratio = middle
        else:
            low = middle
    return low
