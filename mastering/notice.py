"""Notice: something the user should know that is not a failure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Notice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something unusual that does not stop the work.

    Args:
        code: stable identifier for machines, such as "truncated".
        message: one sentence for people.
    """

    code: str
    message: str
