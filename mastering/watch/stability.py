"""What has been the same on two looks, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mastering.watch.values import Found, Signature

__all__ = ["Stability"]


class Stability:
    """Since when each file has been the same; time is monotonic, so that no clock that jumps matters.

    Args:
        interval_s: how far apart two looks must be that count.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._since_s: dict[Path, tuple[Signature, float]] = {}
        self._now_s = 0.0

    def see(self, files: Iterable[Found], now_s: float) -> None:
        """Take note of a look."""
        before, self._since_s, self._now_s = self._since_s, {}, now_s
        for found in files:
            signature, since_s = before.get(found.path, (None, now_s))
            same = signature == found.signature
            self._since_s[found.path] = (found.signature, since_s if same else now_s)

    def same_for_s(self, path: Path) -> float:
        """How long a file has been the same, at the last look; 0 for one that is not there."""
        return self._now_s - self._since_s[path][1] if path in self._since_s else 0.0

    def is_stable(self, path: Path, at_least_s: float = 0.0) -> bool:
        """The same on two looks that are an interval, and `at_least_s`, apart."""
        return path in self._since_s and self.same_for_s(path) >= max(self._interval_s, at_least_s)
