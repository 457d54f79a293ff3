"""Songs of a catalogue as a job: fetched where they lie elsewhere, mastered, and published.

What is local is read and written where it is. What is not goes through a folder of the attempt's own. The
journal knows of that, and of every object that is published: an attempt that dies leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.cli.tasks import AlbumTask, Done, MasterTask, PluginOrder, StemsOrder
from mastering.errors import AudioFileError
from mastering.io.atomic import TEMPORARY_PREFIX, watched, watching
from mastering.io.remote import fetch, is_url
from mastering.jobs.model import About, Outcome

if TYPE_CHECKING:
    from mastering.jobspec import MasterJob

__all__ = ["BatchTask", "Located", "Song", "about_batch", "beside", "run_batch"]

_Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A file, and what is in it.

    Args:
        location: path or URL.
        version: "sha256:" and the digest of its bytes, or what its storage calls this version of it.
    """

    location: str
    version: str

    @property
    def name(self) -> str:
        """Without its folders."""
        return self.location.rpartition("/")[2] if is_url(self.location) else Path(self.location).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """An input, and the path or URL of its master."""

    source: Located
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTask:
    """Master a song, or the songs of an album, wherever they lie.

    Args:
        songs: one, or an album's.
        job: how; its references are those below.
        references: to match.
        album: one decision for all songs.
        stems, plugins: as in MasterTask.
        take: how often it was done before, where what came of it was lost.
    """

    songs: tuple[Song, ...]
    job: MasterJob
    references: tuple[Located, ...] = ()
    album: bool = False
    stems: StemsOrder | None = None
    plugins: PluginOrder = PluginOrder()
    take: int = 0

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.jobspec import MasterJob

        return {"MasterJob": MasterJob}

    @property
    def label(self) -> str:
        """The input's name, or how many songs there are."""
        return f"album of {len(self.songs)}" if self.album else self.songs[0].source.name


def about_batch(task: BatchTask) -> About:
    """The versions in the request say what is in the files; with stems it takes long."""
    return About(label=task.label, inputs=(), lane="short" if task.stems is None else "long")


def run_batch(task: BatchTask, progress: _Progress) -> Outcome:
    """Master the songs.

    Raises:
        AudioFileError: an input is not what was submitted, a name is taken, or what `MasterTask` raises.
        EnvironmentProblem: a storage cannot be reached or refuses.
    """
    remote = [song.output for song in task.songs if is_url(song.output)]
    if not task.job.force:
        for url in remote:
            _refuse_existing(url)
    with _scratch(task) as folder:
        references = [_staged(one, folder / f"reference-{i}") for i, one in enumerate(task.references)]
        sources = list(_fetched(task.songs, folder, progress))
        outputs = [_output(song, folder / f"out-{i}") for i, song in enumerate(task.songs)]
        unchanged = {path: _checked(path, song) for path, song in zip(sources, task.songs, strict=True)}
        with watched(None) if remote else contextlib.nullcontext():
            done = _work(task, sources, outputs, references).run(progress)
        for path, status in unchanged.items():
            _refuse_replaced(path, status)
        if remote:
            _publish(task, outputs, progress)
        return _outcome(task, done, outputs)


def _work(
    task: BatchTask, sources: Sequence[Path], outputs: Sequence[Path], references: Sequence[Path]
) -> MasterTask | AlbumTask:
    job = replace(task.job, references=tuple(references))
    if task.album:
        pairs = tuple(zip(sources, outputs, strict=True))
        return AlbumTask(pairs=pairs, job=job, plugins=task.plugins, make_folder=True)
    return MasterTask(
        source=sources[0],
        output=outputs[0],
        job=job,
        stems=task.stems,
        plugins=task.plugins,
        make_folder=True,
    )


@contextlib.contextmanager
def _scratch(task: BatchTask) -> Iterator[Path]:
    """A folder for what is fetched and published; none is made where everything is local."""
    places = [*(song.source.location for song in task.songs), *(song.output for song in task.songs)]
    places += [reference.location for reference in task.references]
    if not any(map(is_url, places)):
        yield Path()
        return
    folder = Path(tempfile.gettempdir(), f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}").absolute()
    watch = watching()
    if watch is not None:
        watch.scratch(folder)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetched(songs: Sequence[Song], folder: Path, progress: _Progress) -> Iterator[Path]:
    for i, song in enumerate(songs):

        def share(of_one: float, i: int = i) -> None:
            progress("fetch", (i + of_one) / len(songs))

        yield _staged(song.source, folder / f"in-{i}", share)


def _staged(one: Located, folder: Path, progress: Callable[[float], None] = lambda share: None) -> Path:
    """The path of a file, which is fetched into `folder` if it lies elsewhere."""
    if not is_url(one.location):
        return Path(one.location)
    folder.mkdir()
    path = folder / (one.name or "object")
    fetch(one.location, path, version=one.version, progress=progress)
    return path


def _output(song: Song, folder: Path) -> Path:
    return folder / song.output.rpartition("/")[2] if is_url(song.output) else Path(song.output)


def _checked(path: Path, song: Song) -> tuple[int, int] | None:
    """Size and time of an input that is what was submitted; None for one that was fetched."""
    if is_url(song.source.location):
        return None
    from mastering.io.files import sha256

    status = path.stat() if path.exists() else None
    if f"sha256:{sha256(path)}" != song.source.version or status is None:
        raise _replaced(path)
    return status.st_size, status.st_mtime_ns


def _refuse_replaced(path: Path, status: tuple[int, int] | None) -> None:
    if status is None:
        return
    try:
        now = path.stat()
    except OSError:
        raise _replaced(path) from None
    if (now.st_size, now.st_mtime_ns) != status:
        raise _replaced(path)


def _replaced(path: Path) -> AudioFileError:
    return AudioFileError(
        f"{path}: another file was put in its place meanwhile",
        hint="Run it again: it is taken anew.",
        code="input_replaced",
    )


def _refuse_existing(url: str) -> None:
    from mastering.io.remote_publish import refuse_existing

    for one in beside(url):
        refuse_existing(one)


def beside(output: str) -> list[str]:
    """A master's path or URL, its recipe's and its report's."""
    stem = output.rpartition(".")[0]
    return [output, f"{stem}.recipe.json", f"{stem}.report.html"]


def _publish(task: BatchTask, outputs: Sequence[Path], progress: _Progress) -> None:
    """Put what was written where it belongs, the masters last: who sees one finds what belongs to it."""
    from mastering.io.remote_publish import publish

    whole = [(path, beside(song.output)) for path, song in zip(outputs, task.songs, strict=True)]
    pairs = [(Path(beside(str(path))[i]), urls[i]) for i in (1, 2, 0) for path, urls in whole]
    pairs = [(path, url) for path, url in pairs if path.exists()]
    for i, (path, url) in enumerate(pairs):

        def share(of_one: float, i: int = i) -> None:
            progress("publish", (i + of_one) / len(pairs))

        publish(path, url, force=task.job.force, progress=share)


def _outcome(task: BatchTask, done: Sequence[Done], outputs: Sequence[Path]) -> Outcome:
    """What came of it, with the names that people know."""
    entries = [
        {**one.entry, "input": song.source.location, "output": song.output}
        for one, song in zip(done, task.songs, strict=True)
    ]
    text = "\n".join(one.text if len(done) == 1 else one.line for one in done)
    for song, path in zip(task.songs, outputs, strict=True):
        text = text.replace(str(path), song.output)
    return Outcome(entries=tuple(entries), text=text, missed=any(one.missed for one in done))
