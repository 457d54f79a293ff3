"""Fit a third-octave curve with few parametric bands: `--eq parametric`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.chain import EqBand
from mastering.dsp.biquad import design, magnitude_db
from mastering.match.tone import CENTRES_HZ, Curve

__all__ = ["MAX_BANDS", "fit_bands"]

MAX_BANDS = 8
_GOOD_ENOUGH_DB = 0.25
_RIDGE = 0.05
"""Weight of the bands' own gains: of two fits as good, the one with less boost against cut."""

_SHAPES = ("low_shelf", "high_shelf")


def fit_bands(curve_db: Curve, sample_rate: int) -> tuple[EqBand, ...]:
    """Up to 8 bands whose summed magnitude is closest to `curve_db` (31) in the least-squares sense.

    Two shelves first, then peaks where the remaining error is largest; all parameters are
    refined together after each addition, until the RMS error is under 0.25 dB.
    """
    inside = 0.45 * sample_rate > CENTRES_HZ
    # The ends are held, so that the fit does not run away where no music was measured.
    centres = np.concatenate([[10.0], CENTRES_HZ[inside], [0.48 * sample_rate]])
    goal = np.pad(np.asarray(curve_db)[inside], 1, mode="edge")
    if np.abs(goal).max() < 0.1:
        return ()
    shapes = list(_SHAPES)
    parameters = np.array([np.log2(120.0), goal[:7].mean(), -0.5, np.log2(6_000.0), goal[-7:].mean(), -0.5])
    parameters = _refine(shapes, parameters, goal, centres, sample_rate)
    while len(shapes) < MAX_BANDS:
        rest = goal - _response(shapes, parameters, centres, sample_rate)
        if np.sqrt(np.mean(rest**2)) < _GOOD_ENOUGH_DB:
            break
        worst = int(np.abs(rest).argmax())
        shapes.append("peak")
        start = np.concatenate([parameters, [np.log2(centres[worst]), rest[worst], 0.5]])
        parameters = _refine(shapes, start, goal, centres, sample_rate)
    return _bands(shapes, parameters)


def _response(
    shapes: list[str], parameters: npt.NDArray[np.float64], centres: Curve, sample_rate: int
) -> Curve:
    total = np.zeros(len(centres))
    for shape, (octave, gain_db, width) in zip(shapes, parameters.reshape(-1, 3), strict=True):
        section = design(shape, 2.0**octave, gain_db, 2.0**width, sample_rate)
        total += magnitude_db(section, centres, sample_rate)
    return total


def _refine(
    shapes: list[str],
    start: npt.NDArray[np.float64],
    goal: Curve,
    centres: Curve,
    sample_rate: int,
) -> npt.NDArray[np.float64]:
    from scipy.optimize import least_squares

    cap_db = min(24.0, 1.2 * float(np.abs(goal).max()) + 0.5)
    low = np.tile([np.log2(20.0), -cap_db, -1.7], len(shapes))
    high = np.tile([np.log2(min(18_000.0, 0.45 * sample_rate)), cap_db, 2.0], len(shapes))
    for i, shape in enumerate(shapes):
        if shape in _SHAPES:
            high[3 * i + 2] = 0.0  # a shelf with q above 1 rings
    solved = least_squares(
        lambda p: np.concatenate(
            [_response(shapes, p, centres, sample_rate) - goal, _RIDGE * p.reshape(-1, 3)[:, 1]]
        ),
        np.clip(start, low + 1e-6, high - 1e-6),
        bounds=(low, high),
        max_nfev=60,
    )
    return np.asarray(solved.x)


def _bands(shapes: list[str], parameters: npt.NDArray[np.float64]) -> tuple[EqBand, ...]:
    bands = [
        EqBand(
            shape=shape,  # type: ignore[arg-type]  # one of the literals above
            frequency_hz=round(float(2.0**octave), 2),
            gain_db=round(float(gain_db), 3),
            q=round(float(2.0**width), 4),
        )
        for shape, (octave, gain_db, width) in zip(shapes, parameters.reshape(-1, 3), strict=True)
    ]
    return tuple(sorted((b for b in bands if abs(b.gain_db) >= 0.05), key=lambda b: b.frequency_hz))
