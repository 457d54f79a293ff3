"""The folder of a cluster of our own: Ray's sockets and logs, gone when the cluster is."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import IO

from mastering.jobs.locks import is_locked, lock

__all__ = ["Session"]

_PREFIX = "tonmeister-ray-"
_LONGEST = 16
"""Characters of the folder above: a socket's whole path may have 103 on some systems, and Ray takes 63."""


class Session:
    """A new folder; those of processes that have died are removed first."""

    def __init__(self) -> None:
        above = Path(tempfile.gettempdir())
        short = Path("/tmp")
        if len(str(above)) > _LONGEST and short.is_dir():
            above = short
        _sweep(above)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
        self._file: IO[str] = (self.path / "lock").open("w", encoding="ascii")
        lock(self._file)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        self._file.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(above: Path) -> None:
    for path in above.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or one that is being made
            if not is_locked(path / "lock"):
                shutil.rmtree(path, ignore_errors=True)
