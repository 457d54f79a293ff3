"""Copies to be played and sums: only where there is room, and the first to go where there is none."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.codec import to_plain
from tests.service.conftest import URL, noise, upload
from tests.service.test_recipes_api import RECIPE

_COPY_BYTES = 300_000


def copy(house: object, folder: str, name: str, age_s: float) -> Path:
    """A file that rooms keep, used a while ago."""
    path = Path(house.settings.data, "cache", folder, name)  # type: ignore[attr-defined]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(_COPY_BYTES))
    os.utime(path, (time.time() - age_s, time.time()))
    return path


def test_a_copy_is_only_made_where_there_is_room(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    soundfile.write(content, noise(2.0), 44_100, format="FLAC")
    song = upload(client, content.getvalue(), "song.flac").headers["tonmeister-song"]
    most = app.state.house.settings.min_free_mb * 10**6 + 2 * 44_100 * 2 * 4
    for free_bytes, status in ((most - 1, 507), (most, 200)):
        free = SimpleNamespace(free=free_bytes)
        monkeypatch.setattr("mastering.service.room.shutil.disk_usage", lambda _, free=free: free)
        answer = client.get(f"/api/v1/songs/{song}/listen")
        assert answer.status_code == status, answer.text
    monkeypatch.setattr("mastering.service.room.shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    assert client.get(f"/api/v1/songs/{song}/listen").status_code == 200, "what is there needs none"


def test_copies_go_before_songs_the_least_used_first(
    make_app: Callable[..., FastAPI], tmp_path: Path
) -> None:
    app = make_app(retention_mb=1)
    client, house = TestClient(app, base_url=URL), app.state.house
    soundfile.write(tmp_path / "other.wav", noise(0.5, seed=3), 44_100)
    song = upload(client, (tmp_path / "other.wav").read_bytes()).headers["tonmeister-song"]
    old = copy(house, song, "song.listen.wav", 9_000.0)
    older = copy(house, song, "master.summed.wav", 90_000.0)
    peaks = copy(house, song, "song.peaks", 900_000.0)
    playing = copy(house, song, "x.listen.wav", 1.0)
    assert house.retention.held_bytes() > 4 * _COPY_BYTES
    assert house.retention.clean() == 0
    assert [path.exists() for path in (older, old, peaks, playing)] == [False, True, True, True]
    assert client.get(f"/api/v1/songs/{song}").status_code == 200


def test_copies_go_where_the_disk_is_too_full(
    app: FastAPI, song: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = app.state.house
    paths = [copy(house, song, f"{number}.listen.wav", 10_000.0 - number) for number in range(3)]
    free = house.settings.min_free_mb * 10**6 - _COPY_BYTES - 1
    monkeypatch.setattr("mastering.service.room.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    house.retention.clean()
    assert [path.exists() for path in paths] == [False, False, True]


def test_a_song_whose_file_is_gone_is_told_without_its_path(
    client: TestClient, app: FastAPI, song: str
) -> None:
    house = app.state.house
    for path in house.songs.folder.iterdir():
        path.unlink()
    asked = [client.get(f"/api/v1/songs/{song}/{what}") for what in ("audio", "peaks", "analysis", "listen")]
    body = {"recipe": to_plain(RECIPE), "song": song}
    asked.append(client.post("/api/v1/previews", json={**body, "duration_s": 0.5}))
    asked.append(client.post("/api/v1/recipes/adjust", json={**body, "adjust": {"integrated_lufs": -20.0}}))
    for answer in asked:
        assert (answer.status_code, answer.json()["code"]) == (404, "file_gone"), answer.text
        assert str(house.settings.data) not in answer.text
