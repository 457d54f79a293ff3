"""Bands: spectra into third octaves or four wide bands, with fractional edges; the audible gate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.audio import Samples
from mastering.dsp.jit import kernel
from mastering.measure.features import BAND_EDGES_HZ

__all__ = [
    "SILENCE_POWER",
    "THIRD_OCTAVE_EDGES_HZ",
    "WIDE_EDGES_HZ",
    "audible",
    "edges_in_bins",
    "hann",
    "in_db",
    "levels_db",
    "sum_bands",
]

Doubles = npt.NDArray[np.float64]
Powers = npt.NDArray[np.floating]

THIRD_OCTAVE_EDGES_HZ: tuple[float, ...] = tuple(1000.0 * 10.0 ** ((i - 0.5) / 10.0) for i in range(-17, 15))

WIDE_EDGES_HZ: tuple[float, ...] = (THIRD_OCTAVE_EDGES_HZ[0], *BAND_EDGES_HZ, 384_000.0)
"""All edges of the four bands: from below 20 Hz (a DC offset stays out) to above any Nyquist."""

SILENCE_POWER = 1e-15
"""Mean square below which a stretch is digital silence: -150 dBFS, under the last bit of 24."""

_AUDIBLE = 1e-3


def hann(length: int) -> Samples:
    """Hann window float32 [length] without zeros at its ends, so that even one sample has a level."""
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2, np.float32)


def edges_in_bins(edges_hz: tuple[float, ...], sample_rate: int, frame: int) -> Doubles:
    """Band edges as positions in units of bins, at most the Nyquist bin."""
    return np.minimum(np.array(edges_hz) * frame / sample_rate, frame / 2)


@kernel
def sum_bands(powers: Doubles, edges: Doubles, sums: Doubles) -> None:
    """Add the powers between edges[b] and edges[b + 1] to sums[b].

    Bin k reaches from k - 1/2 to k + 1/2 and counts with its share inside the band.
    """
    for band in range(len(sums)):
        low, high = edges[band] + 0.5, edges[band + 1] + 0.5
        first, last = int(low), int(high)
        if first == last:
            sums[band] += (high - low) * powers[first]
            continue
        total = (first + 1 - low) * powers[first]
        for k in range(first + 1, last):
            total += powers[k]
        sums[band] += total + (high - last) * powers[last]


def audible(powers: Powers, loudness: Powers) -> Powers:
    """The frames of `powers` [frames, ...] that are audible, judged by the power `loudness` [frames].

    Audible is what lies at most 30 dB below the mean of all frames that are not digital silence.
    """
    sounding = loudness[loudness > SILENCE_POWER]
    if not len(sounding):
        return powers[:0]
    kept: Powers = powers[loudness >= _AUDIBLE * sounding.mean(dtype=np.float64)]
    return kept


def levels_db(powers: Powers) -> Doubles:
    """Level in dB of the mean over the first axis; -inf for zero power and for no frames."""
    if not len(powers):
        return np.full(powers.shape[1:], -np.inf)
    return in_db(powers.mean(axis=0, dtype=np.float64))


def in_db(powers: Powers) -> Doubles:
    """10 log10 of powers as float64; -inf for zero."""
    powers = np.asarray(powers, np.float64)
    return 10.0 * np.log10(powers, out=np.full(powers.shape, -np.inf), where=powers > 0.0)
