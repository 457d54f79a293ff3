"""Pieces of HTML: escaped text, tables, sections. What comes in is text, not markup, unless it says so."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from mastering.report.wording import clean, unbroken

__all__ = ["bullets", "escape", "section", "table"]


def escape(text: str) -> str:
    """`text` without control characters and with every character that HTML gives a meaning replaced.

    >>> escape('<b a="1">')
    '&lt;b a=&quot;1&quot;&gt;'
    """
    return html.escape(clean(text))


def section(name: str, title: str, markup: str) -> str:
    """A section with its heading; `markup` is HTML."""
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{markup}\n</section>\n'


def bullets(texts: Iterable[str], kind: str) -> str:
    """A list of escaped sentences with the class `kind`."""
    return (
        f'<ul class="{kind}">\n' + "".join(f"<li>{escape(unbroken(text))}</li>\n" for text in texts) + "</ul>"
    )


def table(
    caption: str,
    header: Sequence[str],
    groups: Sequence[tuple[str, Sequence[Sequence[str]]]],
    *,
    kind: str = "",
) -> str:
    """A table that scrolls by itself where the page is narrow.

    Args:
        caption: what the table holds.
        header: column names; the first column holds the rows' names.
        groups: heading ("" for none) and rows of cells, as many as the header has.
        kind: class of the table; "words" aligns left and lets lines break, "quiet" hides the
            caption from view where a heading says the same.
    """
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    bodies = "".join(_group(title, rows, len(header)) for title, rows in groups)
    name = escape(caption)
    opening = f'<table class="{kind}">' if kind else "<table>"
    return (
        f'<div class="wide" role="region" aria-label="{name}" tabindex="0">\n{opening}\n'
        f"<caption>{name}</caption>\n<thead><tr>{columns}</tr></thead>\n{bodies}</table>\n</div>"
    )


def _group(title: str, rows: Sequence[Sequence[str]], columns: int) -> str:
    heading = f'<tr><th scope="rowgroup" colspan="{columns}">{escape(title)}</th></tr>\n' if title else ""
    return f"<tbody>\n{heading}{''.join(_row(row) for row in rows)}</tbody>\n"


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return (
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in others)
        + "</tr>\n"
    )
