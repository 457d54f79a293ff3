"""Plain aligned tables for standard output: the same on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["align"]


def align(rows: Sequence[Sequence[str]], *, numbers: frozenset[int] = frozenset()) -> str:
    """Rows as lines with columns two spaces apart; trailing spaces removed.

    Args:
        rows: text of each cell; all rows equally long.
        numbers: columns to align to the right.

    >>> print(align([("a", "1.5"), ("long", "10.0")], numbers=frozenset({1})))
    a      1.5
    long  10.0
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths, numbers) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], numbers: frozenset[int]) -> str:
    cells = (
        cell.rjust(width) if place in numbers else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()
