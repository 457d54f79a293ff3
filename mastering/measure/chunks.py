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

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mastering.dsp.jit import kernel
from mastering.measure.bands import in_db
from mastering.measure.features import CHUNK_PERCENTILES, Chunks

__all__ = ["MAX_CHUNKS", "chunk_arrays", "chunks", "joined"]

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
    bounds = _bounds(len(spectra), count)
    sums = np.add.reduceat(spectra, bounds[:-1], axis=0, dtype=np.float64)
    levels = sums / np.diff(bounds)[:, None, None]
    rms_db, highest_db = map(in_db, _means_and_peaks(dynamics, _bounds(len(dynamics), count)))
    crests = np.subtract(highest_db, rms_db, out=np.full(rms_db.shape, -np.inf), where=rms_db > -np.inf)
    percentiles = np.percentile(spectra, CHUNK_PERCENTILES, axis=0)
    return in_db(levels), crests, in_db(percentiles)


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


def joined(pieces: Sequence[Chunks]) -> Chunks:
    """Chunks of several songs as those of one: taken evenly from all of them; percentiles are averaged."""
    pieces = [piece for piece in pieces if piece.mid_db]
    if not pieces:
        return Chunks()

    def rows(name: str) -> tuple[tuple[float, ...], ...]:
        every = [row for piece in pieces for row in getattr(piece, name)]
        chosen = np.linspace(0, len(every) - 1, min(len(every), MAX_CHUNKS)).round().astype(int)
        return tuple(every[i] for i in chosen.tolist())

    def mean(name: str) -> tuple[tuple[float, ...], ...]:
        return _rows(np.mean([getattr(piece, name) for piece in pieces], axis=0))

    return Chunks(
        mid_db=rows("mid_db"),
        side_db=rows("side_db"),
        crest_db=rows("crest_db"),
        mid_percentiles_db=mean("mid_percentiles_db"),
        side_percentiles_db=mean("side_percentiles_db"),
    )


def _bounds(frames: int, count: int) -> npt.NDArray[np.int64]:
    """Edges of `count` shares whose sizes differ by at most one frame."""
    return np.arange(count + 1) * frames // count


@kernel
def _means_and_peaks(powers: Powers, bounds: npt.NDArray[np.int64]) -> tuple[Doubles, Doubles]:
    """Mean and 99th percentile (linear between ranks) of each share and column: [shares, columns] each."""
    shares, columns = len(bounds) - 1, powers.shape[1]
    means, peaks = np.zeros((shares, columns)), np.zeros((shares, columns))
    for share in range(shares):
        first, last = bounds[share], bounds[share + 1]
        for column in range(columns):
            ranked = np.sort(powers[first:last, column])
            total = 0.0
            for value in ranked:
                total += value
            means[share, column] = total / len(ranked)
            rank = 0.99 * (len(ranked) - 1)
            below = int(rank)
            above = min(below + 1, len(ranked) - 1)
            peaks[share, column] = ranked[below] + (rank - below) * (ranked[above] - ranked[below])
    return means, peaks


def _rows(values: Doubles) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
