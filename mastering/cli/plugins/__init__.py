"""`tonmeister plugins`: external plug-ins found, looked at, set and run. One module per command.

`scan`, `list`, `show`, `render`, `save` (presets and states) and `words` (allow, forbid) are commands,
imported when they are asked for. Shared: `options`, `finding` (what a NAME means), `setup` (settings to a
step), `describing` (plug-ins as text and as JSON); `render_task` is the work of `render`,
`rendering` what is said of it, `files` writes.
"""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

_COMMANDS = {
    "scan": ("scan", "Look for plug-ins and try each out in a process of its own."),
    "list": ("list", "List the plug-ins that were found."),
    "show": ("show", "Show a plug-in: what it is, its parameters and presets."),
    "render": ("render", "Send audio through an effect, or have an instrument play a MIDI file."),
    "save-preset": ("save", "Save settings as a .vstpreset file."),
    "save-state": ("save", "Save settings as the plug-in's own state."),
    "allow": ("words", "Allow a plug-in wherever it lies."),
    "forbid": ("words", "Forbid a plug-in wherever it lies."),
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
        module = importlib.import_module(f"mastering.cli.plugins.{_COMMANDS[cmd_name][0]}")
        own = f"{cmd_name.replace('-', '_')}_command"
        found: click.Command = getattr(module, own, None) or module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group("plugins", cls=_Group)
def command() -> None:
    """External plug-ins: VST3, and Audio Units on macOS.

    Each runs in a process of its own: one that crashes, hangs or gives no audio ends its own job and
    nothing else. What was found is kept in a catalog, so that listing and choosing load nothing.
    """
