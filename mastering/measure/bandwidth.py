"""Bandwidth: how far up a piece reaches before a codec, a converter or a filter cut it off.

Two limits, the lower one counts. The cliff: from 1 kHz on, the first frequency above which
everything lies at least 30 dB under the octave below it (per Hz); instruments fall by 10 to 25 dB
an octave, a codec's low-pass by 60 and more. The floor: content more than 110 dB per Hz below
the level of the whole; at 16 kHz that is a third octave 74 dB below, which nobody hears.
A noise floor under a cliff of less than 30 dB counts as content. Gain does not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.measure.bands import sum_bands

__all__ = ["bandwidth"]

_CELLS_PER_OCTAVE = 24
_OCTAVES = 10
_CLIFF = 1e-3
_CLIFF_FROM_HZ = 1_000.0
_FLOOR_PER_HZ = 1e-11


def bandwidth(spectrum: npt.NDArray[np.float64], sample_rate: int) -> float:
    """Highest frequency in Hz with content, to about 1/24 octave.

    Args:
        spectrum: float64 [bins], summed power from 0 Hz to Nyquist in any unit.
        sample_rate: in Hz.

    Returns:
        Hz, at most Nyquist; 0.0 for silence.
    """
    edges_hz = sample_rate / 2 * 2.0 ** (np.arange(-_CELLS_PER_OCTAVE * _OCTAVES, 1) / _CELLS_PER_OCTAVE)
    cells = np.zeros(len(edges_hz) - 1)
    sum_bands(spectrum, edges_hz / (sample_rate / 2) * (len(spectrum) - 1), cells)
    if not cells.any():
        return 0.0
    density = cells / np.diff(edges_hz)
    heard = np.flatnonzero(density > _FLOOR_PER_HZ * cells.sum())
    return float(min(edges_hz[heard[-1] + 1], _cliff(density, edges_hz, cells)))


def _cliff(
    density: npt.NDArray[np.float64], edges_hz: npt.NDArray[np.float64], cells: npt.NDArray[np.float64]
) -> float:
    # above[i]: densest cell from edge i on, 0 at Nyquist, where every piece ends.
    above = np.append(np.maximum.accumulate(density[::-1])[::-1], 0.0)
    power_below = np.append(0.0, np.cumsum(cells))
    edge = np.arange(_CELLS_PER_OCTAVE, len(edges_hz))
    low = edge - _CELLS_PER_OCTAVE
    octave = (power_below[edge] - power_below[low]) / (edges_hz[edge] - edges_hz[low])
    cut = (above[edge] <= _CLIFF * octave) & (edges_hz[edge] >= _CLIFF_FROM_HZ)
    return float(edges_hz[edge[np.argmax(cut)]]) if cut.any() else float(edges_hz[-1])
