"""`tonmeister cache`: what was separated before, and making room."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.tables import align
from mastering.report.wording import clean, duration

if TYPE_CHECKING:
    from stems.cache import Kept

__all__ = ["command"]

_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")


class _Group(click.Group):
    command_class = Command


@click.group("cache", cls=_Group)
def command() -> None:
    """Separated stems, kept so that nothing is separated twice.

    They lie in the user's cache folder, or in $TONMEISTER_CACHE_DIR, and take at most 20 GB, or
    $TONMEISTER_CACHE_GB; what was used least recently goes first.
    """


@command.command("show")
@_json
def show_command(as_json: bool) -> None:
    """List what is kept: model, length, size, last use."""
    from stems.cache import default_cache

    cache = default_cache()
    entries = sorted(cache.entries(), key=lambda one: -one.used_s)
    total = sum(one.size_bytes for one in entries)
    if as_json:
        write(
            {
                "schema": 1,
                "folder": str(cache.folder),
                "limit_bytes": cache.limit_bytes,
                "size_bytes": total,
                "entries": [_document(one) for one in entries],
            }
        )
        return
    click.echo(clean(f"{cache.folder}: {_size(total)} of {_size(cache.limit_bytes)}"))
    if entries:
        head = ("  Entry", "Model", "Length", "Size", "Last used", "")
        click.echo(align([head, *map(_row, entries)], numbers=frozenset({2, 3})))


@command.command("clear")
@_json
def clear_command(as_json: bool) -> None:
    """Remove everything that no run is using."""
    from stems.cache import default_cache

    cache = default_cache()
    done = cache.clear()
    if as_json:
        write(
            {
                "schema": 1,
                "folder": str(cache.folder),
                "removed": done.entries,
                "freed_bytes": done.size_bytes,
                "in_use": done.in_use,
            }
        )
        return
    left = f"; {done.in_use} in use stay" if done.in_use else ""
    click.echo(f"{done.entries} separations removed, {_size(done.size_bytes)} freed{left}.")


def _document(one: Kept) -> dict[str, Any]:
    about = one.manifest or {}
    frames, rate = about.get("frames"), about.get("sample_rate")
    return {
        "key": one.key,
        "model": about.get("model"),
        "settings": about.get("settings"),
        "duration_s": frames / rate if frames is not None and rate else None,
        "size_bytes": one.size_bytes,
        "used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.used_s)),
        "whole": one.manifest is not None,
        "in_use": one.in_use,
    }


def _row(one: Kept) -> tuple[str, ...]:
    about = one.manifest or {}
    length = duration(about["frames"] / about["sample_rate"]) if about else ""
    state = [] if about else ["unfinished"]
    state += ["in use"] if one.in_use else []
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used_s))
    return (
        f"  {one.key[:8]}",
        clean(about.get("model", "")),
        length,
        _size(one.size_bytes),
        used,
        ", ".join(state),
    )


def _size(size_bytes: int) -> str:
    """Bytes in the unit that fits.

    >>> _size(5_080_000_000)
    '5.1 GB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 1e3:.0f} kB"
