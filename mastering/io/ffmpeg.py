"""Decoding with FFmpeg (PyAV): MP3, m4a/aac, wma, mka, and the audio of video files.

Runs in the decoder process only. FFmpeg drops the encoder's delay where the container
tells it (edit lists, Opus pre-skip, LAME tag); the padding that an mp4's last packet adds
beyond the track's duration is cut here. A raw .aac stream carries no such information.
Only plain media formats are allowed: no playlists, no subtitles, no network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
import numpy as np
import numpy.typing as npt

from mastering.io import riff
from mastering.io.channels import usual_speakers
from mastering.io.stream import Decoded, Header, Refused
from mastering.notice import Notice

__all__ = ["open_ffmpeg"]

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,wav,w64,aiff,caf,au,flac,ogg,mp3,aac,ac3,eac3,dts,dtshd,amr,"
    "avi,flv,mpegts,mpeg,rm,ape,wv,tta,tak,mpc,mpc8,dsf,iff"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_LOSSLESS = {"alac", "flac", "ape", "wavpack", "tta", "tak", "truehd", "mlp", "wmalossless"}
# Elsewhere FFmpeg estimates the length from the bit rate.
_KNOW_THEIR_LENGTH = ("mov,", "wav", "w64", "aiff", "caf", "flac", "asf", "ape", "wv", "tta", "tak", "ogg")
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}
_MAX_PADDING_FRAMES = 8192
_MAX_DAMAGED_PACKETS = 1000


class _Part(NamedTuple):
    """A decoded frame: samples [channels, frames], and how many at its end are padding."""

    samples: npt.NDArray[Any]
    padding: int


def open_ffmpeg(path: str) -> Decoded:
    """Open a file; its blocks are read as they are asked for.

    Raises:
        Refused: a video without sound, or audio that FFmpeg cannot decode.
        RuntimeError: FFmpeg does not take the file.
    """
    # A file object, not a name: FFmpeg would read a name with a colon as a protocol.
    file = Path(path).open("rb")  # noqa: SIM115
    try:
        container = av.open(file, options=_OPTIONS)
    except av.error.ArgumentError:
        raise RuntimeError("a format without sound") from None  # recognised, but not in the list
    except av.error.FFmpegError as error:
        raise RuntimeError(error.strerror) from None
    streams = container.streams.audio
    if not streams:
        raise Refused("no_audio_stream", "it holds no sound: there is no audio stream in it")
    stream = streams[0]
    context = stream.codec_context
    if not stream.rate or not stream.channels or context.format is None:
        raise Refused("not_audio", "its audio stream does not say its rate, channels or codec")
    frames = None
    told = _tells_its_length(container.format.name, stream, path)
    if stream.duration is not None and stream.time_base is not None and told:
        frames = round(stream.duration * stream.time_base * stream.rate)
    notices = []
    if len(streams) > 1:
        notices.append(
            Notice(code="several_streams", message=f"The first of {len(streams)} audio streams is used.")
        )
    speakers = tuple(channel.name for channel in stream.layout.channels)
    header = Header(
        container=_container_name(container.format.name, path),
        codec=context.name,
        description=f"{container.format.long_name}, {context.codec.long_name}",
        sample_rate=stream.rate,
        channels=stream.channels,
        header_frames=frames,
        exact_frames=None,
        bit_depth=None,
        lossy=not context.name.startswith(("pcm_", "dsd_")) and context.name not in _LOSSLESS,
        may_be_nonfinite=True,
        speakers=usual_speakers(stream.channels) if "NONE" in speakers else speakers,
        notices=tuple(notices),
    )
    damaged: list[str] = []
    parts = _parts(container, stream, header, damaged)
    if container.format.name.startswith("mov,"):
        blocks = _without_padding(parts, frames or 0, stream.rate)
    else:
        blocks = (part.samples for part in parts)
    return Decoded(header=header, blocks=blocks, damaged=damaged)


def _tells_its_length(container: str, stream: Any, path: str) -> bool:
    if container == "wav":
        return riff.promised_frames(Path(path)) is not None  # else FFmpeg takes the file's size for it
    # An MP3 that starts late has a LAME header, which also tells its length.
    return container.startswith(_KNOW_THEIR_LENGTH) or (container == "mp3" and bool(stream.start_time))


def _container_name(names: str, path: str) -> str:
    known = names.split(",")
    suffix = Path(path).suffix[1:].lower()
    return suffix if suffix in known else known[0]


def _parts(container: Any, stream: Any, header: Header, damaged: list[str]) -> Iterator[_Part]:
    packets = container.demux(stream)
    while len(damaged) <= _MAX_DAMAGED_PACKETS:
        try:
            frames = next(packets).decode()
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            damaged.append(str(error))
            continue
        for frame in frames:
            if frame.sample_rate != header.sample_rate or len(frame.layout.channels) != header.channels:
                raise Refused("format_changes", "its sample rate or channels change in the middle")
            in_frames = frame.time_base == Fraction(1, header.sample_rate)
            padding = frame.samples - frame.duration if in_frames and frame.duration else 0
            yield _Part(_as_float(frame, header.channels), padding)


def _without_padding(parts: Iterator[_Part], frames: int, sample_rate: int) -> Iterator[npt.NDArray[Any]]:
    """The samples without the padding of the last packet: what it says itself, else what exceeds `frames`.

    The track's duration may be rounded to a millisecond: less than that is no padding.
    """
    held: deque[npt.NDArray[Any]] = deque()
    holding = done = padding = 0
    for part in parts:
        samples, padding = part
        held.append(samples)
        holding += samples.shape[1]
        done += samples.shape[1]
        while holding - held[0].shape[1] >= _MAX_PADDING_FRAMES:
            holding -= held[0].shape[1]
            yield held.popleft()
    if padding <= 0 and sample_rate / 1000 < done - frames:
        padding = done - frames
    if held:
        rest = np.concatenate(held, axis=1)
        yield rest[:, : rest.shape[1] - (padding if 0 < padding <= _MAX_PADDING_FRAMES else 0)]


def _as_float(frame: Any, channels: int) -> npt.NDArray[Any]:
    samples: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    kind = frame.format.name.rstrip("p")
    if kind not in _FULL_SCALE:
        return samples
    centred = samples.astype(np.float32) - (128.0 if kind == "u8" else 0.0)
    return centred * np.float32(1.0 / _FULL_SCALE[kind])
