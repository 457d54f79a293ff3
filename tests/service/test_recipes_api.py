"""Recipes: read, compared, put into sentences, adjusted."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    Limiter,
    LinearPhaseEq,
    MasteringChain,
    MultibandCompressor,
    Saturation,
    Width,
)
from mastering.codec import from_plain, to_plain
from mastering.service.adjust import adjusted
from mastering.service.models import Adjustment, ToneBand
from mastering.target import DeliverySpec, Recipe

_BAND = Compressor(threshold_dbfs=-20.0, ratio=2.0, makeup_db=1.0)
RECIPE = Recipe(
    chain=MasteringChain(
        name="test",
        steps=(
            LinearPhaseEq(frequencies_hz=(100.0, 1_000.0), mid_gain_db=(2.0, -4.0), side_gain_db=(0.0, 1.0)),
            Equalizer(mid=(EqBand(frequency_hz=200.0, gain_db=3.0),)),
            _BAND,
            MultibandCompressor(crossovers_hz=(200.0,), bands=(_BAND, _BAND)),
            Width(frequencies_hz=(100.0,), side_gain_db=(-6.0,)),
            Saturation(mix_percent=40.0),
        ),
        limiter=Limiter(input_gain_db=3.0, ceiling_dbtp=-1.0),
    ),
    delivery=DeliverySpec(integrated_lufs=-14.0),
)


def test_nothing_is_adjusted_by_nothing() -> None:
    assert adjusted(RECIPE, Adjustment()) == RECIPE
    whole = Adjustment(amount_percent=100.0, compression_percent=100.0, width_percent=100.0)
    assert adjusted(RECIPE, whole) == RECIPE


def test_half_the_amount_is_half_of_each_step() -> None:
    curve, bands, compressor, multiband, width, saturation = adjusted(
        RECIPE, Adjustment(amount_percent=50.0)
    ).chain.steps
    assert curve == LinearPhaseEq(
        frequencies_hz=(100.0, 1_000.0), mid_gain_db=(1.0, -2.0), side_gain_db=(0.0, 0.5)
    )
    assert isinstance(bands, Equalizer)
    assert bands.mid[0].gain_db == 1.5
    assert isinstance(compressor, Compressor)
    assert compressor.ratio == pytest.approx(1.0 / 0.75)
    assert compressor.makeup_db == 0.5
    assert isinstance(multiband, MultibandCompressor)
    assert multiband.bands[1] == compressor
    assert isinstance(width, Width)
    assert width.side_gain_db == (-3.0,)
    assert isinstance(saturation, Saturation)
    assert saturation.mix_percent == 20.0


@pytest.mark.parametrize("amount", [0.0, 30.0, 150.0])
@pytest.mark.parametrize("compression", [0.0, 200.0])
@pytest.mark.parametrize("width", [0.0, 200.0])
def test_no_adjustment_leaves_the_ranges(amount: float, compression: float, width: float) -> None:
    tone = [ToneBand(frequency_hz=100.0, gain_db=24.0), ToneBand(frequency_hz=9_000.0, gain_db=-24.0)]
    made = adjusted(
        RECIPE,
        Adjustment(
            amount_percent=amount,
            compression_percent=compression,
            width_percent=width,
            tone=tone,
            ceiling_dbtp=-3.0,
        ),
    )
    assert from_plain(Recipe, to_plain(made), "again") == made
    assert made.chain.limiter is not None
    assert (made.chain.limiter.ceiling_dbtp, made.delivery.ceiling_dbtp) == (-3.0, -3.0)


def test_validating_writes_the_recipe_and_says_what_it_does(client: TestClient) -> None:
    answer = client.post("/api/v1/recipes/validate", json={"recipe": to_plain(RECIPE)}).json()
    assert answer["recipe"] == to_plain(RECIPE)
    assert len(answer["sentences"]) == len(RECIPE.chain.steps) + 2
    assert answer["sentences"][-2].startswith("True-peak limiter")
    chain = client.post("/api/v1/recipes/validate", json={"recipe": to_plain(RECIPE.chain)}).json()
    assert chain["recipe"]["delivery"]["container"] == "wav"


@pytest.mark.parametrize(
    "recipe",
    [
        {"chain": {"name": "x", "steps": [{"kind": "compresor"}]}, "delivery": {}},
        {"chain": {"name": "x"}, "delivery": {"ceiling_dbtp": 3.0}},
        {"schema": 99, "chain": {"name": "x"}, "delivery": {}},
        {"name": "x", "nonsense": 1},
    ],
)
def test_what_is_no_recipe_is_said(client: TestClient, recipe: dict[str, Any]) -> None:
    answer = client.post("/api/v1/recipes/validate", json={"recipe": recipe})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("recipe: ")


def test_a_difference_names_path_values_and_unit(client: TestClient) -> None:
    other = adjusted(RECIPE, Adjustment(ceiling_dbtp=-2.0))
    body = {"a": to_plain(RECIPE), "b": to_plain(other)}
    assert client.post("/api/v1/recipes/diff", json=body).json()["changes"] == [
        {"path": "chain.limiter.ceiling_dbtp", "before": -1.0, "after": -2.0, "unit": "dBTP"},
        {"path": "delivery.ceiling_dbtp", "before": -1.0, "after": -2.0, "unit": "dBTP"},
    ]


def test_adjusting_needs_one_recipe(client: TestClient) -> None:
    for body in ({}, {"recipe": to_plain(RECIPE), "job": "0" * 24}):
        assert client.post("/api/v1/recipes/adjust", json=body).json()["code"] == "recipe_or_job"
    body = {"recipe": to_plain(RECIPE), "adjust": {"width_percent": 50.0}}
    made = client.post("/api/v1/recipes/adjust", json=body).json()["recipe"]
    assert made["chain"]["steps"][-1]["side_gain_db"] == pytest.approx([-6.02, -6.02], abs=0.01)
    body = {"recipe": to_plain(RECIPE), "adjust": {"integrated_lufs": -10.0}}
    assert client.post("/api/v1/recipes/adjust", json=body).json()["code"] == "song_needed"


def test_a_batch_has_no_recipe_of_its_own(client: TestClient, song: str) -> None:
    batch = client.post("/api/v1/jobs", json={"kind": "batch", "songs": [song]}).json()["id"]
    answers = [client.get(f"/api/v1/jobs/{batch}/{what}") for what in ("recipe", "gain-reduction")]
    answers.append(client.post("/api/v1/recipes/adjust", json={"job": batch}))
    answers.append(client.post("/api/v1/previews", json={"job": batch, "song": song, "duration_s": 0.5}))
    for answer in answers:
        said = answer.json()
        assert (answer.status_code, said["code"], said["field"]) == (422, "batch_is_several", "job")
        assert "one of its jobs" in said["detail"]
