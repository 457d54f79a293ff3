"""Wavs in 32-bit float: in memory for what is heard once, as files for what is heard again."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from mastering.audio import Audio, AudioSource

__all__ = ["float_wav", "is_playable", "write_float_wav"]

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sII4sI")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_LOOKED_AT_BYTES = 65_536


def float_wav(audio: Audio) -> bytes:
    """32-bit float RIFF WAVE of a short piece: header, fact, data."""
    data = np.ascontiguousarray(audio.samples.T, dtype="<f4").tobytes()
    frame = 4 * audio.channels
    rate = audio.sample_rate
    head = _HEADER.pack(
        *(b"RIFF", _HEADER.size - 8 + len(data), b"WAVE"),
        *(b"fmt ", 16, _FLOAT, audio.channels, rate, rate * frame, frame, 32),
        *(b"fact", 4, audio.frames),
        *(b"data", len(data)),
    )
    return head + data


def write_float_wav(output: Path, source: AudioSource) -> None:
    """A source as a file, of its rate and length, that has its name once it is whole."""
    from mastering.io.metadata import Metadata
    from mastering.io.writer import open_writer

    with open_writer(
        output,
        sample_rate=source.sample_rate,
        channels=source.channels,
        container="wav",
        bit_depth=32,
        force=True,
        frames=source.frames,
    ) as writer:
        for block in source.blocks():
            writer.write(block)
        writer.finish()
        writer.commit(metadata=Metadata())


def is_playable(path: Path) -> bool:
    """Whether a file is a RIFF WAVE that any browser plays, its header at the front and its sizes true."""
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT_BYTES)
    size = path.stat().st_size
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return False
    at, known = 12, False
    while at + 8 <= len(head):
        name, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if name == b"fmt " and at + 24 <= len(head):
            tag, channels = struct.unpack_from("<HH", head, at + 8)
            (bits,) = struct.unpack_from("<H", head, at + 22)
            known = channels in (1, 2) and (tag, bits) in ((_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32))
        if name == b"data":
            return known and at + 8 + length <= size
        at += 8 + length + length % 2
    return False
