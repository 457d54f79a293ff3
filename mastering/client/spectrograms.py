"""Spectrograms: levels as bytes, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

__all__ = ["Spectrogram", "spectrogram_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrogram:
    """Levels over time and frequency, as a picture is painted from them.

    Args:
        levels: a byte each, row by row, the highest frequency first; 0 is floor_db and below, 255 is
            ceiling_db and above.
        rows: even on a logarithmic scale of frequency.
        columns: share the duration evenly.
        lowest_hz, highest_hz: edges of the last and of the first row.
        floor_db, ceiling_db: of levels 0 and 255; a sine at full scale and 1 kHz is 0 dB.
        duration_s: of the file.
    """

    levels: bytes
    rows: int
    columns: int
    lowest_hz: float
    highest_hz: float
    floor_db: float
    ceiling_db: float
    duration_s: float


def spectrogram_of(response: httpx.Response) -> Spectrogram:
    """The spectrogram that the service has answered with."""
    told = response.headers
    return Spectrogram(
        levels=response.content,
        rows=int(told["Tonmeister-Rows"]),
        columns=int(told["Tonmeister-Columns"]),
        lowest_hz=float(told["Tonmeister-Lowest-Hz"]),
        highest_hz=float(told["Tonmeister-Highest-Hz"]),
        floor_db=float(told["Tonmeister-Floor-Db"]),
        ceiling_db=float(told["Tonmeister-Ceiling-Db"]),
        duration_s=float(told["Tonmeister-Duration-S"]),
    )
