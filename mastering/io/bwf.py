"""Broadcast WAV: the bext, cue and adtl chunks as bytes, and back.

bext: EBU Tech 3285 version 2. Loudness fields are 100 times the value as a signed 16-bit
number; 0x7FFF says "not measured" (silence, or outside +-99.99).
cue, adtl: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping

from mastering.io.metadata import Broadcast, CuePoint
from mastering.measure.features import Features

__all__ = ["adtl_chunk", "bext_chunk", "cue_chunk", "parse_bext", "parse_cues", "parse_info"]

_TEXTS = struct.Struct("<256s32s32s10s8sQH64s")
_LOUDNESS = struct.Struct("<5h")
_BEXT_SIZE = 602
_NOT_MEASURED = 0x7FFF
_CUE = struct.Struct("<II4sIII")


def bext_chunk(broadcast: Broadcast, loudness: Features | None, *, rate_ratio: float = 1.0) -> bytes:
    """A version 2 bext chunk. The UMID is blank: a master is a new work and has none yet.

    Args:
        broadcast: its text fields; longer texts are cut to their field.
        loudness: what was measured in the file; None leaves the loudness fields "not measured".
        rate_ratio: new sample rate / old one, which scales the time reference.
    """
    values = (
        (
            loudness.integrated_lufs,
            loudness.loudness_range_lu,
            loudness.true_peak_dbtp,
            loudness.max_momentary_lufs,
            loudness.max_short_term_lufs,
        )
        if loudness is not None
        else (-math.inf,) * 5
    )
    texts = _TEXTS.pack(
        _text(broadcast.description, 256),
        _text(broadcast.originator, 32),
        _text(broadcast.originator_reference, 32),
        _text(broadcast.origination_date, 10),
        _text(broadcast.origination_time, 8),
        round(broadcast.time_reference_frames * rate_ratio) & 0xFFFF_FFFF_FFFF_FFFF,
        2,
        b"",
    )
    fixed = texts + _LOUDNESS.pack(*(_hundredths(value) for value in values))
    return fixed.ljust(_BEXT_SIZE, b"\0") + _text(broadcast.coding_history, 2**16)


def _hundredths(value: float) -> int:
    scaled = round(value * 100.0) if math.isfinite(value) else 10**6
    return scaled if abs(scaled) <= 9999 else _NOT_MEASURED


def _text(text: str, size: int) -> bytes:
    """At most `size` bytes; a character is not cut in two."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").encode("utf-8")


def _decoded(data: bytes) -> str:
    data = data.split(b"\0")[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def parse_bext(data: bytes) -> Broadcast | None:
    """The text fields of a bext chunk of any version; None where it is too short."""
    if len(data) < _TEXTS.size:
        return None
    description, originator, reference, date, time, frames, _, _ = _TEXTS.unpack_from(data)
    return Broadcast(
        description=_decoded(description),
        originator=_decoded(originator),
        originator_reference=_decoded(reference),
        origination_date=_decoded(date),
        origination_time=_decoded(time),
        time_reference_frames=frames,
        coding_history=_decoded(data[_BEXT_SIZE:]),
    )


def cue_chunk(cues: tuple[CuePoint, ...], *, rate_ratio: float = 1.0) -> bytes:
    """A "cue " chunk with ids 1, 2, 3, ... in the given order."""
    points = []
    for number, cue in enumerate(cues, 1):
        frame = min(round(cue.frame * rate_ratio), 0xFFFFFFFF)
        points.append(_CUE.pack(number, frame, b"data", 0, 0, frame))
    return struct.pack("<I", len(points)) + b"".join(points)


def adtl_chunk(cues: tuple[CuePoint, ...], *, rate_ratio: float = 1.0) -> bytes:
    """The LIST chunk with the names, notes and lengths of the same cue points."""
    parts = [b"adtl"]
    for number, cue in enumerate(cues, 1):
        ident = struct.pack("<I", number)
        if cue.name:
            parts.append(_sub_chunk(b"labl", ident + cue.name.encode() + b"\0"))
        if cue.note:
            parts.append(_sub_chunk(b"note", ident + cue.note.encode() + b"\0"))
        if cue.length_frames:
            length = min(round(cue.length_frames * rate_ratio), 0xFFFFFFFF)
            parts.append(_sub_chunk(b"ltxt", ident + struct.pack("<I4s4H", length, b"rgn ", 0, 0, 0, 0)))
    return b"".join(parts)


def _sub_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data + b"\0" * (len(data) % 2)


def _sub_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 4
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def parse_cues(cue_data: bytes, adtl_data: bytes = b"") -> tuple[CuePoint, ...]:
    """The cue points of a "cue " chunk, with the names, notes and lengths of its LIST adtl chunk."""
    texts: dict[tuple[bytes, int], str] = {}
    lengths: dict[int, int] = {}
    for name, data in _sub_chunks(adtl_data):
        if name in (b"labl", b"note") and len(data) >= 4:
            texts[name, struct.unpack_from("<I", data)[0]] = _decoded(data[4:])
        elif name == b"ltxt" and len(data) >= 8:
            ident, length = struct.unpack_from("<II", data)
            lengths[ident] = length
    points = (
        _CUE.iter_unpack(cue_data[4 : 4 + (len(cue_data) - 4) // _CUE.size * _CUE.size]) if cue_data else ()
    )
    return tuple(
        CuePoint(
            frame=frame,
            name=texts.get((b"labl", ident), ""),
            note=texts.get((b"note", ident), ""),
            length_frames=lengths.get(ident, 0),
        )
        for ident, _, _, _, _, frame in points
    )


def parse_info(data: bytes) -> Mapping[bytes, str]:
    """The texts of a LIST INFO chunk by their four-letter names."""
    return {name: _decoded(value) for name, value in _sub_chunks(data)}
