"""The codec: every document comes back equal, and every mistake is named with its place."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    Limiter,
    LinearPhaseEq,
    MasteringChain,
    MultibandCompressor,
    Saturation,
    SeparatedBy,
    StemChain,
    StemChains,
    Width,
)
from mastering.codec import from_json, from_plain, to_json, to_plain
from mastering.errors import ParameterError, PresetError
from mastering.target import DeliverySpec, Recipe

gains = st.floats(-24.0, 24.0)
bands = st.builds(
    EqBand,
    shape=st.sampled_from(["peak", "low_shelf", "high_shelf", "high_pass", "low_pass"]),
    frequency_hz=st.floats(10.0, 40_000.0),
    gain_db=gains,
    q=st.floats(0.1, 12.0),
)
compressors = st.builds(
    Compressor, threshold_dbfs=st.floats(-80.0, 0.0), ratio=st.floats(1.0, 20.0), makeup_db=gains
)
steps = st.one_of(
    st.builds(Equalizer, mid=st.lists(bands, max_size=8).map(tuple), side=st.just(())),
    st.builds(
        LinearPhaseEq,
        frequencies_hz=st.just((50.0, 500.0)),
        mid_gain_db=st.tuples(gains, gains),
        side_gain_db=st.tuples(gains, gains),
    ),
    compressors,
    st.builds(
        MultibandCompressor, crossovers_hz=st.just((300.0,)), bands=st.tuples(compressors, compressors)
    ),
    st.builds(Width, frequencies_hz=st.just((100.0,)), side_gain_db=st.tuples(st.floats(-60.0, 24.0))),
    st.builds(Saturation, drive_db=st.floats(0.0, 24.0)),
)
numbers = st.integers() | st.floats(-9.0, 9.0)
stem_chains = st.builds(
    StemChains,
    separator=st.builds(
        SeparatedBy, model=st.text(max_size=5), settings=st.fixed_dictionaries({"overlap": numbers})
    ),
    chains=st.builds(StemChain, stem=st.text(max_size=5), steps=st.tuples(steps), gain_db=gains).map(
        lambda chain: (chain,)
    ),
)
recipes = st.builds(
    Recipe,
    chain=st.builds(
        MasteringChain,
        name=st.text(max_size=20),
        steps=st.lists(steps, max_size=6).map(tuple),
        limiter=st.none() | st.builds(Limiter, input_gain_db=st.floats(-60.0, 60.0)),
    ),
    delivery=st.builds(DeliverySpec, integrated_lufs=st.none() | st.floats(-40.0, -3.0)),
    stems=st.none() | stem_chains,
)
RECIPE = Recipe(
    chain=MasteringChain(steps=(Compressor(threshold_dbfs=-20.0),), limiter=Limiter()),
    delivery=DeliverySpec(),
)


@given(recipes)
def test_a_recipe_comes_back_equal(recipe: Recipe) -> None:
    assert from_json(Recipe, to_json(recipe), "recipe") == recipe


def test_infinite_levels_are_null() -> None:
    assert to_plain({"level_db": -math.inf, "name": "x"}) == {"level_db": None, "name": "x"}
    assert "Infinity" not in to_json({"level_db": -math.inf})


def _edited(**changes: object) -> str:
    plain = to_plain(RECIPE)
    plain["chain"]["steps"][0].update(changes)
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (_edited(ratoi=2.0), PresetError, ["unknown key 'ratoi'", "did you mean 'ratio'"]),
        (_edited(ratio=0.5), ParameterError, ["Compressor.ratio=0.5", "1..20 :1"]),
        (_edited(ratio="two"), PresetError, ["'two' is not a number"]),
        (_edited(ratio=True), PresetError, ["True is not a number"]),
        (_edited(kind="compresor"), PresetError, ["'compresor'", "did you mean 'compressor'"]),
        (to_json(RECIPE).replace('"schema": 1', '"schema": 9', 1), PresetError, ["schema 9", "1..2"]),
        ("{", PresetError, ["not a JSON document"]),
        ("[]", PresetError, ["not a table"]),
        ('{"schema": 1}', PresetError, ["'chain' is missing"]),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as caught:
        from_json(Recipe, text, "my.recipe.json")
    message = str(caught.value)
    assert message.startswith("my.recipe.json")
    for word in words:
        assert word in message


def test_what_is_left_out_takes_its_default() -> None:
    built = from_plain(DeliverySpec, {"integrated_lufs": -9}, "x")
    assert built == replace(DeliverySpec(), integrated_lufs=-9.0)


STEMS = StemChains(
    separator=SeparatedBy(model="htdemucs", sha256=("955717e8",), settings={"overlap": 0.25, "shifts": 0}),
    chains=(StemChain(stem="vocals", gain_db=2.0),),
)


def test_a_recipe_is_no_newer_than_what_it_holds() -> None:
    plain = to_plain(RECIPE)
    assert plain["schema"] == 1
    assert "stems" not in plain, "older versions read what they can"
    with_stems = to_plain(replace(RECIPE, stems=STEMS))
    assert with_stems["schema"] == 2
    assert from_plain(Recipe, with_stems, "x") == replace(RECIPE, stems=STEMS)


def test_a_recipe_of_schema_1_has_no_stems() -> None:
    old = {"schema": 1, "chain": to_plain(RECIPE.chain), "delivery": to_plain(RECIPE.delivery)}
    assert from_plain(Recipe, old, "x").stems is None
    new = {**old, "stems": to_plain(STEMS)}
    with pytest.raises(PresetError, match="'stems' came with schema 2, the document says 1"):
        from_plain(Recipe, new, "x")


def test_settings_keep_their_types_and_nothing_else_gets_in() -> None:
    plain = to_plain(STEMS.separator)
    found = from_plain(SeparatedBy, {**plain, "settings": {"a": 1, "b": 0.5, "c": "x"}}, "here").settings
    assert [(value, type(value)) for value in found.values()] == [(1, int), (0.5, float), ("x", str)]
    with pytest.raises(PresetError, match=r"here: settings\.a"):
        from_plain(SeparatedBy, {**plain, "settings": {"a": [1]}}, "here")
    with pytest.raises(PresetError, match="is not a table"):
        from_plain(SeparatedBy, {**plain, "settings": 3}, "here")


def test_two_chains_for_one_stem_are_refused() -> None:
    twice = to_plain(replace(RECIPE, stems=STEMS))
    twice["stems"]["chains"] *= 2
    with pytest.raises(ParameterError, match="one chain for each stem"):
        from_plain(Recipe, twice, "x")
