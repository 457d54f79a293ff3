"""`tonmeister serve`: the HTTP interface and the page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.errors import EnvironmentProblem

if TYPE_CHECKING:
    from mastering.service.settings import Settings

__all__ = ["command", "serve_settings", "settings_options"]

_EXIT_CODES = """\b
Exit codes:
  0    ended when it was told to
  2    a setting that is not allowed
  3    the address, the folder or a database cannot be used"""


def settings_options(function: Any) -> Any:
    """--config and --data, of every command that has to do with a service's folder."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.toml",
        help="Settings; the environment ($TONMEISTER_SERVE_...) goes before them, options before both.",
    )
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder of songs, results and records; else ./tonmeister-data.",
    )
    return config(data(function))


def serve_settings(options: dict[str, Any]) -> Settings:
    """The settings that options, environment and file spell out.

    Raises:
        ParameterError: one that is not allowed.
        EnvironmentProblem: the packages of the service are not installed.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise EnvironmentProblem(
            f"the service needs a package that is not installed ({error.name})",
            hint="pip install 'tonmeister[serve]'",
            code="serve_missing",
        ) from error
    from mastering.service.settings import read_settings

    given = {name: value for name, value in options.items() if name != "config"}
    return read_settings(options["config"], given)


class _Group(click.Group):
    command_class = Command


@click.group("serve", cls=_Group, epilog=_EXIT_CODES, invoke_without_command=True)
@settings_options
@click.option("--host", metavar="ADDRESS", help="Where to listen; else 127.0.0.1. Others need a key.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="Else 8440; 0 takes a free one.")
@click.option("--database", metavar="FOLDER|URL", help="Of jobs; else a folder in --data.")
@click.option("--executor", type=click.Choice(["local", "ray"]), help="Who runs jobs; else local.")
@click.option("--log", type=click.Choice(["text", "json"]), help="Else text.")
@click.option("--check", is_flag=True, help="Check settings, folders and databases, and end.")
@click.pass_context
def command(ctx: click.Context, /, check: bool, **options: Any) -> None:
    """Serve the HTTP interface and the page that masters in a browser.

    Without keys only this machine reaches it. `serve keys add` makes one.
    """
    ctx.obj_options = options  # type: ignore[attr-defined]
    if ctx.invoked_subcommand is not None:
        return
    settings = serve_settings(options)
    _serve(settings, check=check)


def _serve(settings: Settings, *, check: bool) -> None:
    from mastering.cli.job_kinds import KINDS
    from mastering.cli.serve_workshop import CommandWorkshop
    from mastering.service.server import listening, serve

    listener, settings = listening(settings)
    url = settings.public_urls[0] if settings.public_urls else f"http://{settings.host}:{settings.port}"
    click.echo(f"Tonmeister listens at {url}/", err=True)
    sys.stderr.flush()
    serve(settings, listener, KINDS, CommandWorkshop())


