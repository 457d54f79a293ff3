"""`tonmeister completion`: the script that teaches a shell our commands, options and preset names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mastering.cli.app import Command, app

__all__ = ["command"]

_INSTALL = """\b
Try it in the running shell:
  eval "$(tonmeister completion bash)"

\b
Install it for good:
  bash  tonmeister completion bash > ~/.local/share/bash-completion/completions/tonmeister
  zsh   tonmeister completion zsh > ~/.zfunc/_tonmeister   (with ~/.zfunc in fpath)
  fish  tonmeister completion fish > ~/.config/fish/completions/tonmeister.fish"""


@click.command("completion", cls=Command, epilog=_INSTALL)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click has no completion for {shell}.")
    completion = kind(app, {}, "tonmeister", "_TONMEISTER_COMPLETE")
    click.echo(completion.source_template % completion.source_vars())
