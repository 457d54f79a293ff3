"""The decoder process: `python -m mastering.io.decoder MODE DOWNMIX PATH`.

MODE is "decode" or "probe" (header only), DOWNMIX "1" or "0". The answer goes to standard
output as `mastering.io.stream` describes. Whatever a damaged file does to a decoder (a
crash, an endless loop) happens here and not to the run. The process ends with its parent:
its standard input is a pipe that nobody writes to, and the end of it ends the process.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mastering.audio import BLOCK_FRAMES, Samples
from mastering.io import riff
from mastering.io.channels import downmix_matrix
from mastering.io.stream import (
    END,
    HEADER,
    MESSAGE,
    REFUSED,
    SAMPLES,
    Decoded,
    Header,
    NoSamplesError,
    Refused,
    truncated,
)
from mastering.notice import Notice

__all__ = ["header_of", "main"]


def main(arguments: list[str]) -> int:
    """Decode or probe one file and write the answer; returns the process's exit status."""
    mode, downmix, path = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the parent ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a library that prints must not print into the answer
    try:
        decoded = _open(path)
        header = decoded.header
        matrix = None
        if downmix == "1" and header.channels > 2:
            header, matrix = _downmixed(header)
        _send_json(answer, HEADER, dataclasses.asdict(header))
        if mode == "decode":
            frames = _send_samples(answer, decoded, header, matrix)
            _send_json(answer, END, {"notices": _length_notices(path, decoded, frames)})
    except Refused as refused:
        _send_json(answer, REFUSED, {"code": refused.code, "reason": refused.reason, "hint": refused.hint})
    except BrokenPipeError:
        return 0
    except Exception as error:  # whatever a decoder makes of a damaged file is said, not thrown
        reason = f"it cannot be decoded ({_sentence(error, path)})"
        _send_json(answer, REFUSED, {"code": "not_audio", "reason": reason, "hint": "Export it again."})
    return 0


def header_of(path: str) -> Header:
    """What the header of a file says. For a process that may crash or hang on it, as this module's does.

    Raises:
        Refused: no decoder takes the file.
    """
    return _open(path).header


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


def _open(path: str) -> Decoded:
    """The first decoder that takes the file; Refused, with every attempt, if none does."""
    attempts = []
    empty = False
    for name, opener in (("libsndfile", _sndfile), ("FFmpeg", _ffmpeg)):
        try:
            return opener(path)
        except MemoryError:
            raise Refused("not_audio", "its header asks for more memory than there is") from None
        except Refused:
            raise
        except Exception as error:  # decoders raise many kinds for files they do not take
            attempts.append(f"{name}: {_sentence(error, path)}")
            empty = empty or isinstance(error, NoSamplesError)
            if empty and riff.promised_frames(Path(path)) == 0:
                break  # FFmpeg would take what follows an empty chunk for samples
    if empty:
        raise _no_frames(path)
    raise Refused(
        "not_audio",
        f"it is not audio that can be decoded ({'; '.join(attempts)})",
        "Check that it plays in an audio player, and export it again if not.",
    )


def _sndfile(path: str) -> Decoded:
    from mastering.io.sndfile import open_sndfile

    return open_sndfile(path)


def _ffmpeg(path: str) -> Decoded:
    from mastering.io.ffmpeg import open_ffmpeg

    return open_ffmpeg(path)


def _sentence(error: Exception, path: str) -> str:
    text = str(error)
    for noise in (f"Error opening {os.fsencode(path)!r}: ", f"Error opening {path!r}: ", f": {path!r}"):
        text = text.replace(noise, "")
    return text.rstrip(".") or type(error).__name__


def _downmixed(header: Header) -> tuple[Header, Samples]:
    matrix = downmix_matrix(header.speakers)
    if matrix is None:
        raise Refused(
            "unknown_layout",
            f"its {header.channels} channels have no known speaker layout to mix down",
            "Mix it to stereo in an editor first.",
        )
    text = (
        f"{header.channels} channels ({' '.join(header.speakers)}) are mixed down to stereo (ITU-R BS.775)."
    )
    notice = Notice(code="downmixed", message=text)
    return dataclasses.replace(header, notices=(*header.notices, notice)), matrix


def _send_samples(answer: BinaryIO, decoded: Decoded, header: Header, matrix: Samples | None) -> int:
    """Cut the decoder's samples into blocks of BLOCK_FRAMES and send them; returns the frames sent."""
    block = np.empty((header.channels if matrix is None else 2, BLOCK_FRAMES), np.float32)
    filled = sent = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for samples in decoded.blocks:
            mixed = samples if matrix is None else matrix @ samples.astype(np.float32, copy=False)
            taken = 0
            while taken < mixed.shape[1]:
                count = min(BLOCK_FRAMES - filled, mixed.shape[1] - taken)
                block[:, filled : filled + count] = mixed[:, taken : taken + count]
                filled += count
                taken += count
                if filled == BLOCK_FRAMES:
                    sent += _send_block(answer, block, header, sent)
                    filled = 0
    if filled:
        sent += _send_block(answer, np.ascontiguousarray(block[:, :filled]), header, sent)
    return sent


def _send_block(answer: BinaryIO, block: Samples, header: Header, start: int) -> int:
    if header.may_be_nonfinite and not np.isfinite(block).all():
        frame = start + int(np.argmin(np.isfinite(block).all(axis=0)))
        raise Refused(
            "not_finite",
            f"it holds a sample that is not a finite number, at {frame / header.sample_rate:.3f} s",
            "Repair it in an editor or export it again; NaN and infinite samples cannot be mastered.",
        )
    _send(answer, SAMPLES, block)
    return int(block.shape[1])


def _length_notices(path: str, decoded: Decoded, frames: int) -> list[dict[str, str]]:
    header, damaged = decoded.header, decoded.damaged
    promised = header.header_frames or 0
    # A lossy header may be off by a packet or two; PCM may not.
    tolerance = 8192 if header.lossy else 0
    if frames == 0:
        raise _no_frames(path)
    notices: list[Notice] = []
    if promised - frames > tolerance:
        if header.exact_frames != frames:  # else the header has said so
            notices.append(truncated(promised, frames, damaged=bool(damaged)))
    elif damaged:
        text = f"The file is damaged: {len(damaged)} part(s) of it could not be decoded ({damaged[0]})."
        notices.append(Notice(code="damaged", message=text))
    return [dataclasses.asdict(notice) for notice in notices]


def _no_frames(path: str) -> Refused:
    promised = riff.promised_frames(Path(path))
    claim = f", though its header promises {promised:,}" if promised else ""
    return Refused("no_frames", f"it holds no audio: 0 frames{claim}", "Export it again.")


def _send_json(answer: BinaryIO, kind: bytes, value: dict[str, Any]) -> None:
    _send(answer, kind, np.frombuffer(json.dumps(value).encode(), np.uint8))


def _send(answer: BinaryIO, kind: bytes, payload: npt.NDArray[Any]) -> None:
    for part in (MESSAGE.pack(kind, payload.nbytes), payload.data.cast("B")):
        rest = memoryview(part)
        while rest:
            rest = rest[answer.write(rest) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
