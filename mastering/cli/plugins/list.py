"""`tonmeister plugins list`: the catalog as a table. Loads no plug-in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.plugins.describing import (
    allowance,
    channels_text,
    kind_text,
    latency_text,
    marks,
    plugin_document,
    plural,
    status_text,
)
from mastering.cli.plugins.options import EXIT_CODES_HELP, json_option
from mastering.cli.tables import align
from mastering.host.plugins.catalog import Catalog, load_catalog
from mastering.host.plugins.policy import Policy, desktop_policy
from mastering.host.plugins.values import PluginInfo, Scanned
from mastering.report.wording import clean, shorten

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  tonmeister plugins list
  tonmeister plugins list --all
  tonmeister plugins list --json

"""

_HEAD = ("Name", "Vendor", "Version", "Category", "Channels", "Latency", "State")
_LONGEST = 32

Allowed = Callable[[Path, str], str]


@click.command("list", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@click.option("--all", "everything", is_flag=True, help="Also what cannot be used, with its reason.")
@json_option
def command(everything: bool, as_json: bool) -> None:
    """List the plug-ins that were found, from the catalog: nothing is loaded.

    The latency is the one at 44.1 kHz with the plug-in's first settings. "not repeatable" gives other samples
    each time, "depends on buffer size" gives others when the audio comes in other pieces (the host always
    sends the same pieces), "state not kept" sounds different after its state was saved and set again.
    """
    catalog, policy = load_catalog(), desktop_policy()
    allowed = allowance(policy)
    usable = [plugin for plugin in catalog.plugins if _state(plugin, allowed) is None]
    unusable = _unusable(catalog, policy, allowed)
    if as_json:
        write(
            {
                "schema": 1,
                "plugins": [plugin_document(plugin, "yes") for plugin in usable],
                "unusable": [
                    {"name": name, "path": path, "status": status, "reason": reason}
                    for name, path, status, reason in (unusable if everything else ())
                ],
            }
        )
        return
    if not catalog.bundles:
        click.echo("No plug-ins are known yet; `tonmeister plugins scan` looks for them.")
    if usable:
        rows = [_row(plugin) for plugin in usable]
        click.echo(align([_HEAD, *rows], numbers=frozenset({_HEAD.index("Latency")})))
    if unusable:
        _show_unusable(unusable, everything, gap=bool(usable))


def _show_unusable(unusable: Sequence[tuple[str, str, str, str]], everything: bool, *, gap: bool) -> None:
    if not everything:
        count = plural(len(unusable), "bundle")
        click.echo(f"{count} cannot be used; `tonmeister plugins list --all` says why.", err=True)
        return
    rows = [
        (f"  {shorten(name, _LONGEST)}", status_text(status), clean(reason))
        for name, _, status, reason in unusable
    ]
    click.echo(("\n" if gap else "") + "Cannot be used")
    click.echo(align(rows))


def _row(plugin: PluginInfo) -> tuple[str, ...]:
    ref = plugin.ref
    return (
        shorten(ref.name, _LONGEST),
        shorten(ref.vendor, _LONGEST),
        shorten(ref.version, _LONGEST),
        shorten(kind_text(plugin), _LONGEST),
        channels_text(plugin),
        latency_text(plugin),
        ", ".join(marks(plugin)) or "ok",
    )


def _state(plugin: PluginInfo, allowed: Allowed) -> str | None:
    """Why a plug-in that works may not be used; None where it may."""
    if not Path(plugin.path).exists():
        return "gone"
    state = allowed(Path(plugin.path), plugin.ref.sha256)
    return None if state == "yes" else state


def _unusable(catalog: Catalog, policy: Policy, allowed: Allowed) -> list[tuple[str, str, str, str]]:
    """(name, path, status, reason) of bundles that failed, went away, or are not allowed, by name."""
    found = [entry for bundle in catalog.bundles if (entry := _verdict(bundle, allowed)) is not None]
    known = {bundle.sha256 for bundle in catalog.bundles}
    found += [
        (word.name, "", "forbidden", "`tonmeister plugins forbid`; it was not found by a scan")
        for word in policy.forbidden
        if word.sha256 not in known
    ]
    return sorted(found, key=lambda row: row[0].casefold())


def _verdict(bundle: Scanned, allowed: Allowed) -> tuple[str, str, str, str] | None:
    path = Path(bundle.path)
    state = allowed(path, bundle.sha256)
    if not path.exists():
        return path.stem, bundle.path, "gone", f"there is no {path} any more"
    if state == "forbidden":
        return path.stem, bundle.path, "forbidden", f"`tonmeister plugins allow {path.stem}` takes that back"
    if bundle.status == "not_allowed" and state == "yes":
        return (
            path.stem,
            bundle.path,
            "not_scanned",
            "it is allowed by now; `tonmeister plugins scan` tries it",
        )
    if bundle.status != "ok":
        return path.stem, bundle.path, bundle.status, bundle.reason
    if state != "yes":
        reason = f"{path} lies outside of the allowed folders and is not allowed itself"
        return path.stem, bundle.path, "not_allowed", reason
    return None
