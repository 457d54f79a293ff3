"""`apply` on a delivery that is faked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from mastering import library
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


def test_a_format_that_cannot_hold_it_is_refused_before_anything_runs(
    fake: ModuleType, recipe: Path, run: Run
) -> None:
    result = run("apply", recipe, "a.wav", "--bit-depth", "32")
    assert result.exit_code == 2
    assert "flac with 32 bits: allowed 16, 24" in result.stderr
    assert fake.SEEN == []


CHAIN = MasteringChain(name="mine", limiter=Limiter(input_gain_db=1.0))


def applied(fake: ModuleType, run: Run, name: str) -> Recipe:
    """What `apply NAME a.wav` hands to the delivery."""
    result = run("apply", name, "a.wav", "--force")
    assert result.exit_code == 0, result.stderr
    recipe: Recipe = fake.SEEN[-1][1]["recipe"]
    return recipe


def test_a_chains_file_is_delivered_as_by_default(
    fake: ModuleType, files: Files, run: Run, tmp_path: Path
) -> None:
    (files("a.wav") / "c.json").write_text(to_json(CHAIN), "utf-8")
    assert applied(fake, run, "c.json") == Recipe(chain=CHAIN, delivery=DeliverySpec())


def test_a_chain_of_the_library(
    fake: ModuleType, files: Files, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours by its name, the user's too; a file of that name does not stand in the way."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    own = tmp_path / "chains" / "mine.json"
    own.parent.mkdir()
    own.write_text(to_json(CHAIN), "utf-8")
    files("a.wav", "mine")
    assert applied(fake, run, "mine") == Recipe(chain=CHAIN, delivery=DeliverySpec())
    assert applied(fake, run, "gentle-glue").chain == library.load_chain("gentle-glue")


def test_a_recipe_without_a_suffix_is_still_a_file(fake: ModuleType, recipe: Path, run: Run) -> None:
    recipe.rename("saved")
    assert applied(fake, run, "saved") == RECIPE


def test_a_chain_that_nobody_knows(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav")
    result = run("apply", "gentle-gleu", "a.wav")
    assert result.exit_code == 2
    assert "did you mean 'gentle-glue'?" in result.stderr
    result = run("apply", "warm", "a.wav")
    assert "'warm' is a style" in result.stderr
    assert fake.SEEN == []


def test_a_folder_as_recipe_is_a_sentence(fake: ModuleType, folder: Path, run: Run) -> None:
    assert "is a directory" in run("apply", ".", "a.wav").stderr
