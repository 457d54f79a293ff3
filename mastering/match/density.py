"""Dynamics in closed form: a compressor that takes a wanted amount off a band's crest.

The band's level distribution (percentiles of its 23 ms levels) goes through the static curve;
threshold and ratio are solved for so that the 99th percentile comes closer to the RMS level by
the wanted number of dB. Make-up gain keeps the band's RMS level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.chain import Compressor
from mastering.dsp.dynamics import static_gain_db

__all__ = ["Distribution", "compressor_for", "joined", "mean_reduction_db"]

KNEE_DB = 6.0
MAX_RATIO = 4.0
MIN_RATIO = 1.15
"""Less is not worth a compressor: it would be a gain."""

EFFICIENCY = 0.6
"""Share of the static curve's crest reduction that is heard: attack and release let part of each
level change through. Measured on six songs with the times of `dynamics`: 0.3 in the low band to 0.65
in the high one; one number for all errs on the gentle side in the bass."""
_QUANTILES = (0.0, 0.10, 0.50, 0.75, 0.90, 0.99, 1.0)
_POINTS = (np.arange(100) + 0.5) / 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Levels of one band over time: 100 equally likely levels in dBFS, rising."""

    levels_db: npt.NDArray[np.float64]

    @staticmethod
    def from_percentiles(percentiles_db: tuple[float, ...], shift_db: float = 0.0) -> Distribution:
        """From the 10th, 50th, 75th, 90th and 99th percentile, all moved by `shift_db`."""
        p10, p50, p75, p90, p99 = (max(level, -120.0) for level in percentiles_db)
        points = (p10 - 0.5 * (p50 - p10), p10, p50, p75, p90, p99, p99 + 1.0)
        return Distribution(levels_db=np.interp(_POINTS, _QUANTILES, points) + shift_db)

    @property
    def rms_db(self) -> float:
        return float(10.0 * np.log10(np.mean(10.0 ** (self.levels_db / 10.0))))

    @property
    def crest_db(self) -> float:
        return float(self.levels_db[-1]) - self.rms_db

    @property
    def median_db(self) -> float:
        return float(np.median(self.levels_db))

    def compressed(self, threshold_dbfs: float, ratio: float) -> Distribution:
        """After the static curve."""
        gains = [static_gain_db(float(x), threshold_dbfs, ratio, KNEE_DB) for x in self.levels_db]
        return Distribution(levels_db=self.levels_db + np.array(gains))


def joined(bands: list[Distribution]) -> Distribution:
    """The distribution of the sum of bands that get loud together."""
    power = np.sum([10.0 ** (band.levels_db / 10.0) for band in bands], axis=0)
    return Distribution(levels_db=10.0 * np.log10(power))


def mean_reduction_db(band: Distribution, threshold_dbfs: float, ratio: float) -> float:
    """Mean gain reduction of the louder half of the time, by the static curve."""
    after = band.compressed(threshold_dbfs, ratio)
    return float(np.mean((band.levels_db - after.levels_db)[len(_POINTS) // 2 :]))


def compressor_for(
    band: Distribution,
    *,
    crest_reduction_db: float,
    max_mean_reduction_db: float,
    attack_ms: float,
    release_ms: float,
) -> Compressor | None:
    """The gentlest compressor that takes `crest_reduction_db` off the band's crest, or comes closest.

    Args:
        band: what goes in.
        crest_reduction_db: wanted; under 0.3 dB there is nothing to do.
        max_mean_reduction_db: cap on the mean gain reduction of the louder half of the time.
        attack_ms, release_ms: passed on.

    Returns:
        None where nothing is to be done or the band is silent.
    """
    if crest_reduction_db < 0.3 or band.rms_db < -100.0:
        return None
    static_db = crest_reduction_db / EFFICIENCY
    threshold_dbfs = min(0.0, max(-80.0, band.median_db))
    ratio = _solve(band, threshold_dbfs, static_db, max_mean_reduction_db)
    if ratio < MIN_RATIO:
        return None
    return Compressor(
        threshold_dbfs=round(threshold_dbfs, 2),
        ratio=round(ratio, 3),
        knee_db=KNEE_DB,
        attack_ms=attack_ms,
        release_ms=release_ms,
        makeup_db=round(band.rms_db - band.compressed(threshold_dbfs, ratio).rms_db, 2),
    )


def _solve(band: Distribution, threshold_dbfs: float, wanted_db: float, max_mean_db: float) -> float:
    """Ratio in 1..MAX_RATIO by bisection: the wanted crest reduction, or the cap on mean reduction first."""
    low, high = 1.0, MAX_RATIO
    for _ in range(20):
        ratio = 0.5 * (low + high)
        after = band.compressed(threshold_dbfs, ratio)
        too_deep = mean_reduction_db(band, threshold_dbfs, ratio) > max_mean_db
        if band.crest_db - after.crest_db > wanted_db or too_deep:
            high = ratio
        else:
            low = ratio
    return 0.5 * (low + high)
