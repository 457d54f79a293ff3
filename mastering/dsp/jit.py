"""`kernel`: numba's njit as every inner loop of the project uses it.

Compiled code is cached on disk (in NUMBA_CACHE_DIR where set, else beside the module or in
the user's cache), so that only the very first run on a machine compiles. Kernels release the
GIL: measuring and rendering overlap on two cores. No fastmath: the same samples on every run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

__all__ = ["kernel"]

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` on its first call; cached, nogil, IEEE arithmetic."""
    try:
        return cast("Callable[P, R]", njit(cache=True, nogil=True)(function))
    except RuntimeError:
        # numba found no folder it may write its cache to: compile anew in each process instead.
        return cast("Callable[P, R]", njit(nogil=True)(function))
