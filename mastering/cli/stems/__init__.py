"""`tonmeister stems`: take recordings apart, and put stems together again. One module per command.

`separate`, `karaoke` (with acapella), `remix` and `models` are commands, imported when they are asked
for. Shared by the first two: `outputs` (which files), `delivery` (writing stems that add up), `tasks` (one
input), `run` (many inputs, documents).
"""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

_COMMANDS = {
    "separate": ("separate", "Separate recordings into vocals, drums, bass and other."),
    "karaoke": ("karaoke", "Everything but the vocals."),
    "acapella": ("karaoke", "Nothing but the vocals."),
    "remix": ("remix", "Change levels, places, effects, tempo and key of the stems."),
    "models": ("models", "List, describe, download and check separation models."),
}
"""Name -> the module below that holds it as `NAME_command`, or as `command`; one line for the help."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the work, not of the alphabet."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and give the command."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"mastering.cli.stems.{_COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, f"{cmd_name}_command", None) or module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group("stems", cls=_Group)
def command() -> None:
    """Stems of recordings: separate, remix, and the models that separate.

    Stems have the recording's rate, length and channels, start with it to the sample, and add up to it.
    What was separated once is kept (`tonmeister cache`), so that nothing is separated twice.
    """
