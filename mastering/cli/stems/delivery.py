"""Writing stems so that the files add up to the recording.

Every stem gets the same gain: 1, unless one of them goes beyond full scale and the format cannot hold that.
In integer formats all stems but the last are dithered, each with noise of its own, and what that
does to them is taken off the last: the files add up to within the dither of one file, not of four
(16 bits: -96 dBFS instead of -90). The sum is measured from the written files.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mastering.audio import AudioSource, Samples
from mastering.dsp.dither import Dither
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.encoders import LOSSY
from mastering.io.metadata import Metadata
from mastering.io.writer import Writer, open_writer
from mastering.io.written import open_written
from mastering.target import Container

__all__ = ["Format", "Written", "refuse_existing", "write_stems"]

_MARGIN_STEPS = 4
_LOSSY_PEAK = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What is written: container, and 16, 24 or 32 (float) bits."""

    container: Container
    bit_depth: int

    @property
    def is_integer(self) -> bool:
        """Whether samples are quantised."""
        return self.container not in LOSSY and self.bit_depth < 32

    @property
    def is_exact(self) -> bool:
        """Whether what is read back is what was written."""
        return self.container not in LOSSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of it.

    Args:
        gain_db: of every stem.
        sum_error_dbfs: root mean square of the difference between the files' sum and the recording (times
            the gain); None where not all stems were written, or the format is lossy.
        sum_error_peak_dbfs: its largest value.
    """

    gain_db: float
    sum_error_dbfs: float | None = None
    sum_error_peak_dbfs: float | None = None


def refuse_existing(paths: Mapping[str, Path], *, force: bool) -> None:
    """Refuse before anything is separated what would be refused afterwards.

    Raises:
        AudioFileError: an output is there and `force` is not given ("file_exists").
    """
    for path in paths.values():
        if path.exists() and not force:
            raise AudioFileError(
                f"{path}: exists already",
                hint="Choose another folder or name, or give --force to replace it.",
                code="file_exists",
            )


def write_stems(
    parts: Mapping[str, AudioSource],
    outputs: Mapping[str, Path],
    how: Format,
    *,
    original: AudioSource,
    inputs: tuple[Path, ...],
    force: bool,
    metadata: Metadata,
    progress: Callable[[float], None],
) -> Written:
    """Write stems; all of them appear, or none.

    Args:
        parts: name -> stem; where they are all there are, the last one takes up the rounding of the others.
        outputs: name -> file; of fewer names than `parts` only these are written, each by itself.
        how: format.
        original: the recording that the parts add up to.
        inputs: files that are never replaced.
        force: existing files may be replaced.
        metadata: to carry over.
        progress: share done.

    Raises:
        AudioFileError: an output exists.
        EnvironmentProblem: it cannot be written.
        ParameterError: the container does not take the rate.
    """
    chosen = {name: part for name, part in parts.items() if name in outputs}
    gain = _gain(chosen, how, lambda share: progress(0.2 * share))
    with _folders(outputs.values()), contextlib.ExitStack() as stack:
        writers = {
            name: stack.enter_context(_opened(outputs[name], part, how, force, inputs))
            for name, part in chosen.items()
        }
        complete = len(chosen) == len(parts)
        _write(chosen, writers, how, gain, complete, lambda share: progress(0.2 + 0.5 * share))
        written = Written(gain_db=20.0 * math.log10(gain))
        if complete and how.is_exact:
            written = _checked(writers, original, how, gain, lambda share: progress(0.7 + 0.3 * share))
        _commit(writers, metadata, force=force)
    return written


def _opened(path: Path, part: AudioSource, how: Format, force: bool, inputs: tuple[Path, ...]) -> Writer:
    return open_writer(
        path,
        sample_rate=part.sample_rate,
        channels=part.channels,
        container=how.container,
        bit_depth=how.bit_depth,
        dither_seed=None,  # samples come dithered
        force=force,
        inputs=inputs,
        frames=part.frames,
    )


def _gain(parts: Mapping[str, AudioSource], how: Format, progress: Callable[[float], None]) -> float:
    """The one gain of all stems: 1 unless one would clip."""
    if how.is_exact and not how.is_integer:
        return 1.0
    peak = 0.0
    for place, part in enumerate(parts.values()):
        for block in part.blocks():
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
        progress((place + 1) / len(parts))
    if peak <= 1.0:
        return 1.0
    return (1.0 - _MARGIN_STEPS / 2 ** (how.bit_depth - 1) if how.is_integer else _LOSSY_PEAK) / peak


def _write(
    parts: Mapping[str, AudioSource],
    writers: Mapping[str, Writer],
    how: Format,
    gain: float,
    complete: bool,
    progress: Callable[[float], None],
) -> None:
    channels = next(iter(parts.values())).channels
    dithers = [
        Dither(how.bit_depth, channels, seed) if how.is_integer else None for seed, _ in enumerate(parts)
    ]
    done, frames = 0, next(iter(parts.values())).frames
    for blocks in zip(*(part.blocks() for part in parts.values()), strict=True):
        owed: npt.NDArray[np.float64] = np.zeros(blocks[0].shape)
        for place, (block, dither, writer) in enumerate(zip(blocks, dithers, writers.values(), strict=True)):
            wanted = block * np.float64(gain)
            if complete and place == len(blocks) - 1:
                wanted += owed
            samples = _quantised(wanted, dither, how)
            owed += wanted - samples
            writer.write(samples)
        done += blocks[0].shape[1]
        progress(done / max(1, frames))
    for writer in writers.values():
        writer.finish()


def _quantised(samples: npt.NDArray[np.float64], dither: Dither | None, how: Format) -> Samples:
    """Samples as the file will hold them."""
    rounded = samples.astype(np.float32)
    if dither is None:
        return rounded
    return (dither(rounded) / np.float64(2 ** (how.bit_depth - 1))).astype(np.float32)


def _checked(
    writers: Mapping[str, Writer],
    original: AudioSource,
    how: Format,
    gain: float,
    progress: Callable[[float], None],
) -> Written:
    """How far the files' sum is from the recording."""
    square, peak, done = 0.0, 0.0, 0
    with contextlib.ExitStack() as stack:
        files = [
            stack.enter_context(open_written(writer.finish(), how.container)) for writer in writers.values()
        ]
        for block, *stems in zip(original.blocks(), *(file.blocks() for file in files), strict=True):
            error = np.sum(stems, axis=0, dtype=np.float64) - block * np.float64(gain)
            square += float(np.square(error).sum())
            peak = max(peak, float(np.abs(error).max(initial=0.0)))
            done += block.shape[1]
            progress(done / max(1, original.frames))
    rms = math.sqrt(square / max(1, done * original.channels))
    return Written(
        gain_db=20.0 * math.log10(gain), sum_error_dbfs=_dbfs(rms), sum_error_peak_dbfs=_dbfs(peak)
    )


def _dbfs(value: float) -> float:
    return 20.0 * math.log10(value) if value > 0.0 else -math.inf


def _commit(writers: Mapping[str, Writer], metadata: Metadata, *, force: bool) -> None:
    """Give all files their names; if one cannot have its own, those that have are removed again."""
    done: list[Path] = []
    try:
        for name, writer in writers.items():
            writer.commit(metadata=_titled(metadata, name))
            done.append(writer.path)
    except BaseException:
        for path in done if not force else []:
            path.unlink(missing_ok=True)
        raise


def _titled(metadata: Metadata, stem: str) -> Metadata:
    """The metadata with the stem's name in the title."""
    titles = tuple(f"{title} ({stem})" for title in metadata.tags.get("title", ()))
    return replace(metadata, tags={**metadata.tags, "title": titles}) if titles else metadata


@contextlib.contextmanager
def _folders(paths: Iterable[Path]) -> Iterator[None]:
    """The folders of the outputs, made for them and removed again if nothing came of it."""
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(path.parent for path in paths):
            missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
            made += missing
            _make(folder)
        yield
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder}: the folder for the stems cannot be made ({error.strerror})",
            hint="Choose another folder with -o, or change its permissions.",
            code="output_not_writable",
        ) from error
