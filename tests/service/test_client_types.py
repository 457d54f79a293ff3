"""The client's types are the OpenAPI document's: every key, what it holds, and every word that is allowed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from mastering.cli.job_kinds import KINDS
from mastering.cli.serve_workshop import CommandWorkshop
from mastering.client import answers, options, values
from mastering.service.app import create_app
from mastering.service.settings import Settings

_BODIES = ("kind", "song", "stems", "webhook")
"""Of a body: what the client's methods take by other names, or as an argument of their own."""

SAME: dict[type, str] = {
    options.DeliveryOptions: "DeliveryOptions",
    options.MasterOptions: "MasterOptions",
    options.StemsOption: "StemsOption",
    options.Insert: "InsertBody",
    options.StemsOptions: "StemsBody",
    options.StemChange: "StemLevel",
    options.RemixOptions: "RemixBody",
    options.Adjust: "Adjustment",
    options.ToneBand: "ToneBand",
    options.DeskInsert: "DeskInsert",
    answers.About: "About",
    answers.Format: "Format",
    answers.StemModel: "StemModel",
    answers.Preset: "Preset",
    answers.Peaks: "Peaks",
    answers.ShortTerm: "ShortTerm",
    answers.Spectrum: "Spectrum",
    answers.Analysis: "Analysis",
    answers.GainReduction: "GainReduction",
    answers.Failure: "JobError",
    answers.Part: "Part",
    answers.Check: "CheckAnswer",
    answers.Notice: "NoticeAnswer",
    answers.Measured: "Measured",
    answers.SongSummary: "SongSummary",
    answers.Summary: "Summary",
    answers.Validated: "RecipeAnswer",
    answers.Change: "Change",
    answers.PluginItem: "PluginItem",
    answers.PluginParameter: "PluginParameter",
    answers.Plugin: "Plugin",
    values.Song: "Song",
    values.Result: "Result",
    values.Job: "Job",
    values.Link: "ShareAnswer",
}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The OpenAPI document."""
    app = create_app(Settings(data=tmp_path_factory.mktemp("types")), KINDS, CommandWorkshop)
    yield app.openapi()
    app.state.house.close()


def test_every_type_is_compared() -> None:
    known = {
        found
        for module in (answers, options, values)
        for name in module.__all__
        if is_typeddict(found := getattr(module, name)) or dataclasses.is_dataclass(found)
    }
    assert known == set(SAME)


@pytest.mark.parametrize("kind", SAME, ids=lambda kind: kind.__name__)
def test_a_type_is_its_schema(kind: type, document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"][SAME[kind]]
    beside = _BODIES if SAME[kind].endswith("Body") else ()
    wanted = {name: _of_schema(part) for name, part in schema["properties"].items() if name not in beside}
    assert {name: _of_hint(hint) for name, hint in get_type_hints(kind).items()} == wanted
    if is_typeddict(kind) and kind.__module__ == options.__name__:
        assert kind.__required_keys__ == {n for n in schema.get("required", ()) if n not in beside}


def test_the_words_of_lists_are_the_same(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/api/v1/jobs"]["get"]["parameters"]
    asked = {found["name"]: _of_schema(found["schema"]) for found in parameters}
    assert asked["state"] == {"null", ("array", _of_hint(values.State))}
    assert asked["kind"] == {"null", ("array", _of_hint(values.Kind))}


def _of_hint(hint: Any) -> Any:
    """What a type holds: a set of words for what it may be."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return frozenset({"anything"})
    if hint in _PLAIN:
        return frozenset({_PLAIN[hint]})
    if hint in SAME:
        return frozenset({SAME[hint]})
    if origin is Literal:
        return frozenset({("words", frozenset(parts))})
    if origin in (Union, types.UnionType):
        return frozenset().union(*map(_of_hint, parts))
    if origin in (list, tuple, Sequence):
        return frozenset({("array", _of_hint(parts[0]))})
    assert origin in (dict, Mapping), hint
    return frozenset({("object", _of_hint(parts[1]))})


def _of_schema(schema: Mapping[str, Any]) -> Any:
    """What a schema allows, in the same words."""
    if "anyOf" in schema:
        return frozenset().union(*map(_of_schema, schema["anyOf"]))
    if "$ref" in schema:
        return frozenset({schema["$ref"].rpartition("/")[2]})
    if "enum" in schema:
        return frozenset({("words", frozenset(schema["enum"]))})
    if schema.get("type") == "array":
        return frozenset({("array", _of_schema(schema["items"]))})
    if schema.get("type") == "object":
        held = schema["additionalProperties"]
        return frozenset({("object", frozenset({"anything"}) if held is True else _of_schema(held))})
    return frozenset({schema.get("type", "anything")})


_GOOD = """
from mastering.client import StemChange, Tonmeister

def work(desk: Tonmeister) -> float | None:
    song = desk.upload("song.wav")
    job = desk.master(song, style="warm", container="flac", only=["tone"], idempotency_key="a")
    desk.remix(song, {"vocals": {"gain_db": -3.0}}, model="draft")
    changes: dict[str, StemChange] = {"drums": {"mute": True}}
    desk.remix(song, changes)
    desk.adjust(job, tone=[{"frequency_hz": 100.0, "gain_db": 1.0}])
    assert job.summary is not None
    return job.summary["after"]["integrated_lufs"]
"""
_BAD = {
    'desk.master("a", contaner="flac")': 'Unexpected keyword argument "contaner" for "master"',
    'desk.master("a", container="flak")': 'Argument "container" to "master" of "OrderCalls" has incompatible',
    'desk.remix("a", {"vocals": {"gain": 1.0}})': 'Extra key "gain" for TypedDict "StemChange"',
    'desk.adjust("a", tone=[{"gain_db": 1.0}])': 'Missing key "frequency_hz" for TypedDict "ToneBand"',
    'desk.about()["max_song"]': 'TypedDict "About" has no key "max_song"',
    'list(desk.jobs(states=["finished"]))': "List item 0 has incompatible type",
}


def test_a_type_checker_finds_what_is_misspelt(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed: pip install mypy")
    lines = [f"    {line}" for line in _BAD]
    script = tmp_path / "script.py"
    script.write_text(f"{_GOOD}\ndef misspelt(desk: Tonmeister) -> None:\n" + "\n".join(lines), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    command += [f"--cache-dir={tmp_path / 'cache'}", "--hide-error-context", str(script)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=240.0, cwd=tmp_path)
    errors = [line for line in found.stdout.splitlines() if "error:" in line]
    assert [wanted for wanted in _BAD.values() if not any(wanted in line for line in errors)] == [], errors
    assert len(errors) == len(_BAD), errors


def test_the_client_is_light() -> None:
    """No web framework, no arithmetic: httpx and what it needs."""
    heavy = ("fastapi", "pydantic", "starlette", "numpy", "scipy", "torch", "mastering.service")
    code = f"import mastering.client, sys; print([name for name in {heavy!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
