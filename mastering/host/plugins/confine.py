"""What a worker takes from itself before it loads foreign code: memory, priority, network.

Everything here is best effort: `confine` tells what the system gave.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["arm", "confine"]

_NICE = 5
_LARGEST_FILE_BYTES = 2**30
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def confine(*, memory_bytes: int, network: bool) -> dict[str, bool]:
    """Limit this process; call it before threads start.

    Args:
        memory_bytes: of private memory, on top of what is in use.
        network: whether it may have one.

    Returns:
        "memory", "priority", "network": what holds now.
    """
    held = {"memory": False, "priority": False, "network": False}
    if not network:
        held["network"] = _without_network()
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE_BYTES, _LARGEST_FILE_BYTES))
        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(kind, (memory_bytes, memory_bytes))
        held["memory"] = True
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICE)
        held["priority"] = True
    return held


def _without_network() -> bool:
    """A network namespace of its own, where Linux allows one: it holds no way out."""
    if sys.platform != "linux":
        return False
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    with contextlib.suppress(OSError):  # without these its files look like a stranger's, nothing more
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def arm(seconds: float) -> None:
    """Have the system end this process after so long, whatever it is doing then; 0 takes that back.

    The host kills a late worker anyway. This is for a worker whose host was killed itself: it would spin for
    ever in a plug-in that hangs.
    """
    with contextlib.suppress(ImportError, AttributeError):
        import signal

        signal.setitimer(signal.ITIMER_REAL, seconds)
