"""Times as the API writes them."""

from __future__ import annotations

import datetime

__all__ = ["iso"]


def iso(time_s: float | None) -> str | None:
    """Unix time as RFC 3339 in UTC with milliseconds.

    >>> iso(0.5)
    '1970-01-01T00:00:00.500Z'
    """
    if time_s is None:
        return None
    moment = datetime.datetime.fromtimestamp(time_s, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
