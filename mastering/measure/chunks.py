"""Chunks: up to 30 equal shares of the audible programme, in the order of time.

What changes from chunk to chunk is the music; what all chunks share is the sound of the
recording and of its master. A matcher that is to tell the two apart needs to see both.

Conventions
    The audible programme is the same as for `Features.band_levels_mid_db`: frames of about 0.7 s,
    half overlapped, at most 30 dB below the mean. Its frames are dealt out to 30 chunks in equal
    numbers (fewer chunks where there are fewer frames).
    Percentiles are over the levels of single frames of the whole audible programme.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.measure.bands import in_db, levels_db
from mastering.measure.features import CHUNK_PERCENTILES, Chunks

__all__ = ["MAX_CHUNKS", "chunk_arrays", "chunks"]

MAX_CHUNKS = 30

Powers = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]


def chunk_arrays(spectra: Powers, dynamics: Powers) -> tuple[Doubles, Doubles, Doubles]:
    """Levels, crests and percentiles of the chunks.

    Args:
        spectra: [frames, 2, 31] third-octave powers of mid and side, audible frames only.
        dynamics: [frames, 4] powers of the four wide bands every 23 ms, audible frames only.

    Returns:
        levels [chunks, 2, 31] in dB, crests [chunks, 4] in dB (99th percentile minus RMS), percentiles
        [len(CHUNK_PERCENTILES), 2, 31] in dB; -inf where there is silence.
    """
    count = min(MAX_CHUNKS, len(spectra), len(dynamics))
    if not count:
        return np.zeros((0, 2, 31)), np.zeros((0, 4)), np.full((len(CHUNK_PERCENTILES), 2, 31), -np.inf)
    levels = np.stack([levels_db(part) for part in np.array_split(spectra, count)])
    crests = np.stack([_crest_db(part) for part in np.array_split(dynamics, count)])
    return levels, crests, in_db(np.percentile(spectra, CHUNK_PERCENTILES, axis=0))


def chunks(spectra: Powers, dynamics: Powers) -> Chunks:
    """The same as a value."""
    levels, crests, percentiles = chunk_arrays(spectra, dynamics)
    return Chunks(
        mid_db=_rows(levels[:, 0]),
        side_db=_rows(levels[:, 1]),
        crest_db=_rows(crests),
        mid_percentiles_db=_rows(percentiles[:, 0]),
        side_percentiles_db=_rows(percentiles[:, 1]),
    )


def _crest_db(powers: Powers) -> Doubles:
    rms_db = levels_db(powers)
    highest_db = in_db(np.percentile(powers, 99, axis=0))
    return np.subtract(highest_db, rms_db, out=np.full(len(rms_db), -np.inf), where=rms_db > -np.inf)


def _rows(values: Doubles) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
