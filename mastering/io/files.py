"""Opening audio files: `open_source`, `probe`, `sha256`.

A file is decoded in a process of its own (see `worker`), so that no file can take the run
down. What decodes to at most CACHE_BYTES is decoded once, when it is opened, and kept; a
longer file is decoded again for every pass and needs no more memory than one block.
`frames` is always what really decodes: integer PCM and FLAC are trusted once their last
frame has been seen (a FLAC damaged further ahead is refused when the damage is met), all
else that is too long to keep is counted in one pass when it is opened.

Codes of the errors raised: file_missing, is_directory, not_a_file, no_permission,
file_empty, not_audio, no_audio_stream, no_frames, not_finite, too_many_channels,
unsupported_rate, unknown_layout, format_changes, decoder_timeout, decoder_crashed,
file_changed, damaged, file_closed; and an EnvironmentProblem: decoder_not_started. Notices:
truncated, damaged, downmixed, several_streams.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from mastering.audio import Audio, Samples
from mastering.errors import AudioFileError
from mastering.io.atomic import write_text_atomic
from mastering.io.info import FileInfo
from mastering.io.paths import check_readable
from mastering.io.stream import Header
from mastering.io.worker import DECODER, DecoderProcess
from mastering.notice import Notice
from mastering.units import ranges

__all__ = [
    "CACHE_BYTES",
    "FileInfo",
    "FileSource",
    "Notice",
    "file_info",
    "open_source",
    "probe",
    "sha256",
    "write_text_atomic",
]

CACHE_BYTES = 192 * 2**20
"""Most decoded bytes that a source keeps in memory: 9.5 minutes of stereo at 44.1 kHz."""

_RATES_HZ = ranges(Audio)["sample_rate"]
_MAX_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    size: int
    modified_ns: int


class FileSource:
    """An audio file as an AudioSource: `blocks()` can be read any number of times, always the same.

    Made by `open_source`. Close it, or use it as a context manager: that frees the samples
    and ends decoders still running.

    Attributes:
        path: the file as given.
        info: what its header says.
        notices: what a person should hear about ("truncated", "downmixed", ...).
        sample_rate: Hz.
        channels: 1 or 2, after a downmix.
        frames: frames that really decode.
    """

    def __init__(
        self, path: Path, *, downmix: bool, timeout_s: float, command: Sequence[str], cache_bytes: int
    ) -> None:
        self._fingerprint = _fingerprint(path)
        self._downmix = downmix
        self._timeout_s = timeout_s
        self._command = command
        self._running: list[DecoderProcess] = []
        self._kept: list[Samples] | None = []
        self._sha256: str | None = None
        self._closed = False
        self.path = path
        with self._decoder() as decoder:
            header = decoder.header()
            self.info = file_info(path, header)
            self.sample_rate = _allowed_rate(path, header)
            self.channels = _allowed_channels(path, header, downmix)
            self.frames = self._first_pass(decoder, header, cache_bytes)
            self.notices = (*header.notices, *decoder.notices)
        self._check_unchanged()

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the samples and end every decoder that still runs."""
        self._closed = True
        self._kept = None
        for decoder in self._running:
            decoder.close()
        self._running.clear()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, hexadecimal; read on first use."""
        if self._sha256 is None:
            digest = sha256(self.path)
            self._check_unchanged()
            self._sha256 = digest
        return self._sha256

    def blocks(self) -> Iterator[Samples]:
        """Read-only float32 [channels, BLOCK_FRAMES] from the start, the last block shorter; finite.

        Raises:
            AudioFileError: the file changed since it was opened ("file_changed"), a long file turns
                out to be damaged ("damaged"), or its decoder hangs or crashes.
        """
        if self._closed:
            raise AudioFileError(f"{self.path}: it has been closed", code="file_closed")
        return iter(self._kept) if self._kept is not None else self._decode_again()

    def audio(self) -> Audio:
        """The whole file in memory."""
        samples = np.empty((self.channels, self.frames), np.float32)
        start = 0
        for block in self.blocks():
            samples[:, start : start + block.shape[1]] = block
            start += block.shape[1]
        return Audio(samples=samples, sample_rate=self.sample_rate)

    def _decoder(self) -> DecoderProcess:
        return DecoderProcess(
            self.path, mode="decode", downmix=self._downmix, timeout_s=self._timeout_s, command=self._command
        )

    def _first_pass(self, decoder: DecoderProcess, header: Header, cache_bytes: int) -> int:
        """Keep the samples if they are few enough; the number of frames in any case."""
        frame_bytes = 4 * self.channels
        if header.exact_frames is not None and header.exact_frames * frame_bytes > cache_bytes:
            self._kept = None
            return header.exact_frames
        frames = 0
        for block in decoder.blocks(self.channels):
            frames += block.shape[1]
            if frames * frame_bytes > cache_bytes:
                self._kept = None
            if self._kept is not None:
                self._kept.append(block)
        return frames

    def _decode_again(self) -> Iterator[Samples]:
        self._check_unchanged()
        frames = 0
        decoder = self._decoder()
        self._running.append(decoder)
        try:
            decoder.header()
            for block in decoder.blocks(self.channels):
                frames += block.shape[1]
                yield block
        finally:
            decoder.close()
            if decoder in self._running:
                self._running.remove(decoder)
        self._check_unchanged()
        if frames != self.frames:
            raise AudioFileError(
                f"{self.path}: it is damaged: {frames:,} of its {self.frames:,} frames can be decoded",
                hint="Export it again, or cut the damaged part off in an editor.",
                code="damaged",
            )

    def _check_unchanged(self) -> None:
        if _fingerprint(self.path) != self._fingerprint:
            raise AudioFileError(
                f"{self.path}: the file changed while it was being read",
                hint="Wait until it is completely written, then run again.",
                code="file_changed",
            )


def open_source(
    path: str | Path,
    *,
    downmix: bool = False,
    timeout_s: float = 30.0,
    decoder_command: Sequence[str] = DECODER,
    cache_bytes: int | None = None,
) -> FileSource:
    """Open an audio file, or the sound of a video, for reading.

    Args:
        path: any format that libsndfile or FFmpeg decodes.
        downmix: mix more than two channels down to stereo (ITU-R BS.775) instead of refusing them.
        timeout_s: longest time without progress before the decoder is stopped.
        decoder_command: the decoder process to start; only tests need another.
        cache_bytes: most decoded bytes to keep in memory; None is CACHE_BYTES.

    Raises:
        AudioFileError: with one of the codes in the module's description.
    """
    path = Path(path)
    check_readable(path)
    return FileSource(
        path,
        downmix=downmix,
        timeout_s=timeout_s,
        command=decoder_command,
        cache_bytes=CACHE_BYTES if cache_bytes is None else cache_bytes,
    )


def probe(path: str | Path, *, timeout_s: float = 30.0, decoder_command: Sequence[str] = DECODER) -> FileInfo:
    """What the header of a file says; nothing is decoded.

    Raises:
        AudioFileError: as `open_source`, but for what only decoding can show.
    """
    path = Path(path)
    check_readable(path)
    with DecoderProcess(
        path, mode="probe", downmix=False, timeout_s=timeout_s, command=decoder_command
    ) as decoder:
        return file_info(path, decoder.header())


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        AudioFileError: the file cannot be read.
    """
    path = Path(path)
    check_readable(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(path: Path) -> _Fingerprint:
    try:
        status = path.stat()
    except OSError:
        return _Fingerprint(-1, 0)
    return _Fingerprint(status.st_size, status.st_mtime_ns)


def file_info(path: Path, header: Header) -> FileInfo:
    """What a decoder's header says about a file."""
    return FileInfo(
        path=path,
        container=header.container,
        codec=header.codec,
        description=header.description,
        sample_rate=header.sample_rate,
        channels=header.channels,
        header_frames=header.header_frames,
        bit_depth=header.bit_depth,
        lossy=header.lossy,
        notices=header.notices,
    )


def _allowed_rate(path: Path, header: Header) -> int:
    if not _RATES_HZ.low <= header.sample_rate <= _RATES_HZ.high:
        raise AudioFileError(
            f"{path}: sample rate {header.sample_rate} Hz: allowed {_RATES_HZ}",
            hint="Resample it in an editor first.",
            code="unsupported_rate",
        )
    return header.sample_rate


def _allowed_channels(path: Path, header: Header, downmix: bool) -> int:
    if header.channels > _MAX_CHANNELS and not downmix:
        raise AudioFileError(
            f"{path}: {header.channels} channels: mono or stereo allowed",
            hint="Use --downmix to mix it down to stereo.",
            code="too_many_channels",
        )
    return min(header.channels, _MAX_CHANNELS)
