"""A group of commands that are imported one by one, as they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Commands by name, from modules of one package.

    Args:
        package: where the modules are.
        lazy: name -> the module that holds it as `NAME_command`, or as `command`; one line for the help.
    """

    def __init__(
        self, *args: Any, package: str, lazy: Mapping[str, tuple[str, str]], **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self._package, self._lazy = package, lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the work, not of the alphabet."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and give the command."""
        if cmd_name not in self._lazy:
            return None
        module = importlib.import_module(f"{self._package}.{self._lazy[cmd_name][0]}")
        own = f"{cmd_name.replace('-', '_')}_command"
        found: click.Command = getattr(module, own, None) or module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._lazy.items()])
