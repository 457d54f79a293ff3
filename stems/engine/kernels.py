"""What torch needs five passes over memory for, in one: norm, activation, GLU, scale, residual.

All take C-contiguous float32 maps (rows, cells, channels). A row has its own statistics: a
frequency band of the spectrogram, or the whole waveform (one row). `tanh` and `erf` are the
rational approximations of Eigen (a few units in the last place), which vectorise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mastering.dsp.jit import kernel

__all__ = ["glu", "glu_shifted", "moments", "norm_gelu", "norm_glu_add"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_LANES = 64  # partial sums side by side: vectorises, and rounds less than one running sum
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ROOT_HALF = np.float32(0.7071067811865476)
_TANH_LIMIT = np.float32(9.0)
_ERF_LIMIT = np.float32(4.0)


@kernel
def _tanh(x: np.float32) -> np.float32:
    x = min(max(x, -_TANH_LIMIT), _TANH_LIMIT)
    s = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    y: np.float32 = np.divide(x * p, q)  # numba lets np.divide vectorise: unlike / it does not look for zeros
    return y


@kernel
def _erf(x: np.float32) -> np.float32:
    x = min(max(x, -_ERF_LIMIT), _ERF_LIMIT)
    s = x * x
    p = np.float32(-2.72614225801306e-10)
    p = p * s + np.float32(2.77068142495902e-08)
    p = p * s + np.float32(-2.10102402082508e-06)
    p = p * s + np.float32(-5.69250639462346e-05)
    p = p * s + np.float32(-7.34990630326855e-04)
    p = p * s + np.float32(-2.95459980854025e-03)
    p = p * s + np.float32(-1.60960333262415e-02)
    q = np.float32(-1.45660718464996e-05)
    q = q * s + np.float32(-2.13374055278905e-04)
    q = q * s + np.float32(-1.68282697438203e-03)
    q = q * s + np.float32(-7.37332916720468e-03)
    q = q * s + np.float32(-1.42647390514189e-02)
    y: np.float32 = np.divide(x * p, q)
    return y


@kernel
def moments(x: Floats, mean: Doubles, spread: Doubles) -> None:
    """Mean and sum of squared differences from it of each row of x (rows, n)."""
    lanes = np.empty(_LANES, np.float32)
    whole = x.shape[1] // _LANES * _LANES
    for r in range(x.shape[0]):
        row = x[r]
        lanes[:] = 0
        for i in range(0, whole, _LANES):
            for j in range(_LANES):
                lanes[j] += row[i + j]
        total = 0.0
        for j in range(_LANES):
            total += np.float64(lanes[j])
        for i in range(whole, x.shape[1]):
            total += np.float64(row[i])
        mean[r] = total / x.shape[1]
        centre = np.float32(mean[r])
        lanes[:] = 0
        for i in range(0, whole, _LANES):
            for j in range(_LANES):
                d = row[i + j] - centre
                lanes[j] += d * d
        total = 0.0
        for j in range(_LANES):
            total += np.float64(lanes[j])
        for i in range(whole, x.shape[1]):
            d = row[i] - centre
            total += np.float64(d * d)
        spread[r] = total


@kernel
def _affine_gelu(x: Floats, a: Floats, b: Floats) -> None:
    for j in range(x.size):
        v = x[j] * a[j] + b[j]
        x[j] = _HALF * v * (_ONE + _erf(v * _ROOT_HALF))


@kernel
def norm_gelu(x: Floats, mean: Doubles, scale: Doubles, gamma: Floats, beta: Floats) -> None:
    """x[r] = GELU((x[r] - mean[r]) * scale[r] * gamma + beta), in place; gamma and beta per channel."""
    cells, channels = x.shape[1], x.shape[2]
    group = 16 if cells >= 16 else 1  # few channels: 16 cells at once fill the vector registers
    width = group * channels
    a, b = np.empty(width, np.float32), np.empty(width, np.float32)
    whole = cells // group * width
    for r in range(x.shape[0]):
        for j in range(width):
            c = j % channels
            a[j] = np.float32(scale[r]) * gamma[c]
            b[j] = beta[c] - np.float32(mean[r]) * a[j]
        flat = x[r].reshape(-1)
        for i in range(0, whole, width):
            _affine_gelu(flat[i : i + width], a, b)
        _affine_gelu(flat[whole:], a, b)


@kernel
def norm_glu_add(z: Floats, mean: Doubles, scale: Doubles, gamma: Floats, beta: Floats, y: Floats) -> None:
    """y[r] += GLU of the normalised z[r] (twice the channels), in place.

    A layer scale after the GLU belongs into the first half of gamma and beta.
    """
    channels = y.shape[2]
    a, b = np.empty(2 * channels, np.float32), np.empty(2 * channels, np.float32)
    for r in range(z.shape[0]):
        for c in range(2 * channels):
            a[c] = np.float32(scale[r]) * gamma[c]
            b[c] = beta[c] - np.float32(mean[r]) * a[c]
        for c in range(channels, 2 * channels):
            a[c] *= _HALF
            b[c] *= _HALF
        for t in range(z.shape[1]):
            source, target = z[r, t], y[r, t]
            for c in range(channels):
                gate = _HALF + _HALF * _tanh(source[channels + c] * a[channels + c] + b[channels + c])
                target[c] += (source[c] * a[c] + b[c]) * gate


@kernel
def glu(z: Floats, out: Floats) -> None:
    """First half of the channels of z, times the sigmoid of the second, into `out`."""
    channels = out.shape[2]
    for r in range(z.shape[0]):
        for t in range(z.shape[1]):
            source, target = z[r, t], out[r, t]
            for c in range(channels):
                target[c] = source[c] * (_HALF + _HALF * _tanh(source[channels + c] * _HALF))


@kernel
def glu_shifted(z: Floats, shift: Floats, out: Floats) -> None:
    """As `glu`, plus shift (rows, channels): the embedding of the frequency of each row."""
    channels = out.shape[2]
    for r in range(z.shape[0]):
        for t in range(z.shape[1]):
            source, target = z[r, t], out[r, t]
            for c in range(channels):
                target[c] = shift[r, c] + source[c] * (_HALF + _HALF * _tanh(source[channels + c] * _HALF))
