"""FileInfo: what is known about an audio file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mastering.notice import Notice

__all__ = ["FileInfo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """What a file says about itself, before it is decoded.

    Attributes:
        path: the file.
        container: short lower-case name: "wav", "flac", "mp3", "ogg", "m4a", "matroska", ...
        codec: the decoder's short lower-case name: "pcm_16", "float", "vorbis", "aac", ...
        description: container and codec in words, for reports.
        sample_rate: Hz.
        channels: channels in the file.
        header_frames: frames the header promises; None where it does not say.
        bit_depth: bits per sample of PCM; None for float and lossy codecs.
        lossy: whether the codec loses information.
        notices: what is unusual about it.
    """

    path: Path
    container: str
    codec: str
    description: str
    sample_rate: int
    channels: int
    header_frames: int | None
    bit_depth: int | None
    lossy: bool
    notices: tuple[Notice, ...] = field(default=())

    @property
    def duration_s(self) -> float | None:
        """Seconds the header promises; None where it does not say."""
        return None if self.header_frames is None else self.header_frames / self.sample_rate
