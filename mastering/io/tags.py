"""Tags, covers, broadcast data and cue points: read from any input, written to any output.

Kept as ID3v2.4 in WAV, AIFF and MP3, as Vorbis comments in FLAC, Ogg and Opus, as atoms in
m4a; read from WMA and from a WAV's LIST INFO as well. WAV files also get a bext chunk with
the measured loudness (EBU R 128 s3, Tech 3285) and their cue points. Only what
`metadata.TAG_NAMES` lists is carried. iXML is not: it repeats lengths, rates and loudness
that the master changed. Nothing depends on the clock: the same input gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path
from typing import BinaryIO

import mutagen

from mastering.errors import AudioFileError
from mastering.io import bwf, riff, tagmaps
from mastering.io.metadata import Broadcast, Metadata
from mastering.io.tagformats import fill, from_tags, id3_bytes, kept, parse_id3
from mastering.measure.features import Features
from mastering.notice import Notice

__all__ = ["metadata_or_notice", "read_metadata", "write_metadata"]


def metadata_or_notice(path: Path) -> tuple[Metadata, tuple[Notice, ...]]:
    """Tags of a file; damaged ones are left out with a notice, for the music may be fine all the same."""
    try:
        return read_metadata(path), ()
    except AudioFileError as error:
        return Metadata(), (Notice(code=error.code, message=f"{error.message}; they were not carried over."),)


def read_metadata(path: str | Path) -> Metadata:
    """What a file says besides its samples; empty where it says nothing that is carried.

    Raises:
        AudioFileError: its tags are damaged ("tags_unreadable"). The audio may be fine all the same.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            form = riff.read_form(file)
            if form is not None and form.kind in (b"RIFF", b"RF64"):
                return _read_riff(file, form)
        file_tags = mutagen.File(path)
        return from_tags(None if file_tags is None else file_tags.tags, getattr(file_tags, "pictures", ()))
    except (
        mutagen.MutagenError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        struct.error,
    ) as error:
        raise AudioFileError(
            f"{path}: its tags cannot be read ({error})",
            hint="Repair them in a tag editor, or leave the tags out.",
            code="tags_unreadable",
        ) from error


def write_metadata(
    path: str | Path, metadata: Metadata, loudness: Features | None = None, rate_ratio: float = 1.0
) -> None:
    """Put metadata into a finished audio file, in place.

    Args:
        path: a WAV, RF64, AIFF, FLAC, Ogg, Opus, MP3 or m4a file.
        metadata: what to carry over.
        loudness: measured in this very file; written to a WAV's bext chunk.
        rate_ratio: its sample rate / that of the file the metadata came from; moves cue points.

    Raises:
        OSError: the file cannot be written.
        AudioFileError: it is none of these formats ("not_audio") or refuses the tags ("tags_unwritable").
    """
    path = Path(path)
    with path.open("rb") as opened:
        form = riff.read_form(opened)
        layout = form.find(b"fmt ") if form else None
        layout_bytes = riff.read_chunk(opened, layout) if layout else b""
    if form is not None and form.kind in (b"RIFF", b"RF64"):
        riff.add_chunks(path, _riff_chunks(metadata, loudness, rate_ratio, layout_bytes))
        return
    if not metadata.tags and not metadata.pictures:
        return
    file = mutagen.File(path)
    if file is None:
        raise AudioFileError(f"{path}: this format cannot hold tags", code="not_audio")
    fill(file, metadata)
    try:
        file.save()
    except mutagen.MutagenError as error:
        problem = error.__cause__ or error.__context__
        if isinstance(problem, OSError):
            raise problem from None  # mutagen hides what the system said; the caller tells a full disk by it
        raise AudioFileError(
            f"{path}: the tags cannot be written ({error})",
            hint="Leave the tags out.",
            code="tags_unwritable",
        ) from error


def _read_riff(file: BinaryIO, form: riff.Form) -> Metadata:
    def content(*names: bytes, list_type: bytes = b"") -> bytes:
        for chunk in form.chunks:
            if chunk.name in names:
                data = riff.read_chunk(file, chunk)
                if data.startswith(list_type):
                    return data
        return b""

    id3 = content(b"id3 ", b"ID3 ")
    metadata = parse_id3(id3) if id3 else Metadata()
    info = bwf.parse_info(content(b"LIST", list_type=b"INFO"))
    from_info = kept({name: [info.get(key, "")] for name, key in tagmaps.INFO.items()})
    return dataclasses.replace(
        metadata,
        tags={**from_info, **metadata.tags},
        broadcast=bwf.parse_bext(content(b"bext")),
        cues=bwf.parse_cues(content(b"cue "), content(b"LIST", list_type=b"adtl")),
    )


def _riff_chunks(
    metadata: Metadata, loudness: Features | None, rate_ratio: float, layout: bytes
) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    if metadata.broadcast is not None or loudness is not None:
        title = " ".join(metadata.tags.get("title", ()))
        broadcast = metadata.broadcast or Broadcast(description=title, originator="Tonmeister")
        history = f"{broadcast.coding_history.rstrip()}\r\n".lstrip() + _history_line(layout)
        broadcast = dataclasses.replace(broadcast, coding_history=history)
        chunks[b"bext"] = bwf.bext_chunk(broadcast, loudness, rate_ratio=rate_ratio)
    if metadata.cues:
        chunks[b"cue "] = bwf.cue_chunk(metadata.cues, rate_ratio=rate_ratio)
        chunks[b"LIST"] = bwf.adtl_chunk(metadata.cues, rate_ratio=rate_ratio)
    if metadata.tags or metadata.pictures:
        chunks[b"id3 "] = id3_bytes(metadata)
    return chunks


def _history_line(layout: bytes) -> str:
    """One line of coding history (EBU R 98) for the format in a "fmt " chunk."""
    _, channels, sample_rate, bits = struct.unpack("<HHI6xH", layout[:16])
    mode = "mono" if channels == 1 else "stereo"
    return f"A=PCM,F={sample_rate},W={bits},M={mode},T=Tonmeister\r\n"
