"""What is old or too much goes; what runs, waits or is needed stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.service.conftest import URL, noise, upload
from tests.service.test_shares import finished


def songs(client: TestClient, tmp_path: Path, count: int) -> list[str]:
    made = []
    for number in range(count):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, noise(0.5, seed=number), 44_100)
        made.append(str(upload(client, path.read_bytes(), path.name).headers["tonmeister-song"]))
    return made


def known(client: TestClient, what: str) -> set[str]:
    return {item["id"] for item in client.get(f"/api/v1/{what}").json()["items"]}


def test_what_was_not_used_for_long_goes(
    make_app: Callable[..., FastAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(retention_days=1.0)
    client, house = TestClient(app, base_url=URL), app.state.house
    done, waits = songs(client, tmp_path, 2)
    old = finished(app, client, done)
    queued = client.post("/api/v1/jobs", json={"kind": "master", "song": waits}).json()["id"]
    (house.settings.data / "cache" / old).mkdir()
    assert house.retention.clean() == 0
    now_s = time.time()
    monkeypatch.setattr("mastering.service.retention.time.time", lambda: now_s + 2 * 86_400.0)
    assert house.retention.clean() == 2
    assert known(client, "jobs") == {queued}
    assert known(client, "songs") == {waits}
    assert [path.name for path in house.work.folder.iterdir()] == []
    assert list((house.settings.data / "cache").iterdir()) == []


def test_the_oldest_go_first_when_there_is_too_much(make_app: Callable[..., FastAPI], tmp_path: Path) -> None:
    app = make_app()
    client, house = TestClient(app, base_url=URL), app.state.house
    first, second, third = songs(client, tmp_path, 3)
    with house.records.write() as connection:
        for age_s, song in ((30.0, second), (20.0, first), (10.0, third)):
            connection.execute("UPDATE songs SET used_s = ? WHERE id = ?", (time.time() - age_s, song))
        connection.execute("UPDATE songs SET size_bytes = 400000")
    smaller = make_app(data=house.settings.data, retention_mb=1).state.house
    assert smaller.retention.clean() == 1
    assert known(client, "songs") == {first, third}


def test_folders_that_nobody_knows_go(app: FastAPI) -> None:
    house = app.state.house
    for folder in (house.work.folder / "gone", house.settings.data / "cache" / "gone"):
        folder.mkdir()
        (folder / "file").write_text("x")
    house.retention.clean()
    assert list(house.work.folder.iterdir()) == list((house.settings.data / "cache").iterdir()) == []


@pytest.mark.parametrize("where", ["results", "cache"])
def test_the_folder_of_what_is_made_meanwhile_stays(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    house = app.state.house
    folder = house.settings.data / where / "new"
    read = house.records.all

    def slow(query: str, *values: object) -> object:
        rows = read(query, *values)
        folder.mkdir()
        return rows

    monkeypatch.setattr(house.records, "all", slow)
    (house.work.sweep if where == "results" else house.retention._sweep_cache)()
    assert folder.is_dir()
