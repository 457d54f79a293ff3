"""Spectrograms as the desk keeps and sends them: made once, at their finest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mastering.measure.spectrogram import Spectrogram, spectrogram

__all__ = ["read_spectrogram", "write_spectrogram"]


def write_spectrogram(output: Path, source: Path) -> None:
    """The finest spectrogram of a file: JSON, then 8-bit levels [rows, columns]."""
    from mastering.io.atomic import AtomicFile
    from mastering.io.files import open_source

    with open_source(source, downmix=True, cache_bytes=0) as audio:
        found = spectrogram(audio)
    known = {
        "rows": found.levels.shape[0],
        "lowest_hz": found.lowest_hz,
        "highest_hz": found.highest_hz,
        "duration_s": found.duration_s,
    }
    file = AtomicFile(output, force=True)
    try:
        with file.temporary.open("wb") as stream:
            stream.write(json.dumps(known).encode("ascii") + b"\n")
            stream.write(found.levels.tobytes())
        file.commit()
    finally:
        file.discard()


def read_spectrogram(path: Path, columns: int) -> Spectrogram:
    """A spectrogram in as many columns as asked for, or as there are."""
    with path.open("rb") as stream:
        known = json.loads(stream.readline())
        levels = np.frombuffer(stream.read(), np.uint8).reshape(known.pop("rows"), -1)
    return Spectrogram(levels=levels, **known).coarser(columns)
