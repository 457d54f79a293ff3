"""A master of the drop folder as a job: done of the very content that was dropped, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mastering.cli.job_needs import of_order
from mastering.cli.tasks import MasterTask
from mastering.errors import AudioFileError
from mastering.jobs.model import About, Outcome

__all__ = ["DropTask", "about_drop", "run_drop"]


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


def about_drop(task: DropTask) -> About:
    """A mix and its references; with stems it takes long."""
    return About(
        label=task.label,
        inputs=(task.master.source, *task.master.job.references),
        lane="short" if task.master.stems is None else "long",
        needs=of_order(task.master.stems),
    )


def run_drop(task: DropTask, progress: Callable[[str, float], None]) -> Outcome:
    """Master the file.

    Raises:
        AudioFileError: it is not what was dropped ("input_replaced"); then nothing is left of the master.
    """
    _check(task)
    done = task.master.run(progress)
    _check(task)
    return Outcome(
        entries=tuple(one.entry for one in done),
        text="\n".join(one.text for one in done),
        missed=any(one.missed for one in done),
    )


def _check(task: DropTask) -> None:
    from mastering.io.files import sha256
    from mastering.watch.values import REPLACED

    if sha256(task.master.source) != task.content:
        raise AudioFileError(
            f"{task.master.source}: another file was put in its place meanwhile",
            hint="It is taken anew.",
            code=REPLACED,
        )
