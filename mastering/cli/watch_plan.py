"""Settings of a drop folder: the options of `master`, typed or in a folder's tonmeister.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from mastering.cli.master import asked
from mastering.cli.master_settings import Given, MasterSettings, master_options
from mastering.cli.tasks import AlbumTask, MasterTask
from mastering.cli.watch_hooks import Hooks
from mastering.cli.watch_task import DropAlbumTask, DropTask
from mastering.errors import ParameterError, TonmeisterError
from mastering.watch.names import DEFAULT_TEMPLATE, check_template
from mastering.watch.values import Setting, Signature

__all__ = ["FOLDER_OPTIONS", "FolderPlan", "Planner", "template_option"]

_NOT_HERE = frozenset(
    (
        "inputs",
        "output",
        "output_dir",
        "force",
        "strict",
        "jobs",
        "as_json",
        "quiet",
        "dry_run",
        "help",
    )
)


def _parse_template(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else check_template(value)


template_option = click.Option(
    ["--name-template"],
    metavar="TEXT",
    callback=_parse_template,
    help=f"Name of a master, out of {{stem}}, {{folder}}, {{style}}, {{target}}, {{date}} (of the file) and "
    f"{{ext}}; without it {DEFAULT_TEMPLATE}.",
)

_webhook_option = click.Option(
    ["--webhook"],
    metavar="URL",
    help="Tell this https:// address of each song that is mastered or fails, by signed messages; see "
    "--webhook-secret-file.",
)


def _for_folders(option: click.Parameter) -> click.Parameter:
    """An option of `master`, as it is said of folders."""
    if option.name != "album" or not isinstance(option, click.Option):
        return option
    return click.Option(
        ["--album"], is_flag=True, help="Treat each sub-folder as one album: one decision for all its songs."
    )


FOLDER_OPTIONS: list[click.Parameter] = [
    *map(_for_folders, master_options(_NOT_HERE)),
    template_option,
    _webhook_option,
]
"""What may be typed for all folders, or set for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """How the files of a folder are mastered; a `mastering.watch.values.Plan`."""

    template: str
    fields: Mapping[str, str]
    task: DropTask
    album: bool = False
    webhook: str | None = None
    _digests: dict[tuple[Path, Signature | None], str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Equal for equal settings and equal content of the references.

        Raises:
            AudioFileError: a reference cannot be read.
        """
        from mastering.cli.job_kinds import KINDS
        from mastering.jobs.kinds import content_key

        references = [self._digest(path) for path in self.task.master.job.references]
        return "\0".join([content_key(KINDS.named("drop"), self.task, ()), *references])

    def _digest(self, path: Path) -> str:
        from mastering.io.files import sha256

        at = (path, Signature.at(path))
        if at not in self._digests:
            self._digests[at] = sha256(path)
        return self._digests[at]

    def request(
        self, *, pairs: Sequence[tuple[Path, Path]], contents: Sequence[str], album: bool, take: int
    ) -> DropTask | DropAlbumTask:
        """The request of a job."""
        master = self.task.master
        if album:
            work = AlbumTask(pairs=tuple(pairs), job=master.job, plugins=master.plugins, make_folder=True)
            return DropAlbumTask(album=work, contents=tuple(contents), take=take)
        ((source, output),), (content,) = pairs, contents
        return replace(
            self.task, master=replace(master, source=source, output=output), content=content, take=take
        )


class Planner:
    """Makes plans of settings, over what was typed.

    Args:
        ctx: of the command.
        typed: its parameters.
        hooks: of whoever typed them.
    """

    def __init__(self, ctx: click.Context, typed: Mapping[str, Any], hooks: Hooks) -> None:
        self._hooks = hooks
        self._settings = MasterSettings(ctx, typed, FOLDER_OPTIONS, hint=_MEND)

    def __call__(self, settings: Mapping[str, Setting]) -> FolderPlan:
        """The plan of a folder.

        Raises:
            TonmeisterError: a key that is not known, or a value that is refused, with file and key.
            click.UsageError: what was typed is refused.
        """
        given = {key: _given(setting) for key, setting in settings.items()}
        values = dict(self._settings.typed)
        for key, one in given.items():
            values |= self._settings.value(key, one)
        try:
            return _plan(values, self._hooks)
        except (TonmeisterError, click.UsageError) as error:
            if not settings:
                raise
            raise self._blamed(given, error) from error

    def _blamed(self, given: Mapping[str, Given], error: Exception) -> ParameterError:
        """The error with the first setting that brings it about."""
        values = dict(self._settings.typed)
        for key, one in given.items():
            values |= self._settings.value(key, one)
            try:
                _plan(values, self._hooks)
            except (TonmeisterError, click.UsageError):
                break
        return self._settings.refused(key, one, getattr(error, "message", str(error)))


_MEND = "Mend the file; what lies in its folder waits until then."


def _given(setting: Setting) -> Given:
    return Given(value=setting.value, where=str(setting.origin), folder=str(setting.origin.parent))


def _plan(values: dict[str, Any], hooks: Hooks) -> FolderPlan:
    from mastering.io.paths import check_readable

    webhook = hooks.check(values["webhook"])
    job, stems, plugins = asked({**values, "output": None, "force": False})
    for reference in job.references:
        check_readable(reference)
    task = MasterTask(source=Path(), output=Path(), job=job, stems=stems, plugins=plugins, make_folder=True)
    fields = {
        "style": job.style.name if job.style is not None else "",
        "target": job.target.name if job.target is not None else "",
        "ext": job.delivery.container,
    }
    return FolderPlan(
        template=values["name_template"] or DEFAULT_TEMPLATE,
        fields=fields,
        task=DropTask(master=task, content=""),
        album=values["album"],
        webhook=webhook,
    )
