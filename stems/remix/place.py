"""Where a stem stands: balance and width of stereo.

Balance
    left * sqrt(2) sin((1 - p) pi / 4), right * sqrt(2) sin((1 + p) pi / 4) for p = pan / 100: the sine and
    cosine law ("equal power": W3C Web Audio API, panning algorithm; C. Roads, The Computer Music Tutorial,
    1996), scaled so that the centre is 0 dB and untouched. The gains' powers add up to 2 everywhere: a stem
    as loud left as right keeps its power, and the near side rises by 3 dB at the end. It is a balance: what
    stands only on the far side is turned down with that side; width 0 first moves all of the stem.
Width
    Side gain with mid = (left + right) / 2, side = (left - right) / 2 (`mastering.dsp.stereo`): 0 % is mono,
    100 % untouched, 200 % doubles the side. The mid, and so the mono sum, stays.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.stereo import to_left_right, to_mid_side

__all__ = ["balance_gains", "widened"]

Doubles = npt.NDArray[np.float64]


def balance_gains(pan: Doubles) -> tuple[Doubles, Doubles]:
    """Gains of left and right for each pan, -100 (left) to 100 (right).

    >>> [gains.round(3).tolist() for gains in balance_gains(np.array([-100.0, 0.0, 100.0]))]
    [[1.414, 1.0, 0.0], [0.0, 1.0, 1.414]]
    """
    left = math.sqrt(2.0) * np.sin((100.0 - pan) * (math.pi / 400.0))
    right = math.sqrt(2.0) * np.sin((100.0 + pan) * (math.pi / 400.0))
    return left, right


def widened(samples: Samples, width_percent: Doubles) -> Samples:
    """Stereo [2, frames] with its side scaled by a width for each frame."""
    mid_side = to_mid_side(samples)
    mid_side[1] *= (width_percent / 100.0).astype(np.float32)
    return to_left_right(mid_side)
