"""`presets`: shipped ones and the user's own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from mastering import library
from mastering.chain import Limiter, MasteringChain
from mastering.codec import to_json

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the user's presets."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder))
    return folder


def put(own: Path, kind: str, name: str, text: str) -> Path:
    path = own / kind / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def shipped(run: Run, name: str, kind: str) -> str:
    return str(run("presets", "show", name, "--kind", kind).stdout)


def test_list_shows_every_kind(run: Run) -> None:
    lines = run("presets", "list").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["Styles", "Targets", "Chains"]
    shown = {line.split()[0] for line in lines if line.startswith(" ")}
    assert shown == {*library.names("styles"), *library.names("targets"), *library.names("chains")}


def test_list_of_one_kind_as_a_document(run: Run) -> None:
    document = json.loads(run("presets", "list", "--kind", "targets", "--json").stdout)
    assert [entry["name"] for entry in document["presets"]] == library.names("targets")
    assert all(entry["shipped"] and entry["summary"] for entry in document["presets"])


def test_own_presets_stand_among_the_others_and_broken_ones_say_so(run: Run, own: Path) -> None:
    put(own, "styles", "warm.toml", shipped(run, "warm", "styles"))
    put(own, "targets", "mine.toml", "schema = 1")
    put(own, "chains", "bus.json", to_json(MasteringChain(name="bus", limiter=Limiter())))
    lines = {line.split()[0]: line for line in run("presets", "list").stdout.splitlines()}
    assert lines["warm"].endswith("(yours)")
    assert "BROKEN: " in lines["mine"]
    assert "limiter (yours)" in lines["bus"]


def test_show_prints_a_file_that_can_be_saved_as_ones_own(run: Run, own: Path) -> None:
    text = shipped(run, "punchy", "styles").replace('name = "punchy"', 'name = "mine"')
    assert tomllib.loads(text)["name"] == "mine"
    path = put(own, "styles", "mine.toml", text)
    assert run("presets", "validate", path).stdout == f"{path}: fine (styles)\n"


def test_show_of_a_name_that_is_both(run: Run) -> None:
    text = run("presets", "show", "podcast").stdout
    assert "# styles: " in text
    assert "# targets: " in text
    document = json.loads(run("presets", "show", "podcast", "--json").stdout)
    assert [one["kind"] for one in document["presets"]] == ["styles", "targets"]
    assert document["presets"][1]["preset"]["delivery"]["integrated_lufs"] == -16.0


def test_unknown_name(run: Run) -> None:
    result = run("presets", "show", "wram")
    assert result.exit_code == 2
    assert "did you mean 'warm'?" in result.stderr


def test_validate_tells_what_is_wrong_with_each(run: Run, own: Path) -> None:
    good = put(own, "chains", "a.json", to_json(MasteringChain()))
    bad = put(own, "chains", "b.json", '{"steps": [{"kind": "compresor"}]}')
    result = run("presets", "validate")
    assert result.exit_code == 2
    assert f"{good}: fine (chains)" in result.stdout
    assert "did you mean 'compressor'?" in result.stderr
    document = json.loads(run("presets", "validate", good, bad, "--json").stdout)
    assert [one["valid"] for one in document["results"]] == [True, False]
    assert run("presets", "validate", good).exit_code == 0
    assert run("presets", "validate", good, "--kind", "styles").exit_code == 2


def test_validate_without_presets(run: Run, own: Path) -> None:
    result = run("presets", "validate")
    assert (result.exit_code, result.stdout) == (0, "")
    assert str(own) in result.stderr


def test_path(run: Run, own: Path) -> None:
    lines = run("presets", "path").stdout.splitlines()
    assert lines == [str(own / kind) for kind in ("styles", "targets", "chains")]
    document = json.loads(run("presets", "path", "--kind", "chains", "--json").stdout)
    assert document["folders"] == {"chains": str(own / "chains")}
