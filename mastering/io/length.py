"""How long a file nobody vouches for really plays: counted, with an end to the patience."""

from __future__ import annotations

import time
from pathlib import Path

from mastering.errors import AudioFileError
from mastering.io.files import FileInfo, file_info
from mastering.io.paths import check_readable
from mastering.io.worker import DecoderProcess

__all__ = ["length_of"]


def length_of(path: Path, *, most_s: float, within_s: float, timeout_s: float = 20.0) -> tuple[FileInfo, int]:
    """What the header of a file says, and how many frames really decode.

    Integer PCM and FLAC are believed once their last frame has been seen; all else is decoded, up to
    `most_s`. The decoder is a process of its own and is killed when its time is over.

    Args:
        path: the file.
        most_s: longest playing time.
        within_s: longest time that decoding may take.
        timeout_s: longest wait for a sign of life.

    Raises:
        AudioFileError: it cannot be decoded, is longer ("too_long"), or takes too long ("decoder_timeout").
    """
    check_readable(path)
    deadline_s = time.monotonic() + within_s
    with DecoderProcess(path, mode="decode", downmix=False, timeout_s=timeout_s) as decoder:
        header = decoder.header()
        most_frames = most_s * header.sample_rate
        frames = header.exact_frames or 0
        _refuse_longer(path, frames, most_frames, most_s)
        if header.exact_frames is None:
            for block in decoder.blocks(header.channels):
                frames += block.shape[1]
                _refuse_longer(path, frames, most_frames, most_s)
                if time.monotonic() > deadline_s:
                    raise AudioFileError(
                        f"{path}: it was not decoded within {within_s:g} s",
                        hint="Export it again as wav or flac.",
                        code="decoder_timeout",
                    )
        return file_info(path, header), frames


def _refuse_longer(path: Path, frames: int, most_frames: float, most_s: float) -> None:
    if frames > most_frames:
        raise AudioFileError(
            f"{path}: it is longer than {most_s:g} s",
            hint="Cut it into parts.",
            code="too_long",
        )
