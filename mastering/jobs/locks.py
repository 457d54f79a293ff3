"""A lock on an open file, which the system lets go of when its process dies, however that happens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

__all__ = ["is_locked", "lock"]


def lock(file: IO[str]) -> None:
    """Lock for as long as this process has the file open.

    Raises:
        OSError: another process has locked it.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0, os.SEEK_END if file.mode.startswith("a") else os.SEEK_SET)
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(path: Path) -> bool:
    """Whether another process, on this or another machine, has locked the file.

    Raises:
        FileNotFoundError: it is not there.
    """
    with path.open("r+", encoding="ascii") as file:
        try:
            lock(file)
        except OSError:
            return True
    return False
