"""Tags and covers of each format as Metadata, and back: Any, Vorbis comments, MP4 atoms, ASF (read only).

Works on mutagen's tag objects; `tagmaps` has the names. Only what is in TAG_NAMES is read,
so ReplayGain, encoder names and iTunes' gain data stay behind.
"""

from __future__ import annotations

import base64
import io
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import mutagen.asf
import mutagen.flac
import mutagen.id3
import mutagen.mp4

from mastering.io import tagmaps
from mastering.io.metadata import Metadata, Picture

__all__ = ["Tags", "fill", "from_tags", "id3_bytes", "kept", "parse_id3"]

Tags = dict[str, tuple[str, ...]]

# mutagen's functions have no types.
_asf: Any = mutagen.asf
_flac: Any = mutagen.flac
_id3: Any = mutagen.id3
_mp4: Any = mutagen.mp4

_NUMBERS = ("tracknumber", "discnumber")
_FREEFORM = "----:"
_FLAC_MAX_BYTES = 2**24 - 4096  # a metadata block's length has 24 bits


def fill(file: Any, metadata: Metadata) -> None:
    """Put tags and covers into a file opened by mutagen; it is not saved yet."""
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, _id3.ID3):
        _fill_id3(file.tags, metadata)
    elif isinstance(file.tags, _mp4.MP4Tags):
        _fill_mp4(file.tags, metadata)
    else:
        _fill_vorbis(file, metadata)


def parse_id3(data: bytes) -> Metadata:
    """Tags and covers of a whole ID3v2 tag."""
    return _from_id3(_id3.ID3(io.BytesIO(data)))


def id3_bytes(metadata: Metadata) -> bytes:
    """Tags and covers as a whole ID3v2.4 tag without padding."""
    tags, written = _id3.ID3(), io.BytesIO()
    _fill_id3(tags, metadata)
    tags.save(written, padding=lambda _: 0)
    return written.getvalue()


def from_tags(tags: Any, pictures: Iterable[Any]) -> Metadata:
    """The tags of any file mutagen opened, and the pictures of a FLAC file; empty for other kinds."""
    if tags is None:
        return Metadata()
    if isinstance(tags, _id3.ID3):
        return _from_id3(tags)
    if isinstance(tags, _mp4.MP4Tags):
        return _from_mp4(tags)
    if isinstance(tags, _asf.ASFTags):
        return _from_asf(tags)
    if hasattr(tags, "vendor"):  # Vorbis comments, whatever they are in
        return _from_vorbis(tags, pictures)
    return Metadata()


def kept(values: Mapping[str, Iterable[Any]]) -> Tags:
    """Texts without blanks and empties; tags without any text left out."""
    texts = {name: tuple(filter(None, (str(v).strip() for v in found))) for name, found in values.items()}
    return {name: found for name, found in texts.items() if found}


def _number(text: str) -> tuple[int, int]:
    """Number and total of "3/12"; what is missing is 0."""
    found = re.match(r"\s*(\d{1,4})(?:\s*/\s*(\d{1,4}))?", text)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _number_text(number: int, total: int) -> str:
    return f"{number}/{total}" if total else str(number) if number else ""


# ID3: MP3, AIFF, and a chunk in WAV


def _from_id3(tags: Any) -> Metadata:
    found: dict[str, Iterable[Any]] = {}
    for name, frame_id in tagmaps.ID3_FRAMES.items():
        frames = tags.getall(frame_id)
        if name == "comment":
            # iTunes hides gain and gapless data in comments that have a description.
            frames = [frame for frame in frames if not frame.desc] or [
                frame for frame in frames if not frame.desc.startswith("iTun")
            ]
        if not frames:
            continue
        if name == "lyrics":
            found[name] = [frames[0].text]
        else:
            found[name] = frames[0].genres if name == "genre" else frames[0].text
    pictures = tuple(
        Picture(mime=frame.mime, data=frame.data, kind=int(frame.type), description=frame.desc)
        for frame in tags.getall("APIC")
        if frame.mime != "-->"
    )
    return Metadata(tags=kept(found), pictures=pictures)


def _fill_id3(tags: Any, metadata: Metadata) -> None:
    for name, values in metadata.tags.items():
        frame_id = tagmaps.ID3_FRAMES[name]
        tags.delall(frame_id)
        if name == "lyrics":
            tags.add(_id3.Frames[frame_id](encoding=3, lang="und", desc="", text="\n".join(values)))
        elif name == "comment":
            tags.add(_id3.Frames[frame_id](encoding=3, lang="und", desc="", text=list(values)))
        else:
            tags.add(_id3.Frames[frame_id](encoding=3, text=list(values)))
    if metadata.pictures:
        tags.delall("APIC")
    for index, picture in enumerate(metadata.pictures):
        # Two pictures of one kind need different descriptions, or the second replaces the first.
        description = picture.description or (str(index + 1) if index else "")
        tags.add(
            _id3.Frames["APIC"](
                encoding=3, mime=picture.mime, type=picture.kind, desc=description, data=picture.data
            )
        )


