"""How often somebody may ask: a bucket for each key or address, filled evenly."""

from __future__ import annotations

import threading
import time

from mastering.service.problems import Problem

__all__ = ["Rate"]

_KEPT = 10_000


class Rate:
    """So many a minute, by name; a minute's worth at once.

    Args:
        per_minute: how many.
        code, what: of the problem when there are more.
    """

    def __init__(self, per_minute: int, *, code: str, what: str) -> None:
        self._most, self._code, self._what = float(per_minute), code, what
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> None:
        """Count one.

        Raises:
            Problem: there were too many.
        """
        with self._lock:
            left, now_s = self._left(name)
            if left < 1.0:
                raise self._refusal(left)
            self._buckets[name] = (left - 1.0, now_s)

    def _left(self, name: str) -> tuple[float, float]:
        now_s = time.monotonic()
        if len(self._buckets) > _KEPT:
            self._buckets = {n: (b, s) for n, (b, s) in self._buckets.items() if now_s - s < 60.0}
        left, since_s = self._buckets.get(name, (self._most, now_s))
        return min(self._most, left + (now_s - since_s) * self._most / 60.0), now_s

    def _refusal(self, left: float) -> Problem:
        wait_s = max(1, round((1.0 - left) * 60.0 / self._most + 0.5))
        return Problem(
            429,
            self._code,
            f"{self._what}: at most {self._most:g} a minute",
            hint=f"Wait {wait_s} s.",
            headers={"Retry-After": str(wait_s)},
        )
