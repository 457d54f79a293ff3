"""Where masters go: names that nobody has, and that no system takes for another one's."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from mastering.watch.ledger import Row
from mastering.watch.names import free, output_name
from mastering.watch.values import Found, Item, Plan

__all__ = ["output_of", "pairs_of"]


def output_of(outbox: Path, item: Item, plan: Plan, under_way: Iterable[Row]) -> Path:
    """A free name for the master of a song, or for the folder of an album's masters.

    Args:
        outbox: folder.
        item, plan: what is mastered, and its settings.
        under_way: rows that have names already, though no file of that name may be there yet.
    """
    named = {_folded(row.output) for row in under_way}
    if item.is_album:
        return free(outbox / item.path, lambda one: _folded(one) in named or _is_used(one), folder=True)
    path = outbox / item.path.parent / _name(item.songs[0], plan)
    return free(path, lambda one: _folded(one) in named or _is_there(one))


def pairs_of(inbox: Path, item: Item, plan: Plan, output: Path) -> list[tuple[Path, Path]]:
    """Each song with its master, absolute.

    Args:
        inbox: folder.
        item, plan: what is mastered, and its settings.
        output: as `output_of` gave it.
    """
    if not item.is_album:
        return [(inbox / item.path, output)]
    named: set[str] = set()
    pairs = []
    for song in item.songs:
        path = free(output / _name(song, plan), lambda one: _folded(one.with_suffix("")) in named)
        named.add(_folded(path.with_suffix("")))  # recipes and reports have no other suffix
        pairs.append((inbox / song.path, path))
    return pairs


def _name(song: Found, plan: Plan) -> str:
    fields = {
        **plan.fields,
        "stem": song.path.stem,
        "folder": song.path.parent.name,
        "date": _date(song.signature.mtime_ns / 1e9),
    }
    return output_name(plan.template, fields)


def _date(changed_s: float) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(changed_s))
    except (OverflowError, OSError, ValueError):  # a time that no calendar has
        return "0000-00-00"


def _folded(path: Path) -> str:
    """Equal for names that some system takes for the same."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _is_there(output: Path) -> bool:
    """A master of that name, or what lies beside one."""
    beside = (output.with_suffix(suffix) for suffix in (".recipe.json", ".report.html"))
    return os.path.lexists(output) or any(map(os.path.lexists, beside))


def _is_used(folder: Path) -> bool:
    """Something of that name is there, and it is no empty folder."""
    try:
        return any(folder.iterdir())
    except OSError:
        return os.path.lexists(folder)
