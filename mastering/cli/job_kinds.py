"""The kinds of work that can be jobs: the tasks of the commands, under the commands' names.

The command line is where mastering, stems and generation are put together, so this is where jobs learn of
them; each is found by import path in the process that does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mastering.cli import job_needs
from mastering.cli.catalogue.task import BatchTask, about_batch, run_batch
from mastering.cli.plugins.render_task import RenderTask
from mastering.cli.plugins.rendering import Rendering
from mastering.cli.stems.remix_task import RemixTask
from mastering.cli.stems.tasks import StemsDone, StemsTask
from mastering.cli.tasks import AlbumTask, ApplyTask, Done, MasterTask
from mastering.cli.watch_task import DropAlbumTask, DropTask, about_drop, about_drop_album, run_drop
from mastering.jobs.kinds import Kinds
from mastering.jobs.model import About, Kind, Outcome

__all__ = [
    "KINDS",
    "about_album",
    "about_apply",
    "about_master",
    "about_remix",
    "about_render",
    "about_stems",
    "run_masters",
    "run_one",
]

_Progress = Callable[[str, float], None]


def about_master(task: MasterTask) -> About:
    """A mix and its references; with stems it takes long."""
    return About(
        label=task.label,
        inputs=(task.source, *task.job.references),
        lane="short" if task.stems is None else "long",
        needs=job_needs.of_order(task.stems),
    )


def about_album(task: AlbumTask) -> About:
    """All songs and references."""
    files = (*(source for source, _ in task.pairs), *task.job.references)
    return About(label=task.label, inputs=files, needs=job_needs.PLAIN)


def about_apply(task: ApplyTask) -> About:
    """One file; a recipe with stems takes long."""
    stems = task.stems if task.recipe.stems is not None else None
    return About(
        label=task.label,
        inputs=(task.source,),
        lane="short" if stems is None else "long",
        needs=job_needs.of_order(stems),
    )


def about_stems(task: StemsTask) -> About:
    """One file."""
    needs = job_needs.separation(task.settings.model, task.settings.device)
    return About(label=task.label, inputs=(task.source,), lane="long", needs=needs)


def about_remix(task: RemixTask) -> About:
    """One file, or the files of a folder of stems."""
    files = (task.source,) if not task.source.is_dir() else tuple(_files(task.source.iterdir()))
    needs = job_needs.separation(task.wish.model, task.wish.device)
    return About(label=task.label, inputs=files, lane="long", needs=needs)


def _files(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and not path.name.startswith("."))


def about_render(task: RenderTask) -> About:
    """One file, and those that set the plug-in."""
    return About(label=task.label, inputs=(task.source, *task.setup.files), needs=job_needs.PLAIN)


def run_masters(task: MasterTask | AlbumTask | ApplyTask, progress: _Progress) -> Outcome:
    """Master, album and apply."""
    done: list[Done] = task.run(progress)
    return Outcome(
        entries=tuple(one.entry for one in done),
        text="\n".join(one.text if len(done) == 1 else one.line for one in done),
        missed=any(one.missed for one in done),
    )


def run_one(task: StemsTask | RemixTask | RenderTask, progress: _Progress) -> Outcome:
    """Separation, remix, and plug-ins."""
    done: StemsDone | Rendering = task.run(progress)
    return Outcome(entries=(done.entry,), text=done.text)


def _kind(name: str, request: type[Any], run: Callable[..., Outcome], about: Callable[..., About]) -> Kind:
    return Kind(name=name, request=_path(request), run=_path(run), about=_path(about))


def _path(named: Any) -> str:
    return f"{named.__module__}:{named.__qualname__}"


KINDS = Kinds(
    [
        _kind("master", MasterTask, run_masters, about_master),
        _kind("drop", DropTask, run_drop, about_drop),
        _kind("drop-album", DropAlbumTask, run_drop, about_drop_album),
        _kind("batch", BatchTask, run_batch, about_batch),
        _kind("album", AlbumTask, run_masters, about_album),
        _kind("apply", ApplyTask, run_masters, about_apply),
        _kind("stems", StemsTask, run_one, about_stems),
        _kind("remix", RemixTask, run_one, about_remix),
        _kind("render", RenderTask, run_one, about_render),
    ]
)
"""By the names of their commands; "drop" and "drop-album" are of `watch`, "batch" of a catalogue."""
