"""Previews of recipes that change single stems: of the song summed again, which is done once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.chain import Compressor, External, PluginRef, StemChain, StemChains
from mastering.cli.tasks import StemsOrder
from mastering.codec import to_plain
from mastering.delivery import apply_recipe
from mastering.host.plugins.policy import Policy
from mastering.service import rooms as service_rooms
from mastering.service.desk import Desk
from mastering.service.models import Adjustment
from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.service.room import Room
from mastering.service.rooms import Audible, Rooms
from mastering.service.settings import Settings
from mastering.service.summed import summed_name
from mastering.stemwise.provenance import separated_by
from mastering.target import DeliverySpec, Recipe
from stems.separate import Separator
from tests.service.conftest import noise, upload
from tests.service.test_recipes_api import RECIPE

_FLOAT = DeliverySpec(container="wav", bit_depth=32)


@pytest.fixture(scope="module", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing was separated before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONMEISTER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "song.wav"
    soundfile.write(path, noise(4.0, seed=11), 44_100, subtype="PCM_24")
    return path


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Less voice, drums compressed, and a chain on top."""
    chains = (
        StemChain(stem="vocals", gain_db=-6.0),
        StemChain(stem="drums", steps=(Compressor(threshold_dbfs=-30.0, ratio=3.0),)),
    )
    made_by = separated_by(Separator("draft").info)
    return replace(RECIPE, stems=StemChains(separator=made_by, chains=chains), delivery=_FLOAT)


