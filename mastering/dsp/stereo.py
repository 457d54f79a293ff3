"""Mid and side. Mid = (left + right) / 2, side = (left - right) / 2, so that left = mid + side."""

from __future__ import annotations

import numpy as np

from mastering.audio import Samples

__all__ = ["to_left_right", "to_mid_side"]

_HALF = np.float32(0.5)


def to_mid_side(samples: Samples) -> Samples:
    """[2, frames] left, right -> [2, frames] mid, side.

    >>> to_mid_side(np.array([[1.0], [0.5]], np.float32)).tolist()
    [[0.75], [0.25]]
    """
    out = np.empty_like(samples)
    np.add(samples[0], samples[1], out=out[0])
    np.subtract(samples[0], samples[1], out=out[1])
    out *= _HALF
    return out


def to_left_right(mid_side: Samples) -> Samples:
    """[2, frames] mid, side -> [2, frames] left, right; the inverse of `to_mid_side`."""
    out = np.empty_like(mid_side)
    np.add(mid_side[0], mid_side[1], out=out[0])
    np.subtract(mid_side[0], mid_side[1], out=out[1])
    return out
