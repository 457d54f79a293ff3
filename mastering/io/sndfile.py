"""Decoding with libsndfile: WAV, RF64, W64, AIFF, CAF, AU, FLAC, Ogg Vorbis, Opus.

Runs in the decoder process only. libsndfile reports the frames that are really in a PCM
file; what the header promised is read from the chunks, to tell a file that was cut off.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from mastering.audio import BLOCK_FRAMES
from mastering.io import riff
from mastering.io.channels import speakers_of_mask, usual_speakers
from mastering.io.stream import Decoded, Header, NoSamplesError, truncated

__all__ = ["open_sndfile", "shape_of"]

_LOSSLESS = ("PCM", "FLOAT", "DOUBLE", "ALAC")
_SALVAGE_FRAMES = 1024


def open_sndfile(path: str) -> Decoded:
    """Open a file; its blocks are read as they are asked for.

    Raises:
        NoSamplesError: it holds no frame. FFmpeg may find some: a streamed WAV can promise 0 bytes.
        RuntimeError, TypeError: libsndfile does not take the file.
    """
    # As bytes, a name that is not valid text still opens.
    name = os.fsencode(path) if os.name == "posix" else path
    file = soundfile.SoundFile(name)
    if file.format == "MP3":
        # Without a Xing header libsndfile 1.2 estimates the length and cuts the music there (its issue 1001).
        raise RuntimeError("MP3 is left to FFmpeg")
    if file.frames == 0:
        raise NoSamplesError("it finds no samples in it")
    lossless = file.subtype.startswith(_LOSSLESS)
    promised = _promised_frames(path) if lossless else None
    container = file.format.lower().replace("wavex", "wav")
    promised = file.frames if promised is None else promised
    whole = _is_whole(name, file)
    header = Header(
        container="opus" if file.subtype == "OPUS" else container,
        codec=file.subtype.lower(),
        description=f"{file.format_info.split(' (')[0]}, {file.subtype_info}",
        sample_rate=file.samplerate,
        channels=file.channels,
        header_frames=promised,
        exact_frames=file.frames if whole else None,
        bit_depth=_bit_depth(file.subtype),
        lossy=not lossless,
        may_be_nonfinite=not file.subtype.startswith("PCM"),
        speakers=_speakers(path, file.format, file.channels),
        notices=(truncated(promised, file.frames),) if whole and promised > file.frames else (),
    )
    damaged: list[str] = []
    return Decoded(header=header, blocks=_blocks(name, file, damaged), damaged=damaged)


def shape_of(file: BinaryIO) -> tuple[int, int, int]:
    """Frames, sample rate and channels that the header of an open file promises.

    Raises:
        RuntimeError: libsndfile does not take it.
    """
    with soundfile.SoundFile(file) as sound:
        return sound.frames, sound.samplerate, sound.channels


def _blocks(
    name: str | bytes, file: soundfile.SoundFile, damaged: list[str]
) -> Iterator[npt.NDArray[np.float32]]:
    buffer = np.empty((BLOCK_FRAMES, file.channels), np.float32)
    step = BLOCK_FRAMES
    done = 0
    while True:
        try:
            part = file.read(step, dtype="float32", always_2d=True, out=buffer[:step])
        except RuntimeError as error:
            again = _reopened(name, done)
            if step == _SALVAGE_FRAMES or again is None:
                damaged.append(str(error))
                return
            # Damaged within this block: come as close as small steps allow.
            file, step = again, _SALVAGE_FRAMES
            continue
        if len(part):
            yield part.T
        done += len(part)
        if len(part) < step:
            return


def _reopened(name: str | bytes, frame: int) -> soundfile.SoundFile | None:
    """The file opened anew at a frame: after an error libsndfile does not find its way back."""
    try:
        file = soundfile.SoundFile(name)
        file.seek(frame)
    except RuntimeError:
        return None
    return file


def _is_whole(name: str | bytes, file: soundfile.SoundFile) -> bool:
    """Whether `frames` can be relied on without decoding: integer PCM whose last frame is there."""
    if not file.subtype.startswith("PCM"):
        return False
    with soundfile.SoundFile(name) as second:
        try:
            second.seek(second.frames - 1)
            return len(second.read(2, always_2d=True)) == 1
        except RuntimeError:
            return False


def _promised_frames(path: str) -> int | None:
    try:
        return riff.promised_frames(Path(path))
    except (OSError, struct.error):
        return None


def _bit_depth(subtype: str) -> int | None:
    digits = subtype.rpartition("_")[2].lstrip("SU")
    return int(digits) if subtype.startswith(("PCM_", "ALAC_")) and digits.isdigit() else None


def _speakers(path: str, container: str, channels: int) -> tuple[str, ...]:
    if container in ("WAVEX", "RF64", "W64"):
        with Path(path).open("rb") as file:
            form = riff.read_form(file)
            layout = form.find(b"fmt ") if form else None
            if layout is not None and layout.size >= 40:
                mask = struct.unpack("<20xI", riff.read_chunk(file, layout)[:24])[0]
                return speakers_of_mask(mask, channels) or usual_speakers(channels)
    return usual_speakers(channels, ogg=container == "OGG")
