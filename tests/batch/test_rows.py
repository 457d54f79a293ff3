"""Manifests: what is read of them, and what is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.cli.catalogue.rows import Row, parse, write_csv

OPTIONS = {"style": "", "lufs": "", "stems": "flag", "reference": "several"}


def _told(name: str, text: str) -> list[str]:
    return [f"{one.where}: {one.message}" for one in parse(name, text.encode(), OPTIONS)[1]]


def _rows(name: str, data: bytes) -> list[Row]:
    rows, bad = parse(name, data, OPTIONS)
    assert not bad
    return rows


def test_csv() -> None:
    text = (
        "Input,output,album,style,lufs,stems,reference\n"
        'a.wav,x/a.flac,,warm,-14,yes,r.wav|s.wav\n\n"b, c.wav",,one,,,,\n'
    )
    assert _rows("c.csv", text.encode()) == [
        Row(
            input="a.wav",
            where="line 2",
            output="x/a.flac",
            settings={"style": "warm", "lufs": "-14", "stems": True, "reference": ["r.wav", "s.wav"]},
        ),
        Row(input="b, c.wav", where="line 4", album="one"),
    ]


def test_as_a_spreadsheet_saves_it() -> None:
    """A byte order mark, semicolons, decimal commas, spare columns, cells of several lines."""
    text = '\ufeffinput;lufs;album;;\r\n"a.wav";-14,5;"two\r\nlines";;\r\nb;c.wav;;;\r\n'
    rows, bad = parse("c.csv", text.encode(), OPTIONS)
    assert not bad
    assert rows[0].settings == {"lufs": "-14.5"}
    assert (rows[0].album, rows[0].where) == ("two\r\nlines", "line 2")
    assert (rows[1].input, rows[1].where) == ("b", "line 4")


def test_json_and_json_lines() -> None:
    entries = [{"input": "a.wav", "stems": True, "lufs": -14.5, "reference": ["r.wav"]}, {"input": "b.wav"}]
    rows = _rows("c.json", json.dumps(entries).encode())
    assert [row.where for row in rows] == ["entry 1", "entry 2"]
    assert rows[0].settings == {"stems": True, "lufs": -14.5, "reference": ["r.wav"]}
    lines = "\r\n".join(map(json.dumps, entries)) + "\r\n"
    again = _rows("c.jsonl", lines.encode())
    assert [(row.input, row.settings) for row in again] == [(row.input, row.settings) for row in rows]
    assert [row.where for row in again] == ["line 1", "line 2"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("c.csv", "", ["line 1: there is no column 'input'"]),
        ("c.csv", "input\n", [": it names no songs"]),
        ("c.csv", "inputs\na.wav\n", [
            "line 1: there is no column 'input'",
            "line 1: no column is called 'inputs', did you mean 'input'?",
        ]),
        ("c.csv", "input,stile\na,warm\n", ["line 1: no column is called 'stile', did you mean 'style'?"]),
        ("c.csv", "input,input\na,b\n", ["line 1: there are 2 columns 'input'"]),
        ("c.csv", "input,stems\na,maybe\n,yes\nb,1\n", [
            "line 2: stems: 'maybe' is neither true nor false",
            "line 3: it names no input",
        ]),
        ("c.csv", "input,style\na,b,c\n", ["line 2: it has 3 cells, the header 2"]),
        ("c.csv", 'input\n"a\n', ["line 2: it cannot be read as CSV (unexpected end of data)"]),
        ("c.json", "{}", [': it is no list of songs: [{"input": "song.wav"}, ...]']),
        ("c.json", '[3, {"output": "a.wav"}]', [
            "entry 1: it is no object with an 'input'",
            "entry 2: it names no input",
        ]),
        ("c.json", '[{"input": ["a"]}]', ["entry 1: input: ['a'] is no text"]),
        ("c.jsonl", '{"input": "a.wav"}\n{"input"\n', [
            "line 2: it is no JSON (Expecting ':' delimiter: line 1 column 9 (char 8))"
        ]),
    ],
)  # fmt: skip
def test_what_is_told(name: str, text: str, told: list[str]) -> None:
    assert _told(name, text) == told


def test_not_in_utf8() -> None:
    bad = parse("c.csv", "input\nna\u00efve.wav\n".encode("latin-1"), OPTIONS)[1]
    assert [(one.where, one.message) for one in bad] == [
        ("line 2", "it is not text in UTF-8; save it as such")
    ]


_LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="|\ufeff")
_WORDS = st.text(_LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)


def _settings() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "style": _WORDS,
            "stems": st.booleans(),
            "reference": st.lists(_WORDS, min_size=1, max_size=3),
        },
    )


def _row() -> st.SearchStrategy[Row]:
    maybe = st.just("") | _WORDS
    return st.builds(Row, input=_WORDS, output=maybe, album=maybe, settings=_settings())


@given(st.lists(_row(), min_size=1, max_size=6))
def test_csv_round_trip(rows: list[Row]) -> None:
    again = _rows("c.csv", write_csv(rows).encode())
    plain = [(row.input, row.output, row.album, dict(row.settings)) for row in rows]
    assert [(row.input, row.output, row.album, dict(row.settings)) for row in again] == plain


@given(
    st.sampled_from(["c.csv", "c.json", "c.jsonl"]),
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
)
def test_anything_is_read_or_told(name: str, data: bytes) -> None:
    rows, bad = parse(name, data, OPTIONS)
    assert rows or bad
    assert all(one.message for one in bad)
    assert all(row.input for row in rows)
