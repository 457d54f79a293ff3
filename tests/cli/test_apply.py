"""`apply` on a delivery that is faked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from mastering.chain import Limiter, MasteringChain
from mastering.codec import to_json
from mastering.target import DeliverySpec, Recipe

Files = Callable[..., Path]
Run = Callable[..., Result]

RECIPE = Recipe(
    chain=MasteringChain(limiter=Limiter(input_gain_db=3.0)),
    delivery=DeliverySpec(container="flac", bit_depth=16),
)


@pytest.fixture
def recipe(files: Files) -> Path:
    """A saved recipe beside two songs."""
    path = files("a.wav", "b.wav") / "a.recipe.json"
    path.write_text(to_json(RECIPE), "utf-8")
    return path


def test_the_recipe_decides(fake: ModuleType, recipe: Path, run: Run) -> None:
    result = run("apply", recipe, "a.wav", "b.wav", "--json", "--output-dir", "out")
    assert result.exit_code == 0, result.stderr
    entries = json.loads(result.stdout)["results"]
    assert [Path(entry["output"]).name for entry in entries] == ["a.master.flac", "b.master.flac"]
    assert [entry["status"] for entry in entries] == ["mastered"] * 2
    assert fake.SEEN[0][1]["delivery"] is None


def test_options_change_the_delivery_only(fake: ModuleType, recipe: Path, run: Run) -> None:
    options = ("--rate", "48000", "-o", "x.wav", "--force", "--no-report")
    assert run("apply", recipe, "a.wav", *options).exit_code == 0
    (_, settings) = fake.SEEN[0]
    assert settings["delivery"] == DeliverySpec(container="wav", bit_depth=16, sample_rate=48_000)
    assert settings["force"]
    assert not settings["write_report"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "the recipe cannot be read"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"{", "not a JSON document"),
        (b"[]", "is not a table"),
        (b'{"chain": {}, "delivry": {}}', "did you mean 'delivery'?"),
        (b'{"chain": {}, "delivery": {"ceiling_dbtp": 3}}', "allowed -24..0 dBTP"),
        (b'{"schema": 99, "chain": {}, "delivery": {}}', "schema 99"),
    ],
)
def test_a_bad_recipe_is_a_sentence(
    fake: ModuleType, files: Files, run: Run, content: bytes | None, sentence: str
) -> None:
    folder = files("a.wav")
    if content is not None:
        (folder / "r.json").write_bytes(content)
    result = run("apply", "r.json", "a.wav")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "r.json" in result.stderr
    assert fake.SEEN == []


def test_a_folder_as_recipe_is_a_sentence(fake: ModuleType, folder: Path, run: Run) -> None:
    assert "is a directory" in run("apply", ".", "a.wav").stderr
