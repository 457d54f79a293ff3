"""`master --stems` and `apply` of its recipes, on a delivery and a separator that are faked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from mastering.chain import Limiter, MasteringChain, SeparatedBy, StemChain, StemChains
from mastering.codec import to_json
from mastering.errors import ParameterError
from mastering.target import DeliverySpec, Recipe

Files = Callable[..., Path]
Run = Callable[..., Result]

STEMS = StemChains(
    separator=SeparatedBy(
        model="htdemucs",
        sha256=("955717e8",),
        settings={"overlap": 0.1, "shifts": 2, "engine": "torch", "segment_s": 5.0},
    ),
    chains=(StemChain(stem="vocals", gain_db=2.0),),
)
RECIPE = Recipe(chain=MasteringChain(limiter=Limiter()), delivery=DeliverySpec(), stems=STEMS)


class Asked:
    """Stands for stems.separate.Separator, and keeps what it was made with."""

    def __init__(self, model: str | None = None, **settings: Any) -> None:
        self.model, self.settings = model, settings


@pytest.fixture
def separators(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The separators that the delivery was given, in order; None for none."""
    monkeypatch.setitem(sys.modules, "stems.separate", SimpleNamespace(Separator=Asked))
    seen: list[Any] = []
    delivery: Any = sys.modules["mastering.delivery"]
    for name in ("master_file", "plan_file", "apply_recipe"):
        known = getattr(delivery, name)

        def call(*arguments: Any, known: Any = known, separator: Any = None, **rest: Any) -> Any:
            seen.append(separator)
            report = known(*arguments, **rest)
            return replace(report, recipe=replace(report.recipe, stems=STEMS)) if separator else report

        monkeypatch.setattr(delivery, name, call)
    return seen


@pytest.fixture
def recipe(files: Files) -> Path:
    path = files("a.wav", "ref.wav") / "a.recipe.json"
    path.write_text(to_json(RECIPE), "utf-8")
    return path


def test_stems_bring_a_separator(separators: list[Any], files: Files, run: Run) -> None:
    files("a.wav", "ref.wav")
    result = run(
        "master", "a.wav", "-r", "ref.wav", "--stems", "--model", "htdemucs", "--models-dir", "m", "--json"
    )
    assert result.exit_code == 0, result.stderr
    (made,) = separators
    assert (made.model, made.settings) == ("htdemucs", {"models_dir": Path("m"), "device": "cpu"})
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["stems"]["separator"]["model"] == "htdemucs"
    assert entry["stems"]["chains"][0]["stem"] == "vocals"


def test_without_a_model_the_separator_chooses(separators: list[Any], files: Files, run: Run) -> None:
    files("a.wav", "ref.wav")
    assert run("master", "a.wav", "-r", "ref.wav", "--stems", "--dry-run").exit_code == 0
    assert separators[0].model is None


def test_without_stems_there_is_none_and_the_document_is_as_ever(
    separators: list[Any], files: Files, run: Run
) -> None:
    files("a.wav", "ref.wav")
    result = run("master", "a.wav", "-r", "ref.wav", "--json")
    assert separators == [None]
    assert "stems" not in json.loads(result.stdout)["results"][0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--stems",), "there is none: a style is a curve of whole mixes"),
        (("--stems", "-r", "ref.wav", "--album"), "--stems and --album exclude each other"),
        (("--model", "draft", "-r", "ref.wav"), "--model says how to separate: give --stems, too"),
        (("--stems", "-r", "ref.wav", "--device", "gpu"), "'gpu' is not one of"),
    ],
)
def test_what_stems_cannot_do_is_a_usage_error(
    separators: list[Any], files: Files, run: Run, options: tuple[str, ...], sentence: str
) -> None:
    files("a.wav", "ref.wav")
    result = run("master", "a.wav", *options)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())
    assert separators == []


def test_a_recipe_brings_the_separator_it_was_made_with(
    separators: list[Any], recipe: Path, run: Run
) -> None:
    result = run("apply", recipe, "a.wav", "-o", "b.wav")
    assert result.exit_code == 0, result.stderr
    (made,) = separators
    assert made.model == "htdemucs"
    assert made.settings == {
        "models_dir": None,
        "device": "cpu",
        "overlap": 0.1,
        "shifts": 2,
        "engine": "torch",
    }


def test_another_place_of_the_model_may_be_named(separators: list[Any], recipe: Path, run: Run) -> None:
    assert run("apply", recipe, "a.wav", "-o", "b.wav", "--model", "x.safetensors").exit_code == 0
    assert separators[0].model == "x.safetensors"


def test_a_recipe_of_a_model_that_was_a_file_asks_for_the_file(
    separators: list[Any], recipe: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unknown(Asked):
        def __init__(self, model: str | None = None, **settings: Any) -> None:
            raise ParameterError(f"no separation model named '{model}'")

    monkeypatch.setitem(sys.modules, "stems.separate", SimpleNamespace(Separator=Unknown))
    result = run("apply", recipe, "a.wav", "-o", "b.wav")
    assert result.exit_code == 2
    assert "separated by the model 'htdemucs', which is not known here" in result.stderr
    assert "Name its file with --model" in result.stderr


def test_a_model_for_a_recipe_without_stems_is_a_mistake(
    separators: list[Any], recipe: Path, run: Run
) -> None:
    recipe.write_text(to_json(replace(RECIPE, stems=None)), "utf-8")
    result = run("apply", recipe, "a.wav", "-o", "b.wav", "--model", "draft")
    assert result.exit_code == 2
    assert "for recipes that change stems" in result.stderr
    assert run("apply", recipe, "a.wav", "-o", "b.wav").exit_code == 0
    assert separators == [None]
