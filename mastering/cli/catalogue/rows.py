"""Manifests: what to master, a row for each song, as CSV, as a JSON list or as JSON lines.

Every row names an `input`; `output`, `album` and any long option of `master` may stand beside it. All that
is wrong is told at once, each with its place.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["OWN", "Bad", "Row", "is_manifest", "parse", "write_csv"]

OWN = ("input", "output", "album")
"""Columns that are no options of `master`."""

_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SEVERAL = "|"
_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """What is wrong, and where: "line 12" or "entry 3"; the whole document is "" ."""

    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A song as a manifest, a folder or a name asks for it.

    Args:
        input: path or URL; in a manifest relative to it.
        where: its place in the manifest; "" for none.
        output: its path below the outbox; "" for the name by template.
        album: rows of the same one are mastered with one decision; "" for none.
        folder: of the input below the folder that was given, kept in the outbox.
        settings: long option name -> value: text, a number, true or false, or a list.
    """

    input: str
    where: str = ""
    output: str = ""
    album: str = ""
    folder: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def is_manifest(name: str) -> bool:
    """Whether a file of this name is a manifest.

    >>> is_manifest("Catalogue.CSV"), is_manifest("song.wav")
    (True, False)
    """
    return Path(name).suffix.lower() in _SUFFIXES


def parse(name: str, data: bytes, options: Mapping[str, str]) -> tuple[list[Row], list[Bad]]:
    """The rows of a manifest, and what is wrong with it.

    Args:
        name: of the file; its suffix tells the format.
        data: its bytes: UTF-8, with or without a byte order mark.
        options: long option name -> "flag", "several" (takes a list) or "".
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [], [Bad(where=f"line {line}", message="it is not text in UTF-8; save it as such")]
    try:
        if name.lower().endswith(".csv"):
            found = list(_csv(text, options))
        elif name.lower().endswith(".json"):
            found = list(_json(text, options))
        else:
            found = list(_json_lines(text, options))
    except _Unreadable as error:
        return [], [error.bad]
    rows = [one for one in found if isinstance(one, Row)]
    bad = [one for one in found if isinstance(one, Bad)]
    if not found:
        bad = [Bad(where="", message="it names no songs")]
    return rows, bad


def write_csv(rows: Sequence[Row]) -> str:
    """A manifest in CSV that `parse` reads as these rows, without what is empty in all of them."""
    settings = dict.fromkeys(name for row in rows for name in row.settings)
    own = [name for name in OWN if name == "input" or any(getattr(row, name) for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*own, *settings])
    for row in rows:
        cells = [getattr(row, name) for name in own]
        writer.writerow([*cells, *(_cell(row.settings.get(name)) for name in settings)])
    return text.getvalue()


class _Unreadable(Exception):
    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.bad = Bad(where=where, message=message)


def _csv(text: str, options: Mapping[str, str]) -> Iterator[Row | Bad]:
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip().lower().replace("-", "_").replace(" ", "_") for name in next(reader, [])]
        yield from _checked_names(header, options, f"line {max(1, reader.line_num)}")
        if "input" not in header:
            return
        first = reader.line_num + 1
        for cells in reader:
            where, first = f"line {first}", reader.line_num + 1
            if any(map(str.strip, cells)):
                yield _of_cells(header, cells, options, where, separator)
    except csv.Error as error:
        raise _Unreadable(f"line {reader.line_num}", f"it cannot be read as CSV ({error})") from error


def _separator(text: str) -> str:
    """Comma, semicolon or tab: whichever the header holds most of."""
    header = text.partition("\n")[0]
    return max(_SEPARATORS, key=header.count)


def _of_cells(
    header: Sequence[str], cells: Sequence[str], options: Mapping[str, str], where: str, separator: str
) -> Row | Bad:
    if len(cells) > len(header) and any(map(str.strip, cells[len(header) :])):
        return Bad(where=where, message=f"it has {len(cells)} cells, the header {len(header)}")
    given: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=False):
        text = cell.strip()
        if separator == ";" and _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
        if not text or (name and name not in OWN and name not in options):
            continue  # a column that is not known was told of with the header
        if not name:
            return Bad(where=where, message=f"'{text}' stands in a column without a name")
        kind = options.get(name, "")
        if kind == "flag":
            if text.lower() not in _FLAGS:
                return Bad(where=where, message=f"{name}: '{text}' is neither true nor false")
            given[name] = _FLAGS[text.lower()]
        elif kind == "several":
            given[name] = [part.strip() for part in text.split(_SEVERAL) if part.strip()]
        else:
            given[name] = text
    return _row(given, where)


def _json(text: str, options: Mapping[str, str]) -> Iterator[Row | Bad]:
    plain = _loaded(text, "")
    if not isinstance(plain, list):
        raise _Unreadable("", 'it is no list of songs: [{"input": "song.wav"}, ...]')
    for number, entry in enumerate(plain, start=1):
        yield from _of_object(entry, options, f"entry {number}")


def _json_lines(text: str, options: Mapping[str, str]) -> Iterator[Row | Bad]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                entry = _loaded(line, f"line {number}")
            except _Unreadable as error:
                yield error.bad
                continue
            yield from _of_object(entry, options, f"line {number}")


def _loaded(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _Unreadable(where, f"it is no JSON ({error})") from error


def _of_object(entry: Any, options: Mapping[str, str], where: str) -> Iterator[Row | Bad]:
    if not isinstance(entry, dict):
        yield Bad(where=where, message="it is no object with an 'input'")
        return
    given = {name.replace("-", "_"): value for name, value in entry.items() if value not in (None, "")}
    bad = list(_checked_names([*given, *({"input"} - given.keys())], options, where))
    no_text = [name for name in OWN if not isinstance(given.get(name, ""), str)]
    bad += [Bad(where=where, message=f"{name}: {given[name]!r} is no text") for name in no_text]
    if bad:
        yield from bad
    else:
        yield _row(given, where)


def _checked_names(names: Sequence[str], options: Mapping[str, str], where: str) -> Iterator[Bad]:
    known = [*OWN, *options]
    if "input" not in names:
        yield Bad(where=where, message="there is no column 'input'")
    for name in dict.fromkeys(filter(None, names)):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean '{near[0]}'?" if near else f"allowed {', '.join(known)}"
            yield Bad(where=where, message=f"no column is called '{name}', {meant}")
        if names.count(name) > 1:
            yield Bad(where=where, message=f"there are {names.count(name)} columns '{name}'")


def _row(given: dict[str, Any], where: str) -> Row | Bad:
    own = {name: given.pop(name) for name in OWN if name in given}
    if not own.get("input"):
        return Bad(where=where, message="it names no input")
    return Row(**own, where=where, settings=given)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return _SEVERAL.join(map(str, value))
    return "" if value is None else str(value)
