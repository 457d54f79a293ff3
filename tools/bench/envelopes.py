"""Envelope followers of the benchmark's corruptions: compiled, at control rate or at every frame."""

from __future__ import annotations

import math

import numba
import numpy as np

RATE = 44_100
STEP = 32
"""Frames of one control step (0.7 ms)."""


def level_db(samples: np.ndarray) -> np.ndarray:
    """RMS level of both channels per control step, at least -100 dB."""
    whole = -(-len(samples) // STEP) * STEP
    power = np.pad(np.square(samples, dtype=np.float64).mean(axis=1), (0, whole - len(samples)))
    return 10.0 * np.log10(power.reshape(-1, STEP).mean(axis=1) + 1e-10)


@numba.njit(cache=True)
def _smooth(values: np.ndarray, rising: float, falling: float) -> np.ndarray:
    out = np.empty_like(values)
    state = values[0]
    for i in range(len(values)):
        keep = rising if values[i] > state else falling
        state = values[i] + keep * (state - values[i])
        out[i] = state
    return out


def follow(values: np.ndarray, rise_ms: float, fall_ms: float) -> np.ndarray:
    """Values per control step through a one-pole that rises and falls with two time constants."""
    step_ms = 1e3 * STEP / RATE
    return _smooth(values, math.exp(-step_ms / rise_ms), math.exp(-step_ms / fall_ms))


def with_gain(samples: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """Samples times a gain given per control step, interpolated between their centres."""
    at = (np.arange(len(gain_db)) + 0.5) * STEP
    gain = np.interp(np.arange(len(samples)), at, 10.0 ** (gain_db / 20.0))
    return (samples * gain[:, None]).astype(np.float32)


@numba.njit(cache=True)
def peak_follow(magnitude: np.ndarray, rise: float, fall: float) -> np.ndarray:
    """Peak envelope; `rise` and `fall` are the shares of the way taken per frame, as in sox compand."""
    out = np.empty_like(magnitude)
    state = 0.0
    for i in range(len(magnitude)):
        delta = magnitude[i] - state
        state += delta * (rise if delta > 0.0 else fall)
        out[i] = state
    return out


@numba.njit(cache=True)
def play(signal: np.ndarray, radii: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Prandtl-Ishlinskii hysteresis: a weighted sum of play operators, saturated by none."""
    out = np.zeros_like(signal)
    for k in range(len(radii)):
        radius, weight, state = radii[k], weights[k], 0.0
        for i in range(len(signal)):
            state = max(signal[i] - radius, min(signal[i] + radius, state))
            out[i] += weight * state
    return out
