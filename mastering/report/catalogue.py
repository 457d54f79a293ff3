"""A run over many songs as one HTML document: a table that sorts without a script.

The order of the rows under each heading is worked out beforehand and stands in the style sheet; a radio
button says which one counts. Like a song's report it brings its own Content-Security-Policy, fetches nothing,
and is the same bytes for the same songs.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mastering.report.checks import check_label
from mastering.report.markup import escape
from mastering.report.wording import duration, number

__all__ = ["CatalogueSong", "render_catalogue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSong:
    """A song of a catalogue.

    Args:
        name: as people know it.
        state: "done", "failed", "running" or "waiting".
        report: path of its report, relative to the document; "" for none.
        album: "" for none.
        lufs_before, lufs_after, true_peak_dbtp, plr_db: measured; None for silence, or not yet.
        missed: names of checks that failed.
        notices: what should be known.
        failure: why it failed: a sentence and a way out.
        duration_s: of the song.
        seconds: that mastering took.
    """

    name: str
    state: str
    report: str = ""
    album: str = ""
    lufs_before: float | None = None
    lufs_after: float | None = None
    true_peak_dbtp: float | None = None
    plr_db: float | None = None
    missed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    failure: str = ""
    duration_s: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    title: str
    unit: str
    cell: Callable[[CatalogueSong], str]
    key: Callable[[CatalogueSong], tuple[Any, ...]]


_SAYING = ("LUFS", "dBTP")
"""Units that name what they are of, where there is little room."""

_STATES = ("failed", "running", "waiting", "done")


def render_catalogue(
    title: str, songs: Sequence[CatalogueSong], facts: Sequence[tuple[str, str, str]], state: str
) -> str:
    """The document: readable from 390 px up, in light and dark, and on paper.

    Args:
        title: what the songs are.
        songs: in their order.
        facts: what is to be known of the run: heading, text, and a note to it.
        state: of the run, as people say it.
    """
    style = _style(songs)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    failed = sum(song.state == "failed" for song in songs)
    key = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(text)}<span>{escape(note)}</span></dd></div>\n"
        for name, text, note in facts
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}: masters</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n"
        f'<p class="verdict {"missed" if failed else "passed"}">{escape(state)}</p>\n'
        f'<dl class="key">\n{key}</dl>\n</header>\n<main>\n{_table(songs)}</main>\n</body>\n</html>\n'
    )


def _style(songs: Sequence[CatalogueSong]) -> str:
    sheets = importlib.resources.files("mastering.report")
    parts = [sheets.joinpath(name).read_text(encoding="utf-8") for name in ("report.css", "catalogue.css")]
    for place, column in enumerate(_COLUMNS):
        parts.append(f"main:has(#by-{column.name}:checked) .song {{ order: var(--o{place}); }}\n")
    places: list[list[int]] = [[0] * len(_COLUMNS) for _ in songs]
    for place, column in enumerate(_COLUMNS):
        keys = list(map(column.key, songs))
        for rank, index in enumerate(sorted(range(len(songs)), key=keys.__getitem__)):
            places[index][place] = rank
    for index, ranks in enumerate(places):
        own = ";".join(f"--o{place}:{rank}" for place, rank in enumerate(ranks))
        parts.append(f"#s{index}{{{own}}}\n")
    return "".join(parts)


def _table(songs: Sequence[CatalogueSong]) -> str:
    buttons = "".join(
        f'<input type="radio" name="by" id="by-{column.name}"><label for="by-{column.name}">'
        f"{escape(column.title)}</label>\n"
        for column in _COLUMNS
    )
    heads = "".join(
        f'<span role="columnheader" class="of-{column.name}">{escape(column.title)}'
        f"{f'<small>{escape(column.unit)}</small>' if column.unit else ''}</span>"
        for column in _COLUMNS
    )
    rows = "".join(_row(index, song) for index, song in enumerate(songs))
    return (
        '<fieldset class="sort">\n<legend>Sort by</legend>\n'
        '<input type="radio" name="by" id="by-order" checked><label for="by-order">Order</label>\n'
        f"{buttons}</fieldset>\n"
        '<div class="songs" role="table" aria-label="Songs">\n'
        f'<div class="head" role="row">{heads}</div>\n{rows}</div>\n'
    )


def _row(index: int, song: CatalogueSong) -> str:
    cells = []
    for column in _COLUMNS:
        text = escape(column.cell(song))
        if column.name == "song" and song.report:
            text = f'<a href="{escape(quote(song.report, errors="surrogateescape"))}">{text}</a>'
        if column.name == "song" and song.album:
            text += f"<small>{escape(song.album)}</small>"
        label = column.unit if column.unit in _SAYING else f"{column.title} {column.unit}".strip()
        cells.append(f'<span role="cell" class="of-{column.name}" data-label="{escape(label)}">{text}</span>')
    kind = "imperfect" if song.missed and song.state == "done" else song.state
    told = [song.failure] if song.failure and song.state == "failed" else list(song.notices)
    more = f'<span role="cell" class="more">{escape(" ".join(told))}</span>' if told else ""
    return f'<div class="song {kind}" id="s{index}" role="row">{"".join(cells)}{more}</div>\n'


def _level(value: float | None, song: CatalogueSong) -> str:
    if value is None:
        return "silent" if song.state == "done" else ""
    return number(value)


def _loudness(song: CatalogueSong) -> str:
    before, after = _level(song.lufs_before, song), _level(song.lufs_after, song)
    return f"{before} → {after}" if after else ""


def _last(value: float | None) -> tuple[Any, ...]:
    """Numbers in their order, what has none at the end."""
    return (value is None, value if value is not None else 0.0)


_COLUMNS = (
    _Column(
        name="song", title="Song", unit="", cell=lambda s: s.name, key=lambda s: (s.name.casefold(), s.name)
    ),
    _Column(
        name="state",
        title="State",
        unit="",
        cell=lambda s: s.state,
        key=lambda s: (_STATES.index(s.state), not s.missed),
    ),
    _Column(
        name="loudness", title="Loudness", unit="LUFS", cell=_loudness, key=lambda s: _last(s.lufs_after)
    ),
    _Column(
        name="peak",
        title="Peak",
        unit="dBTP",
        cell=lambda s: _level(s.true_peak_dbtp, s),
        key=lambda s: _last(s.true_peak_dbtp),
    ),
    _Column(
        name="plr",
        title="PLR",
        unit="dB",
        cell=lambda s: "" if s.plr_db is None else number(s.plr_db),
        key=lambda s: _last(s.plr_db),
    ),
    _Column(
        name="missed",
        title="Missed",
        unit="checks",
        cell=lambda s: ", ".join(map(check_label, s.missed)),
        key=lambda s: (-len(s.missed), s.missed),
    ),
    _Column(
        name="length",
        title="Length",
        unit="",
        cell=lambda s: "" if s.duration_s is None else duration(s.duration_s),
        key=lambda s: _last(s.duration_s),
    ),
    _Column(
        name="took",
        title="Took",
        unit="s",
        cell=lambda s: "" if s.seconds is None else number(s.seconds),
        key=lambda s: _last(s.seconds),
    ),
    _Column(
        name="notices",
        title="Notices",
        unit="",
        cell=lambda s: str(len(s.notices)) if s.notices else "",
        key=lambda s: (-len(s.notices),),
    ),
)
