"""`tonmeister plugins show`: one plug-in, its parameters and its presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.plugins.describing import (
    allowance,
    channels_text,
    default_text,
    kind_text,
    latency_text,
    marks,
    plugin_document,
    plural,
    range_text,
)
from mastering.cli.plugins.finding import Found, find_plugin
from mastering.cli.plugins.options import EXIT_CODES_HELP, json_option, name_argument
from mastering.cli.tables import align
from mastering.codec import to_plain
from mastering.host.plugins.values import PluginInfo, PluginParameter
from mastering.report.wording import clean, number

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  tonmeister plugins show ZaMaximX2
  tonmeister plugins show /opt/vst3/Plug.vst3 --all

"""

_SCAN_RATE_HZ = 44_100


@click.command("show", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@name_argument
@click.option("--all", "everything", is_flag=True, help="Also parameters that are not to be set.")
@json_option
def command(name: str, everything: bool, as_json: bool) -> None:
    """Show the plug-in NAME: a name, an identifier, or the path of a bundle.

    The keys of its parameters are what `render --set` and `master --insert` take; they may be shortened.
    """
    from mastering.host.plugins.presets import preset_files

    found = find_plugin(name, tell=lambda line: click.echo(clean(line), err=True))
    info = found.info
    allowed = allowance(found.policy)(Path(info.path), info.ref.sha256)
    presets = preset_files(info)
    parameters = [p for p in info.parameters if everything or p.automatable]
    if as_json:
        write(
            {
                "schema": 1,
                "plugin": plugin_document(info, allowed),
                "parameters": [_parameter(p) for p in parameters],
                "presets": [str(path) for path in presets],
            }
        )
        return
    click.echo(align([(f"  {label}", text) for label, text in _facts(found, allowed)]))
    _show_parameters(info, parameters)
    if presets:
        click.echo("\nPresets")
        click.echo("\n".join(f"  {clean(str(path))}" for path in presets))


def _facts(found: Found, allowed: str) -> list[tuple[str, str]]:
    info = found.info
    ref = info.ref
    latency = latency_text(info)
    if info.latency_frames:
        latency += f" ({number(1e3 * info.latency_frames / _SCAN_RATE_HZ)} ms at 44.1 kHz)"
    kind = "instrument" if info.instrument else "effect"
    facts = [
        ("Plug-in", f"{ref.name} {ref.version}".rstrip()),
        ("Vendor", ref.vendor or "unknown"),
        ("Kind", f"{kind} ({kind_text(info)})" if kind_text(info) != kind else kind),
        ("Channels", channels_text(info)),
        ("Latency", latency),
        ("State", ", ".join(marks(info)) or "ok"),
        ("Allowed", _allowed_text(info, allowed)),
        ("Identifier", ref.id),
        ("Path", f"{info.path} ({info.inside})" if info.inside else info.path),
        ("SHA-256", ref.sha256),
        *(("Note" if place == 0 else "", note) for place, note in enumerate(info.notes)),
    ]
    return [(label, clean(text)) for label, text in facts]


def _allowed_text(info: PluginInfo, allowed: str) -> str:
    if allowed == "yes":
        return "yes"
    return f"no, it is {allowed}: tonmeister plugins allow '{info.path}' allows it"


def _show_parameters(info: PluginInfo, parameters: list[PluginParameter]) -> None:
    hidden = len(info.parameters) - len(parameters)
    click.echo("\nParameters")
    if parameters:
        rows = [
            (f"  {p.key}", clean(p.name), range_text(p), default_text(p) + _hidden_mark(p))
            for p in parameters
        ]
        click.echo(align([("  Key", "Name", "Range", "Default"), *rows]))
    else:
        click.echo("  none")
    if hidden:
        click.echo(f"  {plural(hidden, 'more parameter')} not meant to be set; --all shows them.")


def _hidden_mark(parameter: PluginParameter) -> str:
    return "" if parameter.automatable else "  (not to be set)"


def _parameter(parameter: PluginParameter) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(parameter)
    return plain
