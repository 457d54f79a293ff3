"""How names and numbers become a job: one set of rules for the command line and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mastering
from mastering import api, library
from mastering.chain import Limiter, MasteringChain
from mastering.codec import to_json
from mastering.errors import ParameterError, PresetError
from mastering.jobspec import (
    CONTAINER_SUFFIXES,
    MasterJob,
    container_of,
    default_style_name,
    load_recipe,
    merge_delivery,
)
from mastering.library import load_style, load_target
from mastering.target import CONTAINERS, DeliverySpec, Recipe

CHAIN = MasteringChain(name="mine", limiter=Limiter(input_gain_db=2.0))
RECIPE = Recipe(chain=CHAIN, delivery=DeliverySpec(container="flac", bit_depth=16))


@pytest.mark.parametrize(
    ("references", "style", "target", "name"),
    [
        ((), None, None, "balanced"),
        ((), "warm", None, "warm"),
        ((), None, "spotify", None),
        (("r.wav",), None, None, None),
        (("r.wav",), "warm", "spotify", "warm"),
    ],
)
def test_balanced_where_nothing_else_says_how_it_should_sound(
    references: tuple[str, ...], style: str | None, target: str | None, name: str | None
) -> None:
    assert default_style_name(references, style, target) == name


def test_what_beats_what() -> None:
    style, target = load_style("loud"), load_target("ebu-r128")
    assert merge_delivery(None, None, {}, referenced=False) == DeliverySpec()
    alone = merge_delivery(style, None, {}, referenced=False)
    assert (alone.integrated_lufs, alone.ceiling_dbtp) == (style.integrated_lufs, style.ceiling_dbtp)
    assert merge_delivery(style, None, {}, referenced=True) == DeliverySpec()
    assert merge_delivery(style, target, {}, referenced=False) == target.delivery
    given = merge_delivery(style, target, {"integrated_lufs": -20.0}, referenced=True)
    assert (given.integrated_lufs, given.tolerance_lu) == (-20.0, target.delivery.tolerance_lu)
    with pytest.raises(ParameterError, match=r"allowed -24\.\.0 dBTP"):
        merge_delivery(None, None, {"ceiling_dbtp": 1.0}, referenced=False)


def test_every_container_has_a_suffix_and_case_does_not_matter() -> None:
    assert set(CONTAINER_SUFFIXES.values()) == set(CONTAINERS)
    assert container_of(Path("a.b/Song.FLAC")) == "flac"
    assert container_of(Path("a.wave")) == container_of(Path("a.bwf")) == "wav"
    with pytest.raises(ParameterError, match=r"'\.xyz' is no output format; allowed \.wav, "):
        container_of(Path("a.xyz"))
    with pytest.raises(ParameterError, match="no suffix"):
        container_of(Path(".wav"))


def test_a_recipe_or_a_chain_by_file_or_name(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(to_json(RECIPE), "utf-8-sig")
    (tmp_path / "c.json").write_text(to_json(CHAIN), "utf-8")
    assert load_recipe(tmp_path / "r.json") == RECIPE
    assert load_recipe(str(tmp_path / "c.json")) == Recipe(chain=CHAIN, delivery=DeliverySpec())
    assert load_recipe("tape-warmth").chain == library.load_chain("tape-warmth")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not a JSON document"),
        ("3", "not a table of MasteringChain"),
        ('{"delivery": {}}', "'chain' is missing from Recipe"),
        ('{"stepps": []}', "did you mean 'steps'"),
    ],
)
def test_a_file_that_is_neither(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(PresetError, match=sentence) as caught:
        load_recipe(path)
    assert str(path) in caught.value.message


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `mastering.master` and `mastering.apply` hand to the delivery instead of running it."""
    asked: list[Any] = []
    monkeypatch.setattr(api, "master_file", lambda source, output, job, **_: asked.append(job))
    monkeypatch.setattr(
        api, "apply_recipe", lambda recipe, *_, delivery, **__: asked.append((recipe, delivery))
    )
    return asked


def test_programs_get_the_same_rules(jobs: list[Any]) -> None:
    mastering.master("a.wav", "b.flac", style="warm", target="spotify", bit_depth=16)
    mastering.master("a.wav", "b", reference=["r.wav", "s.wav"], container="ogg")
    mastering.master("a.wav", "b.wav")
    first, second, third = jobs
    spotify, warm, balanced = load_target("spotify"), load_style("warm"), load_style("balanced")
    given = {"bit_depth": 16, "container": "flac"}
    assert first == MasterJob(
        style=warm, target=spotify, delivery=merge_delivery(warm, spotify, given, referenced=False)
    )
    assert second.references == (Path("r.wav"), Path("s.wav"))
    assert (second.style, second.delivery) == (None, DeliverySpec(container="ogg"))
    assert (third.style, third.delivery.integrated_lufs) == (balanced, balanced.integrated_lufs)


def test_programs_apply_recipes_and_chains(jobs: list[Any], tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(to_json(RECIPE), "utf-8")
    mastering.apply(RECIPE, "a.wav", "b.flac")
    mastering.apply(tmp_path / "r.json", "a.wav", "b.wav")
    mastering.apply("gentle-glue", "a.wav", "b.mp3")
    assert jobs == [
        (RECIPE, RECIPE.delivery),
        (RECIPE, DeliverySpec(container="wav", bit_depth=16)),
        (load_recipe("gentle-glue"), DeliverySpec(container="mp3")),
    ]


def test_a_chain_without_a_limiter_changes_no_level(tmp_path: Path, noise: mastering.Audio) -> None:
    (tmp_path / "nothing.json").write_text(to_json(MasteringChain()), "utf-8")
    soundfile.write(tmp_path / "in.wav", noise.samples.T, noise.sample_rate, "FLOAT")
    report = mastering.apply(tmp_path / "nothing.json", tmp_path / "in.wav", tmp_path / "out.wav")
    written, _ = soundfile.read(tmp_path / "out.wav")
    assert np.abs(written.T - noise.samples).max() < 2.0**-22  # 24 bits and their dither
    assert report.after.integrated_lufs == pytest.approx(report.before.integrated_lufs, abs=0.01)
