"""Solve for the limiter: loudness reached and ceiling held at the same time.

A survey keeps, for each 1.4 ms of the rendered music, its highest sample and its K-weighted
power. The limiter's gain computer runs over these in milliseconds, so the input gain that
gives a wanted loudness is found by bisection before a sample is limited. What the real pass
then measures differs by little (peaks between samples); `solve` takes that difference as an
offset and is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.chain import Limiter
from mastering.dsp.limiter import predict_reduction, times
from mastering.measure.blocks import HopGrid
from mastering.measure.loudness import KPower, gated_loudness
from mastering.units import db_to_gain, gain_to_db

__all__ = ["LimiterPlan", "Survey", "Surveyor", "plan_limiter"]

HOPS_PER_100MS = 70
MAX_GAIN_DB = 40.0
_LOUD_SHARE = 0.1
"""Hops with at least this share of the mean power count as programme when limiting is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Peaks and K-weighted power of one piece at control rate.

    Attributes:
        sample_rate: in Hz.
        peaks: float32 [hops], highest |sample| of all channels.
        powers: float64 [hops], K-weighted power.
    """

    sample_rate: int
    peaks: npt.NDArray[np.float32]
    powers: npt.NDArray[np.float64]

    def powers_100ms(self, gains: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Power of each 100 ms after multiplying with `gains` (one a hop)."""
        whole = len(self.powers) // HOPS_PER_100MS * HOPS_PER_100MS
        powers = (self.powers * np.square(gains))[:whole]
        return np.asarray(powers.reshape(-1, HOPS_PER_100MS).mean(axis=1))

    def trimmed(self, gain_db: float) -> Survey:
        """The survey of the same piece with a gain."""
        if gain_db == 0.0:
            return self
        gain = db_to_gain(gain_db)
        return replace(self, peaks=self.peaks * np.float32(gain), powers=self.powers * gain**2)


class Surveyor:
    """Builds a Survey from blocks."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        hop_frames = Fraction(sample_rate, 10 * HOPS_PER_100MS)
        self._rate = sample_rate
        self._power = KPower(sample_rate, channels, hop_frames)
        self._grid = HopGrid(hop_frames)
        self._powers: list[npt.NDArray[np.float64]] = []
        self._peaks: list[npt.NDArray[np.float32]] = []
        self._open = np.float32(0.0)

    def push(self, samples: Samples) -> None:
        """Take the next block [channels, frames]."""
        self._powers.append(self._power.push(samples))
        edges = self._grid.advance(samples.shape[1])
        if samples.shape[1] == 0:
            return
        highest = np.maximum(samples.max(axis=0), -samples.min(axis=0))
        inside = edges[1:][edges[1:] < samples.shape[1]]
        peaks = np.maximum.reduceat(highest, np.concatenate([[0], inside]))
        peaks[0] = max(peaks[0], self._open)
        ended = len(edges) > 1 and edges[-1] == samples.shape[1]
        self._peaks.append(peaks if ended else peaks[:-1])
        self._open = np.float32(0.0) if ended else peaks[-1]

    def result(self) -> Survey:
        """The survey of all whole hops; the last begun one is added without power."""
        peaks = np.concatenate([*self._peaks, [self._open]]).astype(np.float32)
        powers = np.concatenate([np.zeros(0), *self._powers])
        return Survey(
            sample_rate=self._rate, peaks=peaks, powers=np.pad(powers, (0, len(peaks) - len(powers)))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterPlan:
    """What was solved for.

    Attributes:
        limiter: with input gain and ceiling set.
        predicted_lufs: integrated loudness it should give.
        limited_by: "" if the wanted loudness is in reach, else why not.
    """

    limiter: Limiter
    predicted_lufs: float
    limited_by: str


class _Model:
    """The limiter's effect on several surveys together (one for a song, many for an album)."""

    def __init__(self, surveys: Sequence[Survey], limiter: Limiter) -> None:
        self._surveys = surveys
        self._limiter = limiter

    def loudness_lufs(self, gain_db: float, ceiling_dbtp: float) -> float:
        gain = db_to_gain(gain_db)
        parts = [
            survey.powers_100ms(self._gains(survey, gain_db, ceiling_dbtp) * np.float32(gain))
            for survey in self._surveys
        ]
        return gated_loudness(np.concatenate(parts))

    def limiting_db(self, gain_db: float, ceiling_dbtp: float) -> float:
        """99th percentile of the gain reduction over the programme, positive dB."""
        reductions = []
        for survey in self._surveys:
            loud = survey.powers > _LOUD_SHARE * max(float(survey.powers.mean()), 1e-12)
            reductions.append(self._gains(survey, gain_db, ceiling_dbtp)[loud])
        joined = np.concatenate(reductions)
        return -gain_to_db(float(np.percentile(joined, 1.0))) if len(joined) else 0.0

    def peak_db(self) -> float:
        return gain_to_db(max(float(survey.peaks.max(initial=0.0)) for survey in self._surveys))

    def _gains(self, survey: Survey, gain_db: float, ceiling_dbtp: float) -> npt.NDArray[np.float32]:
        step = survey.sample_rate / (10 * HOPS_PER_100MS)
        t = times(self._limiter.lookahead_ms, self._limiter.release_ms, survey.sample_rate, step)
        return predict_reduction(survey.peaks, gain_db, ceiling_dbtp, t)


