"""`tonmeister stems models`: which separation models there are, where they are, and fetching them once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from mastering.cli.app import Command, debug_wanted
from mastering.cli.documents import write
from mastering.cli.failures import Failure, describe, exit_code_of, sentence
from mastering.errors import ModelError, TonmeisterError
from mastering.report.wording import clean

if TYPE_CHECKING:
    from stems.models import FileCheck, ModelEntry, ModelFiles, Progress

__all__ = ["command", "complete_models", "models", "models_dir_option"]

_ORIGINS = {
    "catalogue": "known beforehand",
    "card": "on the model's card",
    "record": "recorded at the first download",
    "name": "first digits, in the file's name",
    "nothing": "nobody told it; recorded when it is downloaded",
}
_WIDTH_IN_A_PIPE = 120

_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
models_dir_option = click.option(
    "--models-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of models to look in first, and to download into.",
)


class _Group(click.Group):
    command_class = Command


def complete_models(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete a model's name, or else a file's."""
    from stems.models import list_models

    names = [entry.name for entry in list_models() if entry.name.startswith(incomplete)]
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


_name = click.argument("name", shell_complete=complete_models)
_names = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_models)


@click.group("models", cls=_Group)
def models() -> None:
    """Separation models: list, describe, download and check them.

    A model is looked for in --models-dir, in $TONMEISTER_MODELS_DIR, in the user's cache folder, and where
    demucs itself may have put it. The model `draft` comes with the program and needs no download.
    """


command = models


@models.command("list")
@models_dir_option
@_json
def list_command(models_dir: Path | None, as_json: bool) -> None:
    """List the models, their stems and whether they are on this machine."""
    from stems.models import list_models

    entries = list_models()
    if as_json:
        write({"schema": 1, "models": [_document(entry, models_dir) for entry in entries]})
        return
    rows = [
        (entry.name, str(len(entry.sources)), _size(entry), _presence(entry, models_dir), entry.summary)
        for entry in entries
    ]
    _print_table(("Model", "Stems", "Size", "Here", "What it is"), rows, numbers=(1, 2))


@models.command("info")
@_name
@models_dir_option
@_json
def info_command(name: str, models_dir: Path | None, as_json: bool) -> None:
    """Describe the model NAME: stems, files, digests, licence, training data."""
    from stems.models import find_model

    entry = find_model(name)
    if as_json:
        write({"schema": 1, "model": _document(entry, models_dir)})
        return
    facts = [
        ("Model", f"{entry.name}{f' {entry.version}' if entry.version else ''} ({entry.label})"),
        ("", entry.summary),
        ("Stems", ", ".join(entry.sources)),
        ("Networks", _bag(entry)),
        ("Size", _size(entry)),
        ("Here", _presence(entry, models_dir)),
        ("Licence", entry.licence),
        ("", entry.terms),
        ("Trained on", entry.training),
        ("Needs", entry.needs),
    ]
    _print_table(("", ""), [row for row in facts if row[1]], plain=True)
    _print_table(("Network", "File", "SHA-256", "How it is known"), _digest_rows(entry, models_dir))


@models.command("download")
@_names
@models_dir_option
@_json
@click.option("-q", "--quiet", is_flag=True, help="No progress, only errors.")
@click.pass_context
def download_command(
    ctx: click.Context, /, names: tuple[str, ...], models_dir: Path | None, as_json: bool, quiet: bool
) -> None:
    """Download the models NAME... once; what is here already is checked and kept.

    A download that broke off goes on where it was. $TONMEISTER_MODELS_URL names another server, which has
    the files in one folder; proxies are taken from the environment.
    """
    from stems.models import download, find_model

    if not names:
        raise click.UsageError("Name a model, such as htdemucs; `tonmeister stems models list` shows all.")
    entries = [find_model(name) for name in names]
    outcomes: list[tuple[ModelEntry, ModelFiles | Failure]] = []
    with _bars(quiet=quiet) as show:
        for entry in entries:
            try:
                outcomes.append((entry, download(entry, models_dir, show)))
            except TonmeisterError as error:
                outcomes.append((entry, describe(error)))
    if as_json:
        write({"schema": 1, "results": [_downloaded(*outcome) for outcome in outcomes]})
    for entry, outcome in outcomes:
        if isinstance(outcome, Failure):
            click.echo(sentence(outcome, debug=debug_wanted(ctx), where=f"{entry.name}: "), err=True)
        elif not as_json and not quiet:
            places = dict.fromkeys(str(file.path.parent) for file in outcome.files)
            click.echo(clean(f"{entry.name}: ready in {', '.join(places)}"))
    ctx.exit(exit_code_of([outcome for _, outcome in outcomes if isinstance(outcome, Failure)]))


@models.command("path")
@click.argument("name", required=False, shell_complete=complete_models)
@models_dir_option
@_json
def path_command(name: str | None, models_dir: Path | None, as_json: bool) -> None:
    """Print the files of the model NAME; without a name the folders that are searched, first the one
    that downloads go to.
    """
    from stems.models import find_model, folders, locate

    if name is None:
        paths = [str(folder) for folder in folders(models_dir)]
        document: dict[str, Any] = {"schema": 1, "folders": paths}
    else:
        entry = find_model(name)
        paths = list(dict.fromkeys(str(file.path) for file in locate(entry, models_dir).files))
        document = {"schema": 1, "model": entry.name, "files": paths}
    if as_json:
        write(document)
        return
    for path in paths:
        click.echo(path)


