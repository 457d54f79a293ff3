"""`tonmeister presets`: styles, targets and chains, the shipped ones and the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from mastering import library
from mastering.cli.app import Command, debug_wanted
from mastering.cli.documents import write
from mastering.cli.failures import Failure, describe, exit_code_of, sentence
from mastering.cli.tables import align
from mastering.codec import to_plain
from mastering.errors import PresetError, TonmeisterError
from mastering.library import Kind, PresetEntry
from mastering.report.wording import clean

__all__ = ["command"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_kind = click.option("--kind", type=click.Choice(KINDS), help="Only these.")
_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")


class _Group(click.Group):
    command_class = Command


@click.group("presets", cls=_Group)
def command() -> None:
    """Styles, delivery targets and chains: the shipped ones and your own.

    Your own go into the folders that `tonmeister presets path` prints, and stand before shipped ones
    of the same name.
    """


@command.command("list")
@_kind
@_json
def list_presets(kind: Kind | None, as_json: bool) -> None:
    """List presets with what they are for."""
    entries = [entry for one in _kinds(kind) for entry in library.entries(one)]
    if as_json:
        write({"schema": 1, "presets": entries})
        return
    for one in _kinds(kind):
        rows = [(f"  {clean(entry.name)}", clean(_remark(entry))) for entry in entries if entry.kind == one]
        click.echo(one.capitalize())
        click.echo(align(rows) if rows else "  none")


def _remark(entry: PresetEntry) -> str:
    if entry.error:
        return f"BROKEN: {entry.error}"
    own = "" if entry.shipped else " (yours)"
    return f"{entry.summary or entry.title}{own}"


def _complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    found = {name for kind in _kinds(ctx.params.get("kind")) for name in library.names(kind)}
    return [CompletionItem(name) for name in sorted(found) if name.startswith(incomplete)]


@command.command("show")
@click.argument("name", shell_complete=_complete)
@_kind
@_json
def show_preset(name: str, kind: Kind | None, as_json: bool) -> None:
    """Show the preset NAME: its file, from which you can start your own.

    A name that is both a style and a target shows both; --kind chooses.
    """
    found = [one for one in _kinds(kind) if name in library.names(one)]
    if not found:
        raise _unknown(name, kind)
    if as_json:
        write({"schema": 1, "presets": [_document(one, name) for one in found]})
        return
    for one in found:
        entry = next(entry for entry in library.entries(one) if entry.name == name)
        mark = "//" if one == "chains" else "#"
        if len(found) > 1:
            click.echo(f"{mark} {one}: {entry.path}")
        click.echo(Path(entry.path).read_text("utf-8-sig"), nl=False)


def _document(kind: Kind, name: str) -> dict[str, Any]:
    load: dict[Kind, Any] = {
        "styles": library.load_style,
        "targets": library.load_target,
        "chains": library.load_chain,
    }
    return {"kind": kind, "name": name, "preset": to_plain(load[kind](name))}


def _unknown(name: str, kind: Kind | None) -> PresetError:
    import difflib

    known = sorted({n for one in _kinds(kind) for n in library.names(one)})
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return PresetError(
        f"no preset named {name!r}{meant}", hint="`tonmeister presets list` shows all.", code="preset_unknown"
    )


@command.command("validate")
@click.argument("paths", nargs=-1, metavar="[FILE]...", type=click.Path())
@_kind
@_json
@click.pass_context
def validate_presets(ctx: click.Context, /, paths: tuple[str, ...], kind: Kind | None, as_json: bool) -> None:
    """Check FILE..., or without one all your own presets; exits with 2 if one is wrong."""
    chosen = paths or tuple(
        entry.path for one in _kinds(kind) for entry in library.entries(one) if not entry.shipped
    )
    checked = [(path, _check(path, kind)) for path in chosen]
    if as_json:
        write({"schema": 1, "results": [_verdict(path, outcome) for path, outcome in checked]})
    for path, outcome in checked:
        if isinstance(outcome, Failure):
            click.echo(sentence(outcome, debug=debug_wanted(ctx), where=f"{path}: "), err=True)
        elif not as_json:
            click.echo(clean(f"{path}: fine ({outcome})"))
    if not checked:
        click.echo(f"There are no presets in {library.user_folder()}.", err=True)
    ctx.exit(exit_code_of([outcome for _, outcome in checked if isinstance(outcome, Failure)]))


def _check(path: str, kind: Kind | None) -> Kind | Failure:
    try:
        found = library.validate(path)
    except TonmeisterError as error:
        return describe(error)
    if kind is not None and found != kind:
        wrong = describe(PresetError(f"{path}: it is one of {found}, not of {kind}"))
        return replace(wrong, hint="Leave --kind out, or move the file.")
    return found


def _verdict(path: str, outcome: Kind | Failure) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        error = {"code": outcome.code, "message": outcome.message, "hint": outcome.hint}
        return {"path": path, "valid": False, "kind": None, "error": error}
    return {"path": path, "valid": True, "kind": outcome, "error": None}


@command.command("path")
@_kind
@_json
def print_path(kind: Kind | None, as_json: bool) -> None:
    """Print the folders of your own presets (make them if they are not there)."""
    folders = {one: library.user_folder() / one for one in _kinds(kind)}
    if as_json:
        write({"schema": 1, "folders": {one: str(folder) for one, folder in folders.items()}})
        return
    for folder in folders.values():
        click.echo(str(folder))


def _kinds(kind: Kind | None) -> Sequence[Kind]:
    return KINDS if kind is None else (kind,)
