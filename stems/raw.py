"""Raw float32 files of a cache entry, written in steps that survive a kill, and read as stems."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from mastering.audio import BLOCK_FRAMES, AudioSource, Samples
from mastering.dsp.resample import Resampler, resampled_frames
from mastering.errors import EnvironmentProblem
from stems.cache import Lease

__all__ = ["Part", "RawFiles", "Sum", "at_model_rate", "model_frames", "read_raw", "recut", "write_raw"]

_JOURNAL = "journal"


class RawFiles:
    """Files that grow side by side: [channels, frames] each, interleaved, with a journal of what is safe.

    Args:
        folder: of the entry.
        names: of the files.
        channels: of each.

    Raises:
        OSError: they cannot be written.
    """

    def __init__(self, folder: Path, names: Sequence[str], channels: int) -> None:
        self._journal_path = folder / _JOURNAL
        self._frame_bytes = 4 * channels
        self._paths = [folder / name for name in names]
        self.frames = self._safe_frames()
        self._noted = self.frames
        self._files = []
        for path in self._paths:
            path.touch()
            file = path.open("r+b", buffering=0)
            file.truncate(self.frames * self._frame_bytes)
            file.seek(0, os.SEEK_END)
            self._files.append(file)
        self._journal = self._journal_path.open("a", encoding="ascii")

    def __enter__(self) -> RawFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note how far it came, whatever happened, and close."""
        try:
            with contextlib.suppress(OSError):
                self.note()
        finally:
            for file in (*self._files, self._journal):
                with contextlib.suppress(OSError):
                    file.close()

    def append(self, parts: Sequence[Samples]) -> None:
        """Append to each file its float32 [channels, frames]."""
        for file, samples in zip(self._files, parts, strict=True):
            _write_all(file, samples)
        self.frames += parts[0].shape[1]

    def note(self) -> None:
        """Make what was appended safe against a kill and a power cut."""
        if self.frames == self._noted:
            return
        for file in self._files:
            os.fsync(file.fileno())
        self._journal.write(f"{self.frames}\n")
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._noted = self.frames

    def _safe_frames(self) -> int:
        """Frames that the last whole line of the journal counts and every file has."""
        try:
            lines = self._journal_path.read_text("ascii").split("\n")[:-1]
            sizes = [path.stat().st_size for path in self._paths]
        except (OSError, UnicodeDecodeError):
            return 0
        noted = int(lines[-1]) if lines and lines[-1].isdecimal() else 0
        return noted if min(sizes) >= noted * self._frame_bytes else 0


def write_raw(path: Path, blocks: Iterable[Samples]) -> None:
    """Write a stream as a raw file; it is on the disk afterwards."""
    with path.open("wb", buffering=0) as file:
        for block in blocks:
            _write_all(file, block)
        os.fsync(file.fileno())


def _write_all(file: FileIO, samples: Samples) -> None:
    rest = np.ascontiguousarray(samples.T, "<f4").reshape(-1).data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]  # a disk that is nearly full takes only a part


def read_raw(path: Path, channels: int) -> Iterator[Samples]:
    """The blocks of a raw file, float32 [channels, BLOCK_FRAMES], the last one shorter."""
    try:
        with path.open("rb", buffering=0) as file:
            while len(values := np.fromfile(file, "<f4", BLOCK_FRAMES * channels)):
                yield np.ascontiguousarray(values.reshape(-1, channels).T, np.float32)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path}: this stem in the cache cannot be read ({error.strerror or error})",
            hint="Run it again; `tonmeister cache clear` removes what is damaged.",
            code="cache_damaged",
        ) from error


def model_frames(frames: int, sample_rate: int, model_rate: int) -> int:
    """Frames at the model's rate that a piece becomes: enough to bring back all of its own."""
    return resampled_frames(frames + _padding(sample_rate, model_rate), sample_rate, model_rate)


def at_model_rate(source: AudioSource, model_rate: int) -> Iterator[Samples]:
    """A source's blocks at the model's rate, `model_frames` in all."""
    if source.sample_rate == model_rate:
        yield from source.blocks()
        return
    resampler = Resampler(source.sample_rate, model_rate, source.channels)
    for block in source.blocks():
        yield resampler.push(block)
    silence = np.zeros((source.channels, _padding(source.sample_rate, model_rate)), np.float32)
    yield resampler.push(silence)
    yield resampler.flush()


def _padding(sample_rate: int, model_rate: int) -> int:
    return 0 if sample_rate == model_rate else -(-sample_rate // model_rate)


def recut(chunks: Iterable[Samples], frames: int) -> Iterator[Samples]:
    """`frames` frames in blocks of BLOCK_FRAMES, the last one shorter; what comes after them is dropped."""
    held: list[Samples] = []
    count = done = 0
    for chunk in chunks:
        chunk = chunk[:, : frames - done - count]
        held.append(chunk)
        count += chunk.shape[1]
        if count < BLOCK_FRAMES:
            continue
        joined = np.concatenate(held, axis=1)
        whole = count - count % BLOCK_FRAMES
        for start in range(0, whole, BLOCK_FRAMES):
            yield joined[:, start : start + BLOCK_FRAMES]
        held, count, done = [joined[:, whole:]], count - whole, done + whole
    if count:
        yield np.concatenate(held, axis=1)


class Part:
    """A raw file of an entry as an AudioSource at the recording's rate.

    Attributes:
        sample_rate: Hz.
        channels: 1 to 8.
        frames: of the recording.
    """

    def __init__(
        self, lease: Lease, name: str, *, file_rate: int, sample_rate: int, channels: int, frames: int
    ) -> None:
        self._lease = lease  # the entry stays while a part of it is referred to
        self._path = lease.folder / name
        self._file_rate = file_rate
        self.sample_rate = sample_rate
        self.channels = channels
        self.frames = frames

    def blocks(self) -> Iterator[Samples]:
        """The samples from the start, in blocks of BLOCK_FRAMES.

        Raises:
            EnvironmentProblem: the cache was damaged ("cache_damaged").
        """
        raw = read_raw(self._path, self.channels)
        return raw if self._file_rate == self.sample_rate else recut(self._resampled(raw), self.frames)

    def _resampled(self, raw: Iterable[Samples]) -> Iterator[Samples]:
        resampler = Resampler(self._file_rate, self.sample_rate, self.channels)
        for block in raw:
            yield resampler.push(block)
        yield resampler.flush()


class Sum:
    """Sources of one layout, added: an AudioSource; attributes as those of `Part`."""

    def __init__(self, *sources: AudioSource) -> None:
        self._sources = sources
        self.sample_rate = sources[0].sample_rate
        self.channels = sources[0].channels
        self.frames = sources[0].frames

    def blocks(self) -> Iterator[Samples]:
        """The sums of the sources' blocks."""
        for blocks in zip(*(source.blocks() for source in self._sources), strict=True):
            total: npt.NDArray[np.float64] = np.sum(blocks, axis=0, dtype=np.float64)
            yield total.astype(np.float32)