@models.command("verify")
@_names
@models_dir_option
@_json
@click.pass_context
def verify_command(
    ctx: click.Context, /, names: tuple[str, ...], models_dir: Path | None, as_json: bool
) -> None:
    """Check the files of the models NAME..., without one of all that are here, against their SHA-256."""
    from stems.models import find_model, list_models, verify

    entries = [find_model(name) for name in names] if names else list(list_models())
    checked = [(entry, verify(entry, models_dir)) for entry in entries]
    if not names:  # what is not here at all is not asked about
        checked = [(entry, checks) for entry, checks in checked if any(check.path for check in checks)]
    if as_json:
        write({"schema": 1, "results": [_verified(*one) for one in checked]})
    else:
        rows = [
            (entry.name, check.path.name if check.path else check.signature, check.state, _remark(check))
            for entry, checks in checked
            for check in checks
        ]
        _print_table(("Model", "File", "State", "SHA-256"), rows)
    if not checked:
        click.echo("No model is on this machine.", err=True)
    bad = [check for _, checks in checked for check in checks if check.state in ("damaged", "missing")]
    for check in bad:
        click.echo(sentence(describe(_problem(check)), debug=False), err=True)
    ctx.exit(ModelError.exit_code if bad else 0)


def _problem(check: FileCheck) -> ModelError:
    hint = "`tonmeister stems models download NAME` puts it right."
    return ModelError(check.problem, hint=hint, code=f"model_{check.state}")


def _size(entry: ModelEntry) -> str:
    return f"{entry.size_bytes / 1e6:,.0f} MB" if entry.size_bytes else "not known"


def _bag(entry: ModelEntry) -> str:
    signatures = ", ".join(member.signature for member in entry.members)
    if len(entry.members) == 1:
        return signatures
    rows = "; ".join("[" + " ".join(f"{value:g}" for value in row) + "]" for row in entry.weights)
    return f"{signatures}; weights {rows}"


def _presence(entry: ModelEntry, models_dir: Path | None) -> str:
    """Where a model is, in a few words."""
    from stems.models import facts_of

    here = {file.signature for file in facts_of(entry, models_dir) if file.path}
    count = len(entry.distinct_members)
    if entry.label == "draft":
        return "embedded" if here else "missing"
    if 0 < len(here) < count:
        return f"{len(here)} of {count} files"
    return "yes" if here else "no"


def _digest_rows(entry: ModelEntry, models_dir: Path | None) -> list[tuple[str, str, str, str]]:
    """For each network its file where it is here, else the files any of which would do."""
    from stems.models import facts_of

    files = facts_of(entry, models_dir)
    here = {file.signature for file in files if file.path}
    shown = [file for file in files if file.path or file.signature not in here]
    return [(file.signature, file.name, file.sha256 or "not known", _ORIGINS[file.origin]) for file in shown]


def _document(entry: ModelEntry, models_dir: Path | None) -> dict[str, Any]:
    """What is known of a model, for machines."""
    from stems.models import facts_of

    files = facts_of(entry, models_dir)
    here = {file.signature for file in files if file.path}
    return {
        "name": entry.name,
        "label": entry.label,
        "version": entry.version,
        "summary": entry.summary,
        "sources": list(entry.sources),
        "members": [member.signature for member in entry.members],
        "weights": [list(row) for row in entry.weights],
        "segment_s": entry.segment_s,
        "size_bytes": entry.size_bytes,
        "licence": entry.licence,
        "terms": entry.terms,
        "training": entry.training,
        "needs": entry.needs,
        "here": len(here) == len(entry.distinct_members),
        "files": [
            {
                "signature": file.signature,
                "name": file.name,
                "path": str(file.path) if file.path else None,
                "url": file.url,
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
                "known": file.origin,
            }
            for file in files
        ],
    }


def _downloaded(entry: ModelEntry, outcome: ModelFiles | Failure) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        error = {"code": outcome.code, "message": outcome.message, "hint": outcome.hint}
        return {"model": entry.name, "files": [], "error": error}
    files = dict.fromkeys(str(file.path) for file in outcome.files)
    return {"model": entry.name, "files": list(files), "error": None}


def _verified(entry: ModelEntry, checks: Sequence[FileCheck]) -> dict[str, Any]:
    files = [
        {
            "signature": check.signature,
            "path": str(check.path) if check.path else None,
            "sha256": check.sha256,
            "state": check.state,
            "known": check.origin,
            "problem": check.problem,
        }
        for check in checks
    ]
    return {"model": entry.name, "files": files}


def _remark(check: FileCheck) -> str:
    return f"{check.sha256} ({_ORIGINS[check.origin]})" if check.path else "not here"


def _print_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), plain: bool = False
) -> None:
    """A table as wide as the terminal; names come from users and are shown as they are, never as markup."""
    if not rows:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None if plain else SIMPLE_HEAD, show_header=not plain, pad_edge=False)
    for place, head in enumerate(heads):
        first = place == 0
        table.add_column(
            head, justify="right" if place in numbers else "left", no_wrap=first, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _WIDTH_IN_A_PIPE
    Console(file=sys.stdout, width=width, highlight=False).print(table)


@contextmanager
def _bars(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar for each file, if standard error is a terminal and nobody asked for quiet."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        begun: dict[str, progress.TaskID] = {}

        def show(now: Progress) -> None:
            if now.file not in begun:
                begun[now.file] = bars.add_task(f"{now.index + 1}/{now.count} {now.file}", total=None)
            bars.update(begun[now.file], completed=now.done_bytes, total=now.total_bytes)

        yield show
