"""`tonmeister stems`: take recordings apart, and put stems together again. One module per command.

`separate`, `karaoke` (with acapella), `remix` and `models` are commands, imported when they are asked
for. Shared by the first two: `outputs` (which files), `delivery` (writing stems that add up), `tasks` (one
input), `run` (many inputs, documents).
"""

from __future__ import annotations

import click

from mastering.cli.group import LazyGroup

__all__ = ["command"]

_COMMANDS = {
    "separate": ("separate", "Separate recordings into vocals, drums, bass and other."),
    "karaoke": ("karaoke", "Everything but the vocals."),
    "acapella": ("karaoke", "Nothing but the vocals."),
    "remix": ("remix", "Change levels, places, effects, tempo and key of the stems."),
    "models": ("models", "List, describe, download and check separation models."),
}
"""Name -> the module below that holds it as `NAME_command`, or as `command`; one line for the help."""


@click.group("stems", cls=LazyGroup, package=__name__, lazy=_COMMANDS)
def command() -> None:
    """Stems of recordings: separate, remix, and the models that separate.

    Stems have the recording's rate, length and channels, start with it to the sample, and add up to it.
    What was separated once is kept (`tonmeister cache`), so that nothing is separated twice.
    """
