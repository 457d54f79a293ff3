"""Locks on names in a folder, by which processes leave each other's cache entries alone.

One process writes an entry (exclusive), any number read it (shared), and nobody removes what another
holds. The system lets go of a lock when its process ends, however it ends. Where there is no `flock`
(Windows) only writers lock; a reader's open file keeps the folder from being renamed there.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

__all__ = ["Lock", "try_lock"]


class Lock:
    """A lock that is held until `release`, or until nobody refers to it any more."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.release()


def try_lock(path: Path, *, shared: bool) -> Lock | None:
    """Lock a name now; None while another holds it.

    Args:
        path: a file that is made for it and stays.
        shared: others may share it; False keeps everybody else out.

    Raises:
        OSError: the file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _locked(descriptor, shared=shared):
            os.close(descriptor)
            return None
        if _is_current(descriptor, path):
            return Lock(descriptor)
        os.close(descriptor)  # its last holder removed it meanwhile


def _is_current(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int, *, shared: bool) -> bool:
        try:
            if not shared:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(descriptor: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
