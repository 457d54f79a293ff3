"""Matplotlib's SVG made fit for a page: small, themed, deterministic, free of style attributes."""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

from mastering.report.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_svg"]

_FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_ROLES = {colour: f"var(--{role}, {colour})" for role, colour in COLOURS.items()}
_DROPPED = {"font-family", "font", "font-style", "font-variant", "font-stretch"}

_HEAD = re.compile(r".*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL)
_STYLE = re.compile(r'style="([^"]*)"')
_TAG = re.compile(r"<[^>]*>")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_ID = re.compile(r' id="([^"]*)"')
_USED = re.compile(r'(?:href="|url\()#([^")]*)')
_OPENING = re.compile(r"<svg[^>]*>")
_FONT_SIZE = re.compile(r"([\d.]+)px")
_EMPTY_GROUP = re.compile(r"<g>\s*</g>|<defs>\s*</defs>")


def figure_svg(figure: Figure, name: str, description: str) -> str:
    """`figure` as one <svg> element.

    Args:
        figure: drawn within `style.drawing`; its backgrounds are left out.
        name: prefix of the ids inside, unique on the page.
        description: what the plot shows, for those who cannot see it.
    """
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    width, height = figure.get_size_inches() * 72.0
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{html.escape(description)}" font-family="{_FONT}" stroke-linejoin="round">'
    )
    return _OPENING.sub(lambda _: opening, _simplify(buffer.getvalue(), name), count=1)


def _simplify(svg: str, name: str) -> str:
    svg = _METADATA.sub("", _HEAD.sub("", svg, count=1)).replace("xlink:href", "href")
    svg = _TAG.sub(lambda tag: _tag(tag.group()), svg)
    svg = _rename(svg, name)
    svg = re.sub(r">\s+<", "><", svg).strip()
    while _EMPTY_GROUP.search(svg):
        svg = _EMPTY_GROUP.sub("", svg)
    return svg


def _tag(tag: str) -> str:
    """One tag with presentation attributes for its style, themed colours and rounded numbers."""
    tag = _STYLE.sub(lambda style: _attributes(style.group(1)), tag)
    tag = _LONG_NUMBER.sub(lambda number: f"{float(number.group()):.2f}", tag)
    return " ".join(tag.split()).replace(" >", ">")


def _attributes(style: str) -> str:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    found = {key.strip(): value.strip() for key, value in pairs}
    shorthand = _FONT_SIZE.search(found.get("font", ""))
    if shorthand:
        found["font-size"] = shorthand.group()
    return " ".join(
        f'{key}="{_ROLES.get(value, value)}"' for key, value in found.items() if key not in _DROPPED
    )


def _rename(svg: str, name: str) -> str:
    """Only ids that are used, numbered in order behind `name`: unique on a page, the same every time."""
    numbers = {used: f"{name}-{index}" for index, used in enumerate(dict.fromkeys(_USED.findall(svg)))}
    svg = _ID.sub(lambda i: f' id="{numbers[i.group(1)]}"' if i.group(1) in numbers else "", svg)
    return _USED.sub(lambda used: used.group().replace(used.group(1), numbers[used.group(1)]), svg)
