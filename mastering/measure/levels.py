"""Levels each 100 ms, and the sums over the whole: DC offset, correlation, noise floor.

Conventions
    Power here is the plain mean square, averaged over the channels (a full-scale sine: -3.01 dBFS).
    Correlation is the normalised product of left and right; mono and silence read 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.bands import SILENCE_POWER
from mastering.measure.blocks import checked_block
from mastering.measure.spectrum import correlation
from mastering.units import power_to_db

__all__ = ["LevelMeter", "Levels"]

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What LevelMeter reads; see `mastering.measure.features.Features` for the fields."""

    correlation: float
    dc_offset: float
    noise_floor_dbfs: float
