"""Reading back what this very run has encoded: `open_written`.

A file of our own needs no process that can be killed, which saves the start of one; what
libsndfile does not decode exactly (MP3, m4a) is read like any other file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from mastering.audio import BLOCK_FRAMES, AudioSource, Samples
from mastering.io.files import open_source
from mastering.target import Container

__all__ = ["open_written"]


class _Written:
    """An AudioSource on an open soundfile."""

    def __init__(self, file: soundfile.SoundFile) -> None:
        self._file = file
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)
        self.frames = int(file.frames)

    def blocks(self) -> Iterator[Samples]:
        """The samples from the start, in blocks of BLOCK_FRAMES."""
        self._file.seek(0)
        while len(block := self._file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            yield np.ascontiguousarray(block.T)


@contextlib.contextmanager
def open_written(path: Path, container: Container) -> Iterator[AudioSource]:
    """Open a finished file of this run, decoded anew from the disk.

    Args:
        path: what `Writer.finish` returned.
        container: what it was written as.
    """
    if container in ("mp3", "m4a"):
        with open_source(path) as source:
            yield source
        return
    with soundfile.SoundFile(path) as file:
        yield _Written(file)
