"""`keep_freed_memory`: half a megabyte freed is half a megabyte soon asked for again."""

from __future__ import annotations

import sys

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let glibc reuse the memory of blocks instead of giving each back to the system.

    Every pass allocates and frees blocks of 512 kB by the hundred; mapping them anew each time
    costs 10 % of a master's time in page faults. What is larger than 4 MiB is still given back
    at once, so that an hour of music needs no more memory. Elsewhere than on glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, 4 * 2**20)
    mallopt(_M_TRIM_THRESHOLD, 128 * 2**20)
