"""What this machine has: memory and GPUs."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["gpus", "memory_mb"]

_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MB = 2**20
_ASK_S = 120.0
_COUNT = "import torch; print(torch.cuda.device_count() + torch.backends.mps.is_available())"


@functools.cache
def memory_mb() -> int:
    """Memory of the machine, or of the container this runs in; 0 where it cannot be told."""
    found = [_physical_bytes()]
    for path in _GROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(path.read_text("ascii")))
    return min((size // _MB for size in found if size > 0), default=0)


@functools.cache
def gpus() -> int:
    """GPUs that PyTorch can use, asked in a process of its own: the answer takes seconds and 200 MB."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        asked = subprocess.run(
            [sys.executable, "-c", _COUNT], capture_output=True, text=True, timeout=_ASK_S, check=True
        )
        return int(asked.stdout)
    return 0


def _physical_bytes() -> int:
    if sys.platform == "win32":
        return _windows_bytes()
    with contextlib.suppress(ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def _windows_bytes() -> int:
    """GlobalMemoryStatusEx: a structure whose third field is the physical memory."""
    import ctypes

    fields = (ctypes.c_ulonglong * 8)()
    fields[0] = ctypes.sizeof(fields)  # its length and the load share the first eight bytes
    there = getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(fields))  # noqa: B009
    return int(fields[1]) if there else 0