@pytest.fixture(scope="module")
def whole(file: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray[Any, Any]:
    """The song as the command line renders it."""
    output = tmp_path_factory.mktemp("whole") / "whole.wav"
    apply_recipe(recipe, file, output, separator=Separator("draft"))
    return np.asarray(soundfile.read(output, dtype="float32")[0])


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    desk = Desk()
    records = Records(tmp_path / "records.sqlite")
    room = Room(records, tmp_path, Settings())
    yield Rooms(desk, tmp_path / "cache", lambda _: StemsOrder(), room)
    records.close()
    desk.stop()


def audible(file: Path) -> Audible:
    return Audible(path=file, folder="a", name="song", tag="")


def heard(found: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(soundfile.read(io.BytesIO(found["wav"]), dtype="float32")[0])


def test_a_preview_is_that_stretch_of_the_whole(
    rooms: Rooms, file: Path, recipe: Recipe, whole: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    async def stretches() -> list[np.ndarray[Any, Any]]:
        given = (audible(file), recipe, Policy())
        places = ((0.0, 1.0), (1.5, 2.0))
        return [heard(await rooms.preview(*given, start_s=s, duration_s=d)) for s, d in places]

    first, second = asyncio.run(stretches())
    assert np.array_equal(first, whole[:44_100])
    assert np.array_equal(second, whole[66_150 : 66_150 + 88_200])
    assert [path.name.endswith(".summed.wav") for path in (tmp_path / "cache" / "a").iterdir()] == [True]


def test_a_loudness_and_its_reduction_are_of_the_sum(rooms: Rooms, file: Path, recipe: Recipe) -> None:
    async def ask() -> tuple[float, list[float], Recipe]:
        song = audible(file)
        adjusted = await rooms.adjusted(song, recipe, Adjustment(integrated_lufs=-20.0), Policy())
        found = await rooms.preview(song, adjusted, Policy(), start_s=0.0, duration_s=4.0)
        curves = await rooms.gain_reduction(song, adjusted, Policy(), folder="b")
        return found["integrated_lufs"], curves["limiter_db"], adjusted

    lufs, curve, adjusted = asyncio.run(ask())
    assert lufs == pytest.approx(-20.0, abs=0.15)
    assert len(curve) == 40
    assert adjusted.stems == recipe.stems


def test_who_asks_too_early_is_told_when(
    rooms: Rooms, file: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_rooms, "_PATIENCE_S", 0.05)

    async def ask() -> list[Problem]:
        problems: list[Problem] = []
        for _ in range(600):
            try:
                await rooms.preview(audible(file), recipe, Policy(), start_s=0.0, duration_s=1.0)
                return problems
            except Problem as problem:
                problems.append(problem)
                await asyncio.sleep(0.1)
        raise AssertionError("never done")

    problems = asyncio.run(ask())
    assert {(problem.status, problem.code) for problem in problems} == {(503, "stems_in_the_making")}
    assert problems[0].headers["Retry-After"] == "10"


def test_only_the_last_sums_of_a_song_are_kept(
    rooms: Rooms, file: Path, recipe: Recipe, tmp_path: Path
) -> None:
    async def ask() -> None:
        for gain_db in (-1.0, -2.0, -3.0, -4.0):
            stems = StemChains(
                separator=separated_by(Separator("draft").info),
                chains=(StemChain(stem="bass", gain_db=gain_db),),
            )
            other = replace(recipe, stems=stems)
            await rooms.preview(audible(file), other, Policy(), start_s=0.0, duration_s=0.5)

    asyncio.run(ask())
    assert len(list((tmp_path / "cache" / "a").iterdir())) == 3


def test_the_sum_that_was_not_used_for_longest_goes(
    rooms: Rooms, file: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_gain(gain_db: float) -> Recipe:
        made_by = separated_by(Separator("draft").info)
        stems = StemChains(separator=made_by, chains=(StemChain(stem="bass", gain_db=gain_db),))
        return replace(recipe, stems=stems)

    async def ask(*gains_db: float) -> None:
        for gain_db in gains_db:
            await rooms.preview(audible(file), with_gain(gain_db), Policy(), start_s=0.0, duration_s=0.5)

    def there(gain_db: float) -> bool:
        stems = with_gain(gain_db).stems
        assert stems is not None
        return (tmp_path / "cache" / "a" / summed_name(stems)).exists()

    asyncio.run(ask(-1.0, -2.0, -3.0, -1.0))
    asyncio.run(ask(-4.0))
    assert [there(gain_db) for gain_db in (-1.0, -2.0, -3.0, -4.0)] == [True, False, True, True]
    monkeypatch.setattr("mastering.service.room.shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    asyncio.run(ask(-4.0))
    with pytest.raises(Problem) as caught:
        asyncio.run(ask(-5.0))
    assert (caught.value.status, caught.value.code) == (507, "disk_full")


def test_stems_that_nothing_is_done_to_are_not_separated(rooms: Rooms, file: Path, recipe: Recipe) -> None:
    assert recipe.stems is not None
    unchanged = replace(recipe, stems=replace(recipe.stems, chains=(StemChain(stem="bass"),)))

    async def ask() -> tuple[bytes, bytes]:
        asked = (unchanged, replace(recipe, stems=None))
        given = {"start_s": 0.0, "duration_s": 1.0}
        one, other = [await rooms.preview(audible(file), each, Policy(), **given) for each in asked]
        return one["wav"], other["wav"]

    one, other = asyncio.run(ask())
    assert one == other


def test_a_model_is_a_name_and_plug_ins_are_looked_at(
    client: TestClient, app: FastAPI, recipe: Recipe
) -> None:
    content = io.BytesIO()
    soundfile.write(content, noise(1.0), 44_100, format="WAV")
    song = upload(client, content.getvalue()).headers["tonmeister-song"]
    assert recipe.stems is not None

    def code(stems: StemChains) -> str:
        body = {"song": song, "recipe": to_plain(replace(recipe, stems=stems)), "duration_s": 0.5}
        return str(client.post("/api/v1/previews", json=body).json()["code"])

    path = replace(recipe.stems, separator=replace(recipe.stems.separator, model="/etc/passwd"))
    assert code(path) == "model_unknown"
    other = replace(recipe.stems, separator=replace(recipe.stems.separator, sha256=("00" * 32,)))
    assert code(other) == "model_changed"
    evil = StemChain(stem="bass", steps=(External(plugin=PluginRef(id="VST3-Evil-1", name="Evil")),))
    assert code(replace(recipe.stems, chains=(evil,))) == "plugin_forbidden"
