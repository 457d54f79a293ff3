"""`tonmeister plugins save-preset` and `save-state`: settings as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.plugins.files import refuse_early, write_bytes
from mastering.cli.plugins.finding import find_plugin
from mastering.cli.plugins.options import (
    EXIT_CODES_HELP,
    json_option,
    limit_options,
    limits_given,
    name_argument,
    setting_options,
)
from mastering.report.wording import clean

if TYPE_CHECKING:
    from mastering.chain import External
    from mastering.host.plugins.host import PluginHost
    from mastering.host.plugins.values import PluginInfo

__all__ = ["save_preset_command", "save_state_command"]

F = TypeVar("F", bound=Callable[..., Any])

_PRESET_EXAMPLES = """\b
Examples:
  tonmeister plugins save-preset ZaMaximX2 loud.vstpreset --set "threshold=-6 dB"
  tonmeister plugins render ZaMaximX2 song.wav -o out.wav --preset loud.vstpreset

"""

_STATE_EXAMPLES = """\b
Examples:
  tonmeister plugins save-state ZaMaximX2 loud.state --set "threshold=-6 dB"
  tonmeister plugins save-state ZaMaximX2 loud.state --preset loud.vstpreset
  tonmeister plugins render ZaMaximX2 song.wav -o out.wav --state loud.state

"""


def _options(metavar: str) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in (
            json_option,
            limit_options(),
            click.option("--force", is_flag=True, help="Replace an existing file."),
            setting_options,
            click.argument("file", metavar=metavar, type=click.Path(path_type=Path)),
            name_argument,
        ):
            function = option(function)
        return function

    return decorate


@click.command("save-preset", cls=Command, epilog=_PRESET_EXAMPLES + EXIT_CODES_HELP)
@_options("FILE.vstpreset")
def save_preset_command(**options: Any) -> None:
    """Save the plug-in NAME as it is after --preset or --state and --set, as FILE.vstpreset.

    Other hosts read such a file too. Without settings it holds the plug-in's first ones.
    """
    if options["file"].suffix.lower() != ".vstpreset":
        raise click.UsageError(f"{options['file']}: a preset's name ends in .vstpreset.")
    from mastering.host.plugins.presets import preset_data

    _save(options, preset_data)


@click.command("save-state", cls=Command, epilog=_STATE_EXAMPLES + EXIT_CODES_HELP)
@_options("FILE")
def save_state_command(**options: Any) -> None:
    """Save the plug-in NAME as it is after --preset or --state and --set, as its own opaque state in FILE."""
    from mastering.host.plugins.presets import state_data

    _save(options, state_data)


def _save(options: dict[str, Any], make: Callable[[PluginHost, PluginInfo, External], bytes]) -> None:
    """Load the plug-in, set it, and write what `make` gives."""
    from mastering.cli.plugins.setup import Setup
    from mastering.host.plugins.host import PluginHost

    setup, limits, path = Setup.typed(options), limits_given(options), options["file"]
    quiet = options["as_json"]
    found = find_plugin(
        options["name"], limits, lambda line: None if quiet else click.echo(clean(line), err=True)
    )
    found.check()
    refuse_early(path, force=options["force"], inputs=setup.files)
    with PluginHost(catalog=found.catalog, policy=found.policy, limits=limits) as host:
        step = setup.step(host, found.info)
        data = make(host, found.info, step)
    write_bytes(path, data, force=options["force"], inputs=setup.files)
    if quiet:
        write({"schema": 1, "plugin": found.info.ref, "output": str(path), "bytes": len(data)})
        return
    settings = setup.summary(step, found.info)
    click.echo(clean(f"{found.info.ref.name} -> {path}: {len(data)} bytes; {settings or 'first settings'}"))
