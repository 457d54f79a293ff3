"""`tonmeister serve`: the HTTP interface and the page, and the keys to them."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.tables import align
from mastering.errors import EnvironmentProblem, TonmeisterError
from mastering.report.wording import clean

if TYPE_CHECKING:
    from mastering.service.keys import Keys, Role
    from mastering.service.settings import Settings

__all__ = ["command"]

C = TypeVar("C", bound=Callable[..., Any])

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client")

_EXIT_CODES = """\b
Exit codes:
  0    ended when it was told to; with --check, everything is there
  2    a setting that is not allowed
  3    the address, the folder, a database or a package cannot be used"""


def _place_options(function: C) -> C:
    """--config and --data, of every command that has to do with a service's folder."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.toml",
        help="Settings. The environment ($TONMEISTER_SERVE_...) goes before them, options before both.",
    )
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder of songs, results and records; else ./tonmeister-data.",
    )
    return config(data(function))


_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")


class _Group(click.Group):
    command_class = Command


@click.group("serve", cls=_Group, epilog=_EXIT_CODES, invoke_without_command=True)
@_place_options
@click.option("--host", metavar="ADDRESS", help="Where to listen; else 127.0.0.1. Others need a key.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="Else 8440; 0 takes a free one.")
@click.option("--database", metavar="FOLDER|URL", help="Of jobs; else a folder in --data.")
@click.option("--executor", type=click.Choice(["local", "ray"]), help="Who runs jobs; else local.")
@click.option(
    "--ray-address", metavar="HOST:PORT", help="Of the Ray cluster's head; else one is started here."
)
@click.option("--log", type=click.Choice(["text", "json"]), help="Else text.")
@click.option("--check", is_flag=True, help="Check settings, folders and databases; serve nothing.")
@click.pass_context
def command(ctx: click.Context, /, check: bool, **options: Any) -> None:
    """Serve the HTTP interface and the page that masters in a browser.

    Without keys only this machine reaches it; `tonmeister serve keys add` makes one. All settings can stand
    in a file, see --config.
    """
    if ctx.invoked_subcommand is not None:
        ctx.meta[__name__] = options
        return
    settings = _settings(options)
    if check:
        ctx.exit(_check(settings))
    _serve(settings)


@command.group("keys", cls=_Group)
def keys_command() -> None:
    """Keys to the service: add, list, remove. Only a digest of a key is kept."""


@keys_command.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["submit", "admin"]),
    default="submit",
    show_default=True,
    help="submit sees its own songs and jobs, admin everybody's.",
)
@_place_options
@_json
@click.pass_context
def add_command(ctx: click.Context, /, name: str, role: Role, as_json: bool, **options: Any) -> None:
    """Make a key for NAME. It is shown once."""
    with _keys(ctx, options) as keys:
        secret = keys.add(clean(name), role)
    if as_json:
        write({"schema": 1, "key": secret, "name": name, "role": role})
        return
    click.echo(secret)
    click.echo("Keep it: it is shown only now. A service that runs knows it at once.", err=True)


@keys_command.command("list")
@_place_options
@_json
@click.pass_context
def list_command(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """List the keys: their ids, never themselves."""
    from mastering.service.times import iso

    with _keys(ctx, options) as keys:
        found = keys.list()
    if as_json:
        rows = [{"id": k.id, "name": k.name, "role": k.role, "created": iso(k.created_s)} for k in found]
        write({"schema": 1, "keys": rows})
        return
    if not found:
        click.echo("no keys: only this machine reaches the service")
        return
    lines = [(k.id, k.name, k.role, str(iso(k.created_s))) for k in found]
    click.echo(align([("Id", "Name", "Role", "Since"), *lines]))


@keys_command.command("remove")
@click.argument("key", metavar="ID")
@_place_options
@click.pass_context
def remove_command(ctx: click.Context, /, key: str, **options: Any) -> None:
    """Remove the key of an ID: it opens nothing any more. What it has made stays."""
    with _keys(ctx, options) as keys:
        keys.remove(key)


def _settings(options: dict[str, Any]) -> Settings:
    """The settings that options, environment and file spell out.

    Raises:
        ParameterError: one that is not allowed.
        EnvironmentProblem: the packages of the service are not installed.
    """
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise EnvironmentProblem(
                f"the service needs a package that is not installed ({package})",
                hint="pip install 'tonmeister[serve]'",
                code="serve_missing",
            )
    from mastering.service.settings import read_settings

    given = {name: value for name, value in options.items() if name != "config"}
    return read_settings(options["config"], given)


@contextlib.contextmanager
def _keys(ctx: click.Context, options: dict[str, Any]) -> Iterator[Keys]:
    """The keys of the folder that the options, or those of `serve` before them, name."""
    from mastering.service.house import make_folders
    from mastering.service.keys import Keys
    from mastering.service.records import Records

    before = {name: value for name, value in ctx.meta[__name__].items() if name in ("config", "data")}
    settings = _settings({name: options[name] or before[name] for name in before})
    records = Records(make_folders(settings.data) / "service.sqlite")
    try:
        yield Keys(records)
    finally:
        records.close()


def _serve(settings: Settings) -> None:
    from mastering.cli.job_kinds import KINDS
    from mastering.cli.serve_workshop import CommandWorkshop
    from mastering.service.server import listening, serve

    listener, settings = listening(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = settings.public_urls[0] if settings.public_urls else f"http://{host}:{settings.port}"
    serve(
        settings,
        listener,
        KINDS,
        CommandWorkshop,
        ready=lambda: click.echo(f"Tonmeister listens at {url}/", err=True),
    )


def _check(settings: Settings) -> int:
    """Open everything that `serve` would, and say how it went."""
    from mastering.cli.job_kinds import KINDS
    from mastering.cli.serve_workshop import CommandWorkshop
    from mastering.service.house import House
    from mastering.service.server import listening

    lines, worst = [], 0
    try:
        listening(settings)[0].close()
        lines.append(("address", f"{settings.host}:{settings.port} is free"))
    except TonmeisterError as error:
        lines.append(("address", error.message))
        worst = error.exit_code
    try:
        house = House(settings, KINDS, CommandWorkshop)
    except TonmeisterError as error:
        lines.append(("service", f"{error.message} {error.hint}"))
        worst = error.exit_code
    else:
        parts = house.readiness()
        keys = len(house.keys.list())
        house.close()
        lines += [*parts.items(), ("keys", str(keys) if keys else "none: only this machine reaches it")]
        worst = worst or (0 if all(part == "ok" for part in parts.values()) else 3)
    click.echo(align([("Part", "State"), *((name, clean(text)) for name, text in lines)]))
    return worst
