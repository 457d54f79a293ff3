"""Decoding with FFmpeg (PyAV): m4a/aac, wma, mka, and the audio of video files.

Runs in the decoder process only. FFmpeg drops the encoder's delay where the container
tells it (edit lists, Opus pre-skip, LAME tag); the padding that an mp4's last packet adds
beyond the track's duration is cut here. A raw .aac stream carries no such information.
Only plain media formats are allowed: no playlists, no subtitles, no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from mastering.io.channels import usual_speakers
from mastering.io.info import Notice
from mastering.io.stream import Decoded, Header, Refused

__all__ = ["open_ffmpeg"]

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,wav,w64,aiff,caf,au,flac,ogg,mp3,aac,ac3,eac3,dts,dtshd,amr,"
    "avi,flv,mpegts,mpeg,rm,ape,wv,tta,tak,mpc,mpc8,dsf,iff"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_LOSSLESS = {"alac", "flac", "ape", "wavpack", "tta", "tak", "truehd", "mlp", "wmalossless"}
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}
_MAX_PADDING_FRAMES = 8192
_MAX_DAMAGED_PACKETS = 1000


def open_ffmpeg(path: str) -> Decoded:
    """Open a file; its blocks are read as they are asked for.

    Raises:
        Refused: a video without sound, or audio that FFmpeg cannot decode.
        av.error.FFmpegError: FFmpeg does not take the file.
    """
    # A file object, not a name: FFmpeg would read a name with a colon as a protocol.
    container = av.open(Path(path).open("rb"), options=_OPTIONS)
    streams = container.streams.audio
    if not streams:
        raise Refused("no_audio_stream", "it holds no sound: there is no audio stream in it")
    stream = streams[0]
    context = stream.codec_context
    if not stream.rate or not stream.channels or context.format is None:
        raise Refused("not_audio", "its audio stream does not say its rate, channels or codec")
    frames = None
    if stream.duration is not None and stream.time_base is not None:
        frames = round(stream.duration * stream.time_base * stream.rate)
    notices = []
    if len(streams) > 1:
        notices.append(Notice(code="several_streams", message=f"The first of {len(streams)} audio streams is used."))
    speakers = tuple(channel.name for channel in stream.layout.channels)
    header = Header(
        container=_container_name(container.format.name, path),
        codec=context.name,
        description=f"{container.format.long_name}, {context.codec.long_name}",
        sample_rate=stream.rate,
        channels=stream.channels,
        header_frames=frames,
        exact=False,
        bit_depth=None,
        lossy=not context.name.startswith(("pcm_", "dsd_")) and context.name not in _LOSSLESS,
        may_be_nonfinite=True,
        speakers=usual_speakers(stream.channels) if "NONE" in speakers else speakers,
        notices=tuple(notices),
    )
    damaged: list[str] = []
    blocks = _planar_frames(container, stream, header, damaged)
    if frames is not None and container.format.name.startswith("mov,"):
        blocks = _without_padding(blocks, frames)
    return Decoded(header=header, blocks=blocks, damaged=damaged)


def _container_name(names: str, path: str) -> str:
    known = names.split(",")
    suffix = Path(path).suffix[1:].lower()
    return suffix if suffix in known else known[0]


def _planar_frames(container: Any, stream: Any, header: Header, damaged: list[str]) -> Iterator[npt.NDArray[Any]]:
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            damaged.append(str(error))
            if len(damaged) > _MAX_DAMAGED_PACKETS:
                return
            continue
        for frame in frames:
            if frame.sample_rate != header.sample_rate or len(frame.layout.channels) != header.channels:
                raise Refused("format_changes", "its sample rate or channels change in the middle")
            yield _as_float(frame, header.channels)


def _without_padding(blocks: Iterator[npt.NDArray[Any]], frames: int) -> Iterator[npt.NDArray[Any]]:
    """The blocks up to `frames`, where what follows is short enough to be the last packet's padding."""
    done = 0
    held: list[npt.NDArray[Any]] = []
    for samples in blocks:
        done += samples.shape[1]
        if done <= frames:
            yield samples
            continue
        held.append(samples)
        if done - frames > _MAX_PADDING_FRAMES:
            # Too much for padding: the duration in the header is wrong, so it is all kept.
            yield from held
            held.clear()
            frames = done + 2**62
    if held:
        rest = np.concatenate(held, axis=1)
        yield rest[:, : rest.shape[1] - (done - frames)]


def _as_float(frame: Any, channels: int) -> npt.NDArray[Any]:
    samples: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    kind = frame.format.name.rstrip("p")
    if kind not in _FULL_SCALE:
        return samples
    centred = samples.astype(np.float32) - (128.0 if kind == "u8" else 0.0)
    return centred * np.float32(1.0 / _FULL_SCALE[kind])
