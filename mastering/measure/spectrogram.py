"""Spectrogram: what a piece sounds like over time, as levels that a picture is painted from.

Conventions
    Hann windows of about 46 ms (2048 frames at 44.1 and 48 kHz, 4096 at 88.2 and 96), half
    overlapped, of the mean of all channels. The piece is cut into halves of a window, and one
    window is centred on each; before its first and after its last sample a piece is silent.
    Rows are even on a logarithmic scale of frequency and read the strongest bin that they touch,
    0 dB being a sine at full scale; so tones keep their level, however wide a row is. Bin 0, where
    a DC offset is, does not count.
    Levels rise by 3 dB per octave around 1 kHz, so that pink noise is even from top to bottom.
    A column reads the maximum of all its windows: nothing short is lost where music is long.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mastering.audio import AudioSource, Samples
from mastering.errors import ParameterError
from mastering.measure.blocks import Framer

__all__ = ["CEILING_DB", "FLOOR_DB", "LOWEST_HZ", "MOST_COLUMNS", "ROWS", "Spectrogram", "spectrogram"]

Powers = npt.NDArray[np.float32]

ROWS = 96
"""About ten in an octave."""

MOST_COLUMNS = 16_384
"""Six minutes at half a window each; the widest picture that every browser holds."""

LOWEST_HZ = 30.0
FLOOR_DB = -78.0
"""Of level 0."""

CEILING_DB = -16.0
"""Of level 255."""

_HIGHEST_HZ = 20_000.0
_WINDOW_S = 0.042
_TILT_DB_PER_OCTAVE = 3.0
_TILT_AROUND_HZ = 1_000.0
_LOUDEST = np.float32(1e6)
"""A file of floats may hold more; its square, none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrogram:
    """Levels over time and frequency.

    Args:
        levels: uint8 [rows, columns], row 0 the highest frequency; 0 is FLOOR_DB and below, 255 is
            CEILING_DB and above, even steps in dB between.
        lowest_hz, highest_hz: edges of the lowest and of the highest row.
        duration_s: of the piece that the columns share evenly.
    """

    levels: npt.NDArray[np.uint8]
    lowest_hz: float
    highest_hz: float
    duration_s: float

    def coarser(self, columns: int) -> Spectrogram:
        """The same in at most so many columns, each the maximum of those it replaces.

        Raises:
            ParameterError: fewer than one.
        """
        there = self.levels.shape[1]
        if _checked(columns) >= there:
            return self
        return replace(self, levels=np.maximum.reduceat(self.levels, _firsts(there, columns), axis=1))


def spectrogram(source: AudioSource, columns: int = MOST_COLUMNS) -> Spectrogram:
    """The spectrogram of a piece, in one pass; memory does not grow with its length.

    Args:
        source: the audio, of any rate and number of channels; its blocks are read once.
        columns: at most so many; a short piece has one for each window.

    Raises:
        ParameterError: fewer than one column, or more than MOST_COLUMNS.
    """
    rate = source.sample_rate
    frame = 2 ** math.ceil(math.log2(_WINDOW_S * rate))
    windows = max(1, math.ceil(source.frames / (frame // 2)))
    firsts = _firsts(windows, min(_checked(columns), windows))
    highest_hz = min(_HIGHEST_HZ, rate / 2)
    edges_hz = LOWEST_HZ * (highest_hz / LOWEST_HZ) ** (np.arange(ROWS + 1) / ROWS)
    strongest = np.zeros((len(firsts), ROWS), np.float32)
    start = 0
    for powers in _powers(source, frame, edges_hz * frame / rate):
        column = np.searchsorted(firsts, start + np.arange(len(powers)), side="right") - 1
        touched, begins = np.unique(column, return_index=True)
        found = np.maximum.reduceat(powers, begins, axis=0)
        strongest[touched] = np.maximum(strongest[touched], found)
        start += len(powers)
    return Spectrogram(
        levels=_levels(strongest, edges_hz),
        lowest_hz=LOWEST_HZ,
        highest_hz=highest_hz,
        duration_s=source.frames / rate,
    )


def _checked(columns: int) -> int:
    if not 1 <= columns <= MOST_COLUMNS:
        raise ParameterError(
            f"A spectrogram of {columns} columns: allowed 1..{MOST_COLUMNS}",
            hint="Ask for as many as are drawn.",
        )
    return columns


def _firsts(parts: int, columns: int) -> npt.NDArray[np.int64]:
    """The first part of each column, parts being spread over columns as evenly as they can be."""
    return np.arange(columns, dtype=np.int64) * parts // columns


def _powers(source: AudioSource, frame: int, edges: npt.NDArray[np.float64]) -> Iterator[Powers]:
    """Power of each row in some windows at a time, float32 [windows, ROWS], a full-scale sine being 1.

    Args:
        source: the audio.
        frame: of a window.
        edges: of the rows in bins, from low to high.
    """
    import scipy.fft  # several times faster than numpy's, whose import costs nothing

    window = np.asarray(np.hanning(frame + 1)[:-1] * 4.0 / frame, np.float32)
    reach = np.clip(edges.astype(np.int64), 1, frame // 2 - 1)
    pairs = np.stack([reach[:-1], reach[1:] + 1], axis=1).ravel()
    for stretch in _stretches(source, frame):
        windows = np.lib.stride_tricks.sliding_window_view(stretch, frame)[:: frame // 2]
        bins = scipy.fft.rfft(windows * window, axis=1)
        yield np.maximum.reduceat(bins.real**2 + bins.imag**2, pairs, axis=1)[:, ::2]


def _stretches(source: AudioSource, frame: int) -> Iterator[Samples]:
    """The mean of all channels, in stretches of whole windows that overlap by half; silence around it."""
    hop = frame // 2
    framer = Framer(1, frame, hop)
    before = np.zeros((1, hop // 2), np.float32)
    after = np.zeros((1, hop // 2 + (-source.frames % hop if source.frames else hop)), np.float32)
    for block in itertools.chain([before], source.blocks(), [after]):
        held = np.clip(block, -_LOUDEST, _LOUDEST)
        stretch = framer.push(held.mean(axis=0, dtype=np.float32, keepdims=True))[0]
        if len(stretch):
            yield stretch


def _levels(powers: Powers, edges_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Levels [rows, columns], the highest row first, of powers [columns, rows], the lowest row first."""
    octaves = np.log2((edges_hz[:-1] + edges_hz[1:]) / 2.0 / _TILT_AROUND_HZ)
    tilt_db = np.asarray(_TILT_DB_PER_OCTAVE * octaves, np.float32)
    db = 10.0 * np.log10(np.maximum(powers, np.float32(1e-20))) + tilt_db
    share = (db - FLOOR_DB) / (CEILING_DB - FLOOR_DB)
    levels = np.rint(255.0 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
    return np.ascontiguousarray(levels.T[::-1])
