"""Inputs out of the inbox: to done/, or to failed/ with the reason beside them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mastering.codec import to_json
from mastering.io.atomic import write_text_atomic
from mastering.watch.ledger import Move
from mastering.watch.names import free, shortened
from mastering.watch.values import DONE, FAILED, Found, Item, Signature

__all__ = ["ERROR_SUFFIX", "make", "planned"]

ERROR_SUFFIX = ".error.json"


def planned(inbox: Path, item: Item, documents: Mapping[Path, Mapping[str, Any]] | None) -> list[Move]:
    """Where a song or an album will go: its folder is kept, a name that is taken gets " (2)".

    Args:
        inbox: folder.
        item: song or album.
        documents: why it goes to failed/: for each song what its error file will say; None: to done/.
    """
    top = Path(DONE if documents is None else FAILED)
    wanted = top / item.path.parent / shortened(item.path.name)
    destination = free(wanted, lambda path: os.path.lexists(inbox / path), folder=item.is_album)
    reasons = documents or {}
    if not item.is_album:
        return [_move(item.songs[0], destination, reasons)]
    moves: dict[Path, Move] = {}
    for found in (*item.songs, *item.beside):
        path = free(destination / shortened(found.path.name), moves.__contains__)
        moves[path] = _move(found, path, reasons)
    return list(moves.values())


def _move(found: Found, destination: Path, reasons: Mapping[Path, Mapping[str, Any]]) -> Move:
    return Move(
        source=found.path,
        destination=destination,
        signature=found.signature,
        failure=reasons.get(found.path),
    )


def make(inbox: Path, move: Move) -> None:
    """Make a move, or bring one to its end; a file that is not the one that was meant stays.

    Raises:
        OSError, TonmeisterError: the folder cannot be written.
    """
    source, destination = inbox / move.source, inbox / move.destination
    if Signature.at(source) == move.signature and not os.path.lexists(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        _write_failure(destination, move.failure)
        _rename(source, destination)
    elif os.path.lexists(destination):
        _write_failure(destination, move.failure)


def _write_failure(destination: Path, failure: Mapping[str, Any] | None) -> None:
    if failure is not None:
        write_text_atomic(
            destination.with_name(destination.name + ERROR_SUFFIX), to_json(failure), force=True
        )


def _rename(source: Path, destination: Path) -> None:
    try:
        source.rename(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(source, destination)
