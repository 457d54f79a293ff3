"""Settings of a drop folder: the options of `master`, typed or in a folder's tonmeister.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from mastering.cli.master import asked
from mastering.cli.master_settings import Given, MasterSettings, master_options
from mastering.cli.tasks import MasterTask
from mastering.cli.watch_task import DropTask
from mastering.errors import ParameterError, TonmeisterError
from mastering.watch.names import DEFAULT_TEMPLATE, check_template
from mastering.watch.values import Setting, Signature

__all__ = ["MASTER_OPTIONS", "FolderPlan", "Planner", "template_option"]

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
        "album",
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

MASTER_OPTIONS = master_options(_NOT_HERE)
"""The options of `master` that make sense for a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """How the files of a folder are mastered; a `mastering.watch.values.Plan`."""

    template: str
    fields: Mapping[str, str]
    task: DropTask
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

    def request(self, *, source: Path, output: Path, content: str, take: int) -> DropTask:
        """The request of a job."""
        master = replace(self.task.master, source=source, output=output)
        return replace(self.task, master=master, content=content, take=take)


class Planner:
    """Makes plans of settings, over what was typed.

    Args:
        ctx: of the command.
        typed: its parameters.
    """

    def __init__(self, ctx: click.Context, typed: Mapping[str, Any]) -> None:
        self._settings = MasterSettings(ctx, typed, [*MASTER_OPTIONS, template_option], hint=_MEND)

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
            return _plan(values)
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
                _plan(values)
            except (TonmeisterError, click.UsageError):
                break
        return self._settings.refused(key, one, getattr(error, "message", str(error)))


_MEND = "Mend the file; what lies in its folder waits until then."


def _given(setting: Setting) -> Given:
    return Given(value=setting.value, where=str(setting.origin), folder=str(setting.origin.parent))


def _plan(values: dict[str, Any]) -> FolderPlan:
    from mastering.io.paths import check_readable

    job, stems, plugins = asked({**values, "output": None, "album": False, "force": False})
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
    )