# Vorbis comments: FLAC, Ogg, Opus


def _from_vorbis(tags: Any, flac_pictures: Iterable[Any]) -> Metadata:
    found: dict[str, Iterable[Any]] = {}
    for name, keys in tagmaps.VORBIS.items():
        found[name] = next((tags[key] for key in keys if key in tags), ())
    for name, keys in tagmaps.VORBIS_TOTALS.items():
        number, total = _number(next(iter(found[name]), ""))
        totals = next((tags[key] for key in keys if key in tags), ())
        found[name] = [_number_text(number, total or _number(next(iter(totals), ""))[0])]
    blocks = [_flac.Picture(base64.b64decode(text)) for text in tags.get("METADATA_BLOCK_PICTURE", ())]
    pictures = tuple(
        Picture(mime=block.mime, data=block.data, kind=int(block.type), description=block.desc)
        for block in (*flac_pictures, *blocks)
    )
    return Metadata(tags=kept(found), pictures=pictures)


def _fill_vorbis(file: Any, metadata: Metadata) -> None:
    for name, values in metadata.tags.items():
        key = tagmaps.VORBIS[name][0]
        if name in _NUMBERS:
            number, total = _number(values[0])
            file.tags[key] = [str(number)]
            if total:
                file.tags[tagmaps.VORBIS_TOTALS[name][0]] = [str(total)]
        else:
            file.tags[key] = list(values)
    blocks = [_flac_picture(picture) for picture in metadata.pictures if len(picture.data) < _FLAC_MAX_BYTES]
    if isinstance(file, _flac.FLAC):
        for block in blocks:
            file.add_picture(block)
    elif blocks:
        file.tags["METADATA_BLOCK_PICTURE"] = [base64.b64encode(block.write()).decode() for block in blocks]


def _flac_picture(picture: Picture) -> Any:
    block = _flac.Picture()
    block.mime, block.data = picture.mime, picture.data
    block.type, block.desc = picture.kind, picture.description
    return block


# MP4 atoms


def _from_mp4(tags: Any) -> Metadata:
    found: dict[str, Iterable[Any]] = {}
    for name, atom in tagmaps.MP4_ATOMS.items():
        values = tags.get(atom, ())
        if name in _NUMBERS:
            values = [_number_text(*pair) for pair in values]
        elif atom.startswith(_FREEFORM):
            values = [bytes(value).decode("utf-8", "replace") for value in values]
        found[name] = values
    pictures = tuple(
        Picture(
            mime="image/png" if cover.imageformat == _mp4.MP4Cover.FORMAT_PNG else "image/jpeg",
            data=bytes(cover),
        )
        for cover in tags.get("covr", ())
    )
    return Metadata(tags=kept(found), pictures=pictures)


def _fill_mp4(tags: Any, metadata: Metadata) -> None:
    for name, values in metadata.tags.items():
        atom = tagmaps.MP4_ATOMS[name]
        if name in _NUMBERS:
            tags[atom] = [_number(values[0])]
        elif name == "bpm":
            bpm = re.match(r"\d{1,3}(\.\d*)?", values[0])
            if bpm:
                tags[atom] = [round(float(bpm[0]))]
        elif atom.startswith(_FREEFORM):
            tags[atom] = [_mp4.MP4FreeForm(value.encode()) for value in values]
        else:
            tags[atom] = list(values)
    kinds = {
        "image/jpeg": _mp4.MP4Cover.FORMAT_JPEG,
        "image/jpg": _mp4.MP4Cover.FORMAT_JPEG,
        "image/png": _mp4.MP4Cover.FORMAT_PNG,
    }
    covers = [_mp4.MP4Cover(p.data, imageformat=kinds[p.mime]) for p in metadata.pictures if p.mime in kinds]
    if covers:
        tags["covr"] = covers


# ASF (WMA): read only


def _from_asf(tags: Any) -> Metadata:
    found = {name: tags.get(key, ()) for name, key in tagmaps.ASF.items()}
    pictures = tuple(_asf_picture(value.value) for value in tags.get("WM/Picture", ()))
    return Metadata(tags=kept(found), pictures=pictures)


def _asf_picture(data: bytes) -> Picture:
    kind, size = struct.unpack_from("<BI", data)
    texts = data[5 : len(data) - size]
    mime, description = [*texts.decode("utf-16-le").split("\0"), "", ""][:2]
    return Picture(mime=mime, data=data[len(data) - size :], kind=kind, description=description)
