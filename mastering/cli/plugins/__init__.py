"""`tonmeister plugins`: external plug-ins found, looked at, set and run. One module per command.

`scan`, `list`, `show`, `render`, `save` (presets and states) and `words` (allow, forbid) are commands,
imported when they are asked for. Shared: `options`, `finding` (what a NAME means), `setup` (settings to a
step), `describing` (plug-ins as text and as JSON); `render_task` is the work of `render`,
`rendering` what is said of it, `files` writes.
"""

from __future__ import annotations

import click

from mastering.cli.group import LazyGroup

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


@click.group("plugins", cls=LazyGroup, package=__name__, lazy=_COMMANDS)
def command() -> None:
    """External plug-ins: VST3, and Audio Units on macOS.

    Each runs in a process of its own: one that crashes, hangs or gives no audio ends its own job and
    nothing else. What was found is kept in a catalog, so that listing and choosing load nothing.
    """
