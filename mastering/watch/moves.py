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
from mastering.watch.values import DONE, FAILED, Signature

__all__ = ["ERROR_SUFFIX", "make", "planned"]

ERROR_SUFFIX = ".error.json"


def planned(inbox: Path, source: Path, signature: Signature, failure: Mapping[str, Any] | None) -> Move:
    """Where a file will go: its folder is kept, a name that is taken gets " (2)"."""
    wanted = Path(DONE if failure is None else FAILED) / source.parent / shortened(source.name)
    destination = free(wanted, lambda path: os.path.lexists(inbox / path))
    return Move(source=source, destination=destination, signature=signature, failure=failure)


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
