"""Writing a master: dither, encode, measure, tag, commit.

    with open_writer("out.wav", sample_rate=44_100, channels=2, container="wav", bit_depth=24) as writer:
        for block in blocks:
            writer.write(block)
        features = analyse(open_source(writer.finish()))   # what is really in the file
        writer.commit(metadata=read_metadata("in.wav"), loudness=features)

The file gets its name at `commit` (or at the end of the `with` block, if nothing failed);
until then it is a hidden temporary file in the same folder, and an error removes it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from mastering.audio import Samples
from mastering.dsp.dither import Dither
from mastering.errors import ParameterError
from mastering.io.atomic import AtomicFile, disk_full, output_problem
from mastering.io.encoders import LOSSY, check_format, open_encoder
from mastering.io.metadata import Metadata
from mastering.io.tags import write_metadata
from mastering.measure.features import Features
from mastering.target import Container

__all__ = ["Writer", "open_writer"]

_ROOM_BYTES = 2**21


class Writer:
    """A master in the making; see `open_writer`.

    Attributes:
        path: the file it will be.
        frames: frames written so far.
    """

    def __init__(
        self,
        path: Path,
        *,
        sample_rate: int,
        channels: int,
        container: Container,
        bit_depth: int,
        dither_seed: int | None,
        force: bool,
        inputs: Iterable[Path],
        frames: int | None,
    ) -> None:
        check_format(container, sample_rate=sample_rate, channels=channels, bit_depth=bit_depth)
        self.path = path
        self.frames = 0
        self._channels = channels
        quantised = container not in LOSSY and bit_depth < 32
        self._dither = Dither(bit_depth, channels, dither_seed) if quantised else None
        self._needed_bytes = None
        if frames is not None and container in ("wav", "aiff"):
            self._needed_bytes = frames * channels * bit_depth // 8 + _ROOM_BYTES
        self._finished = False
        self._done = False
        self._target = AtomicFile(path, force=force, inputs=inputs)
        try:
            self._check_space()
            with self._reported():
                self._encoder = open_encoder(
                    self._target.temporary,
                    container,
                    sample_rate=sample_rate,
                    channels=channels,
                    bit_depth=bit_depth,
                )
        except BaseException:
            self._target.discard()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._done:
            self.commit()
        else:
            self.discard()

    def write(self, samples: Samples) -> None:
        """Append float32 [channels, frames], full scale 1.0.

        Raises:
            ParameterError: another shape, or a sample that is not finite.
            EnvironmentProblem: the disk is full ("disk_full") or fails ("output_failed").
        """
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise ParameterError(
                f"Writer.write got shape {samples.shape}: allowed [{self._channels} channels, frames]"
            )
        # One addition per sample: a NaN or an infinity does not get lost in a sum.
        if not np.isfinite(samples.sum(dtype=np.float64)):
            raise ParameterError(f"{self.path}: a sample to be written is not finite", code="not_finite")
        if self._finished:
            raise ParameterError(f"{self.path}: nothing can be written once the file is finished")
        if samples.shape[1] == 0:
            return
        with self._reported():
            self._encoder.write(samples if self._dither is None else self._dither(samples))
        self.frames += samples.shape[1]

    def finish(self) -> Path:
        """End the encoding; returns the complete temporary file, which can be opened and measured."""
        if self.frames == 0:
            raise ParameterError(f"{self.path}: nothing was written to it", code="no_frames")
        if not self._finished:
            with self._reported():
                self._encoder.close()
            self._finished = True
        return self._target.temporary

    def commit(
        self, *, metadata: Metadata | None = None, loudness: Features | None = None, rate_ratio: float = 1.0
    ) -> None:
        """Finish, write the metadata, and give the file its name.

        Args:
            metadata: tags, covers, broadcast data and cue points to carry over.
            loudness: what was measured in the finished file, for a WAV's bext chunk.
            rate_ratio: output rate / rate of the file the metadata came from.

        Raises:
            ParameterError: no frame was written ("no_frames").
            AudioFileError: a file of that name appeared meanwhile ("file_exists").
            EnvironmentProblem: as `write`.
        """
        try:
            temporary = self.finish()
            if metadata is not None or loudness is not None:
                with self._reported():
                    write_metadata(temporary, metadata or Metadata(), loudness, rate_ratio)
            self._target.commit()
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary file; nothing happens after a commit."""
        if not self._finished:
            self._encoder.abort()
            self._finished = True
        self._done = True
        self._target.discard()

    def _check_space(self) -> None:
        if self._needed_bytes is None:
            return
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self.path.parent).free < self._needed_bytes:
                raise disk_full(self.path, self._needed_bytes)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_problem(error, self.path, self._needed_bytes) from error


def open_writer(
    path: str | Path,
    *,
    sample_rate: int,
    channels: int,
    container: Container = "wav",
    bit_depth: int = 24,
    dither_seed: int | None = 0,
    force: bool = False,
    inputs: Iterable[str | Path] = (),
    frames: int | None = None,
) -> Writer:
    """Open a new audio file for writing, as a context manager.

    Args:
        path: the file to be; its folder must exist.
        sample_rate: Hz; opus takes 48000 only, mp3 and m4a the rates of their standards.
        channels: 1 or 2.
        container: one of `mastering.target.CONTAINERS`; the extension is not looked at.
        bit_depth: 16, 24, or 32 (float: wav and aiff); lossy containers ignore it.
        dither_seed: seed of the TPDF dither for 16 and 24 bits; None rounds without dither.
        force: replace an existing file.
        inputs: files that must not be replaced even then.
        frames: frames to come, if known: a disk too small for them is refused at once.

    Raises:
        ParameterError: what the container cannot hold.
        AudioFileError: "file_exists", "output_is_input", "not_a_file", "name_too_long".
        EnvironmentProblem: "output_not_writable", "disk_full", "no_encoder".
    """
    return Writer(
        Path(path),
        sample_rate=sample_rate,
        channels=channels,
        container=container,
        bit_depth=bit_depth,
        dither_seed=dither_seed,
        force=force,
        inputs=[Path(source) for source in inputs],
        frames=frames,
    )
