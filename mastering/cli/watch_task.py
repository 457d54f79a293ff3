"""What was dropped, as a job: masters are made of the very content that was dropped, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mastering.cli.job_needs import PLAIN, of_order
from mastering.cli.tasks import AlbumTask, MasterTask
from mastering.errors import AudioFileError
from mastering.jobs.model import About, Outcome

__all__ = ["DropAlbumTask", "DropTask", "about_drop", "about_drop_album", "run_drop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTask:
    """Master one file that was dropped.

    Args:
        master: the work.
        content: SHA-256 of the file, hexadecimal.
        take: how often it was begun before, for files that came and went.
    """

    master: MasterTask
    content: str
    take: int = 0

    @property
    def label(self) -> str:
        """The input's name."""
        return self.master.label

    def nameless(self) -> DropTask:
        """The same without the names and the content: what is equal for all files of a folder."""
        return replace(self, master=replace(self.master, source=Path(), output=Path()), content="", take=0)

    @property
    def work(self) -> MasterTask:
        """What is done."""
        return self.master

    @property
    def dropped(self) -> tuple[tuple[Path, str], ...]:
        """Each file with the digest it must have."""
        return ((self.master.source, self.content),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAlbumTask:
    """Master the songs of a folder that was dropped, as one album.

    Args:
        album: the work.
        contents: SHA-256 of each song, hexadecimal.
        take: how often it was begun before.
    """

    album: AlbumTask
    contents: tuple[str, ...]
    take: int = 0

    @property
    def label(self) -> str:
        """The folder's name."""
        return self.album.pairs[0][0].parent.name

    @property
    def work(self) -> AlbumTask:
        """What is done."""
        return self.album

    @property
    def dropped(self) -> tuple[tuple[Path, str], ...]:
        """Each file with the digest it must have."""
        sources = (source for source, _ in self.album.pairs)
        return tuple(zip(sources, self.contents, strict=True))


def about_drop(task: DropTask) -> About:
    """A mix and its references; with stems it takes long."""
    return About(
        label=task.label,
        inputs=(task.master.source, *task.master.job.references),
        lane="short" if task.master.stems is None else "long",
        needs=of_order(task.master.stems),
    )


def about_drop_album(task: DropAlbumTask) -> About:
    """All songs and references."""
    sources = (source for source, _ in task.album.pairs)
    return About(label=task.label, inputs=(*sources, *task.album.job.references), needs=PLAIN)


def run_drop(task: DropTask | DropAlbumTask, progress: Callable[[str, float], None]) -> Outcome:
    """Master what was dropped.

    Raises:
        AudioFileError: it is not that any more ("input_replaced"); then nothing is left of the masters.
    """
    _check(task)
    done = task.work.run(progress)
    _check(task)
    return Outcome(
        entries=tuple(one.entry for one in done),
        text="\n".join(one.text if len(done) == 1 else one.line for one in done),
        missed=any(one.missed for one in done),
    )


def _check(task: DropTask | DropAlbumTask) -> None:
    from mastering.io.files import sha256
    from mastering.watch.values import REPLACED

    for source, content in task.dropped:
        if sha256(source) != content:
            raise AudioFileError(
                f"{source}: another file was put in its place meanwhile",
                hint="It is taken anew.",
                code=REPLACED,
            )
