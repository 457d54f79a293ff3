"""The group of commands, imported one by one as they are asked for, and the last word on errors."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any, NoReturn

import click

from mastering.cli.failures import describe, show
from mastering.cli.signals import Interrupted, Interrupts

__all__ = ["App", "Command", "app", "debug_wanted", "version"]

_COMMANDS = {
    "master": "Master audio files to a reference, a style or a delivery target.",
    "apply": "Apply a saved recipe or a chain to audio.",
    "measure": "Measure loudness, peaks, dynamics, spectrum and width.",
    "compare": "Compare two files side by side.",
    "stems": "Separate recordings into stems, and put stems together again.",
    "plugins": "Find, inspect, set and run external plug-ins.",
    "batch": "Master a catalogue: folders, manifests, here or on S3; it goes on where it was.",
    "watch": "Master what is dropped into a folder.",
    "serve": "Serve the HTTP interface and the page that masters in a browser.",
    "jobs": "List, show, cancel and retry recorded work, and work on what is queued.",
    "cache": "Show or clear the separations that are kept.",
    "train": "Make a style of your own from a folder of your finished masters.",
    "presets": "List, show and check styles, targets and chains.",
    "demo": "Render a short piece and master it.",
    "doctor": "Check versions, codecs and folders, and say what is missing.",
    "completion": "Print the completion script of a shell.",
}
"""Name -> one line; the module of the same name holds a click command called `command`."""


_DEBUG = "tonmeister.debug"


def version() -> str:
    """The installed version of tonmeister."""
    import importlib.metadata

    try:
        return importlib.metadata.version("tonmeister")
    except importlib.metadata.PackageNotFoundError:
        return "not installed (a checkout)"


class Command(click.Command):
    """A command whose errors are sentences and whose tracebacks wait for --debug."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                callback=_remember_debug,
                help="Show tracebacks of errors.",
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run; an error ends the process with its exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            ctx.exit(show(describe(error), debug=debug_wanted(ctx)))


def _remember_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    ctx.meta[_DEBUG] = value


def debug_wanted(ctx: click.Context) -> bool:
    """Whether --debug was given to the command of this context."""
    return bool(ctx.meta.get(_DEBUG, False))


class App(click.Group):
    """Group whose commands are imported late, and whose errors are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the work, not of the alphabet."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and give its `command`."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mastering.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run, and turn whatever happens into an exit code and at most one sentence."""
        _write_any_name(sys.stdout, sys.stderr)
        with Interrupts() as interrupts:
            try:
                super().main(*args, **options, obj=interrupts)
            except Interrupted as interrupted:
                click.echo("Interrupted.", err=True)
                code = interrupted.exit_code
            except Exception as error:
                code = show(describe(error), debug=False)
        sys.exit(code)


def _write_any_name(*streams: Any) -> None:
    """File names may hold bytes that no encoding can show; escape them instead of failing."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"tonmeister {version()}")
        ctx.exit()


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def app() -> None:
    """Tonmeister masters music: it measures, matches, renders, and measures what it wrote."""
