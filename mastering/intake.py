"""Intake: inputs and references are opened and measured, two at a time, before anything is decided."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mastering.assess import input_notices, refuse_unmeasurable
from mastering.io.files import CACHE_BYTES, FileSource, open_source
from mastering.io.metadata import Metadata
from mastering.io.tags import metadata_or_notice
from mastering.measure.envelope import Envelope
from mastering.measure.features import Features, analyse
from mastering.notice import Notice
from mastering.ports import SeparatedStems, Separator
from mastering.stemwise.hearing import HeardStems, TakenApart, hear

__all__ = ["Reference", "Song", "hear_all", "read_all"]

_SEPARATING = 0.9
"""Share of the time that separating takes of separating and measuring the stems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One input, measured; its source stays open."""

    source: FileSource
    output: Path
    before: Features
    envelope: tuple[float, ...]
    metadata: Metadata
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One reference, measured and closed again."""

    path: Path
    features: Features
    sha256: str


def read_all(
    pairs: Sequence[tuple[Path, Path]],
    references: Sequence[Path],
    *,
    downmix: bool,
    stack: contextlib.ExitStack,
    progress: Callable[[float], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[list[Song], list[Reference]]:
    """Open and measure all files of a run.

    Args:
        pairs: input and output of each song.
        references: files to match.
        downmix: fold more than two channels down instead of refusing.
        stack: closes the songs' sources.
        progress: called with the share that is measured.
        meanwhile: called once the work has been handed to other threads.

    Raises:
        AudioFileError: the first file, references first, that cannot be mastered.
    """
    meter = _Progress(len(pairs) + len(references), progress)
    threads = 2 if len(pairs) + len(references) == 1 else 1
    cache_bytes = CACHE_BYTES // len(pairs)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(_reference, path, downmix, meter) for path in references]
        songs = [pool.submit(_song, pair, downmix, cache_bytes, stack, meter, threads) for pair in pairs]
        try:
            meanwhile()
            read = [reference.result() for reference in found]
            return [song.result() for song in songs], read
        except BaseException:
            meter.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Stopped(Exception):
    """Another file failed, or the user interrupted: measuring ends at the next block."""


class _Progress:
    """Shares of several files measured in threads; `stop` ends them."""

    def __init__(self, files: int, report: Callable[[float], None]) -> None:
        self._files = files
        self._report = report
        self._done = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def watch(self, source: FileSource) -> Envelope:
        """The source, each of whose blocks counts."""
        return Envelope(source, lambda frames: self._add(frames / max(1, source.frames)))

    def _add(self, share: float) -> None:
        if self._stopped.is_set():
            raise _Stopped
        with self._lock:
            self._done += share / self._files
            self._report(min(1.0, self._done))


def _reference(path: Path, downmix: bool, meter: _Progress) -> Reference:
    with open_source(path, downmix=downmix) as source:
        features = analyse(meter.watch(source))
        refuse_unmeasurable(path, features, "the reference")
        return Reference(path=path, features=features, sha256=source.sha256)


def _song(
    pair: tuple[Path, Path],
    downmix: bool,
    cache_bytes: int,
    stack: contextlib.ExitStack,
    meter: _Progress,
    threads: int,
) -> Song:
    path, output = pair
    source = stack.enter_context(open_source(path, downmix=downmix, cache_bytes=cache_bytes))
    watched = meter.watch(source)
    before = analyse(watched, threads=threads)
    refuse_unmeasurable(path, before, "the input")
    metadata, unread = metadata_or_notice(path)
    return Song(
        source=source,
        output=output,
        before=before,
        envelope=tuple(watched.peaks),
        metadata=metadata,
        notices=(*source.notices, *unread, *input_notices(before)),
    )


def hear_all(
    song: Song,
    references: Sequence[Reference],
    separator: Separator,
    *,
    downmix: bool,
    progress: Callable[[float], None],
) -> TakenApart:
    """Separate an open song and its references, one after the other, and measure all stems.

    Args:
        song: its source stays open; its stems are kept.
        references: opened again for this, and closed.
        separator: takes them apart.
        downmix: as in `read_all`.
        progress: called with the share done.

    Raises:
        ModelError: the separator's weights are missing, changed or not a model.
    """
    count = 1 + len(references)

    def part(number: int) -> Callable[[float], None]:
        return lambda share: progress((number + share) / count)

    separated, own = _taken_apart(song.source, song.before, separator, part(0))
    heard = []
    for number, reference in enumerate(references, start=1):
        with open_source(reference.path, downmix=downmix) as source:
            heard.append(_taken_apart(source, reference.features, separator, part(number))[1])
    return TakenApart(separated=separated, own=own, references=tuple(heard))


def _taken_apart(
    source: FileSource, mix: Features, separator: Separator, progress: Callable[[float], None]
) -> tuple[SeparatedStems, HeardStems]:
    separated = separator.separate(source, on_progress=lambda share: progress(_SEPARATING * share))
    heard = hear(
        separated, mix, on_progress=lambda share: progress(_SEPARATING + (1.0 - _SEPARATING) * share)
    )
    return separated, heard
