"""What the commands of `tonmeister plugins` share: options, completion of names, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from mastering.host.plugins.values import WorkerLimits
from mastering.units import ranges

__all__ = [
    "EXIT_CODES_HELP",
    "complete_plugins",
    "json_option",
    "limit_options",
    "limits_given",
    "name_argument",
    "setting_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_LIMITS = ranges(WorkerLimits)

EXIT_CODES_HELP = """\b
Exit codes:
  0    done
  1    the plug-in failed (a crash, a hang, no audio), or a file cannot be read
  2    usage: an unknown plug-in, parameter or value
  3    not allowed, or something cannot be written
  70   a bug in tonmeister
  130  interrupted by Ctrl-C (143 by SIGTERM)"""


def complete_plugins(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a plug-in in the catalog, or else a path."""
    from mastering.host.plugins.catalog import load_catalog

    names = dict.fromkeys(plugin.ref.name for plugin in load_catalog().plugins)
    begun = [name for name in names if name.casefold().startswith(incomplete.casefold())]
    return [CompletionItem(name) for name in begun] or [CompletionItem(incomplete, type="file")]


name_argument = click.argument("name", metavar="NAME", shell_complete=complete_plugins)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON document to standard output."
)


def limit_options(prefix: str = "plugin-", seconds: str = "answer_s") -> Callable[[F], F]:
    """--plugin-timeout, --plugin-memory and --no-network.

    Args:
        prefix: of the first two.
        seconds: the field of WorkerLimits that the first one is.
    """
    what = "to load" if seconds == "load_s" else "to answer"
    default = getattr(WorkerLimits(), seconds)
    options = (
        click.option(
            f"--{prefix}timeout",
            seconds,
            type=click.FloatRange(_LIMITS[seconds].low, _LIMITS[seconds].high),
            metavar="S",
            help=f"Longest a plug-in may take {what}, {_LIMITS[seconds]}; {default:g} s without it.",
        ),
        click.option(
            f"--{prefix}memory",
            "memory_mb",
            type=click.IntRange(int(_LIMITS["memory_mb"].low), int(_LIMITS["memory_mb"].high)),
            metavar="MB",
            help=f"Memory a plug-in may have, {_LIMITS['memory_mb']}.",
        ),
        click.option("--no-network", is_flag=True, help="Run plug-ins without network (Linux)."),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def limits_given(values: dict[str, Any]) -> WorkerLimits:
    """The limits that were typed; who gives a plug-in long to answer gives it as long to load."""
    given = {
        name: values[name] for name in ("load_s", "answer_s", "memory_mb") if values.get(name) is not None
    }
    if "answer_s" in given:
        given["load_s"] = max(WorkerLimits().load_s, given["answer_s"])
    return WorkerLimits(**given, network=not values["no_network"])


def setting_options(function: F) -> F:
    """--set, --preset and --state."""
    for option in (
        click.option(
            "--state",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Start from a state that `save-state` wrote.",
        ),
        click.option(
            "--preset",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE.vstpreset",
            help="Start from a preset.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            help='A parameter in its unit, such as "threshold=-18 dB", or exactly, such as '
            '"threshold=raw:0.4"; may be given several times.',
        ),
    ):
        function = option(function)
    return function