def plan_limiter(
    surveys: Sequence[Survey],
    limiter: Limiter,
    *,
    wanted_lufs: float | None,
    plr_db: float | None,
    ceiling_dbtp: float,
    max_reduction_db: float,
    offset_lu: float = 0.0,
) -> LimiterPlan:
    """Input gain and ceiling of the limiter.

    Args:
        surveys: of the rendered songs that share one gain.
        limiter: its times.
        wanted_lufs: loudness to reach; None keeps the level and only holds the ceiling.
        plr_db: peak to loudness ratio to come close to by lowering the peaks; None leaves them.
        ceiling_dbtp: never exceeded.
        max_reduction_db: cap on the 99th percentile of gain reduction; the loudness gives way to it.
        offset_lu: measured minus predicted loudness of an earlier pass.
    """
    model = _Model(surveys, limiter)
    if wanted_lufs is None or model.peak_db() == -np.inf:
        return _plan(model, limiter, 0.0, ceiling_dbtp, offset_lu, "")
    goal = wanted_lufs - offset_lu
    for lowered in _ceilings(ceiling_dbtp, wanted_lufs, plr_db):
        gain_db = _gain_for(model, goal, lowered)
        fits = model.limiting_db(gain_db, lowered) <= max_reduction_db
        if fits and abs(model.loudness_lufs(gain_db, lowered) - goal) < 0.05:
            return _plan(model, limiter, gain_db, lowered, offset_lu, "")
    gain_db = _gain_for(model, goal, ceiling_dbtp)
    reason = "ceiling"
    if model.limiting_db(gain_db, ceiling_dbtp) > max_reduction_db:
        gain_db = _bisect(lambda g: model.limiting_db(g, ceiling_dbtp) > max_reduction_db, -60.0, gain_db)
        reason = "limiter cap"
    return _plan(model, limiter, gain_db, ceiling_dbtp, offset_lu, reason)


def _ceilings(ceiling_dbtp: float, wanted_lufs: float, plr_db: float | None) -> Iterable[float]:
    """Ceilings to try, the densest first, ending with the allowed one."""
    lowest = ceiling_dbtp if plr_db is None else min(ceiling_dbtp, wanted_lufs + plr_db)
    lowest = max(lowest, -24.0)
    return [lowest + share * (ceiling_dbtp - lowest) for share in (0.0, 0.33, 0.67, 1.0)]


def _gain_for(model: _Model, goal_lufs: float, ceiling_dbtp: float) -> float:
    return _bisect(lambda gain_db: model.loudness_lufs(gain_db, ceiling_dbtp) > goal_lufs, -60.0, MAX_GAIN_DB)


def _bisect(too_much: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(18):
        middle = 0.5 * (low + high)
        if too_much(middle):
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


def _plan(
    model: _Model, limiter: Limiter, gain_db: float, ceiling_dbtp: float, offset_lu: float, limited_by: str
) -> LimiterPlan:
    return LimiterPlan(
        limiter=replace(limiter, input_gain_db=round(gain_db, 4), ceiling_dbtp=round(ceiling_dbtp, 4)),
        predicted_lufs=model.loudness_lufs(gain_db, ceiling_dbtp) + offset_lu,
        limited_by=limited_by,
    )
