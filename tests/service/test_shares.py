"""Shared links show one job, read only, for a while."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.service.conftest import URL, upload


def finished(app: FastAPI, client: TestClient, song: str) -> str:
    """A job that is done, with one result, though nobody worked on it."""
    job = str(client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"])
    folder = app.state.house.work.folder / job
    folder.mkdir()
    (folder / "master.wav").write_bytes(client.get(f"/api/v1/songs/{song}/audio").content)
    result = {
        "name": "master.wav",
        "url": f"/api/v1/jobs/{job}/results/master.wav",
        "role": "master",
        "size_bytes": (folder / "master.wav").stat().st_size,
        "sha256": "ab" * 32,
        "media_type": "audio/wav",
    }
    app.state.house.feed.change(
        job, {"state": "done", "results": [result]}, outcome=json.dumps({"results": []})
    )
    return job


@pytest.fixture
def job(app: FastAPI, client: TestClient, song: str) -> str:
    return finished(app, client, song)


@pytest.fixture
def link(client: TestClient, job: str) -> str:
    answer = client.post("/api/v1/shares", json={"job": job})
    assert answer.status_code == 201
    return f"/api/v1/shared/{answer.json()['token']}"


def test_a_link_shows_its_job(client: TestClient, link: str, job: str, song: str) -> None:
    about = client.get(f"{link}/about").json()
    assert (about["role"], about["job"]) == ("shared", job)
    document = client.get(f"{link}/jobs/{job}").json()
    url = document["results"][0]["url"]
    assert url == f"{link}/jobs/{job}/results/master.wav"
    assert client.get(url, headers={"Range": "bytes=0-3"}).content == b"RIFF"
    assert client.get(f"{url}/listen").status_code == 200
    assert client.get(f"{link}/songs/{song}/listen").status_code == 200
    for seen in (url, f"{link}/songs/{song}"):
        assert client.get(f"{seen}/spectrogram", params={"columns": 9}).headers["tonmeister-columns"] == "9"
    assert client.get(f"{link}/songs/{song}").json()["id"] == song
    assert client.get(f"{link}/jobs/{job}/report").status_code == 200


def test_a_link_shows_nothing_else(client: TestClient, app: FastAPI, link: str, job: str, song: str) -> None:
    other = client.post("/api/v1/jobs", json={"kind": "master", "song": song, "style": "warm"}).json()["id"]
    hidden = [f"jobs/{other}", f"jobs/{other}/report", f"songs/{'0' * 24}", f"songs/{song}/audio"]
    hidden += [f"songs/{'0' * 24}/spectrogram", f"jobs/{other}/results/master.wav/spectrogram"]
    for path in (*hidden, "jobs", "songs", "events"):
        assert client.get(f"{link}/{path}").status_code == 404
    changes = [("DELETE", f"jobs/{job}"), ("POST", f"jobs/{job}/cancel"), ("POST", f"jobs/{job}/retry")]
    changes += [("DELETE", f"songs/{song}"), ("POST", "jobs"), ("POST", "previews"), ("POST", "uploads")]
    for method, path in changes:
        assert client.request(method, f"{link}/{path}", json={}).status_code in (404, 405)
    assert client.get(f"/api/v1/jobs/{job}").json()["state"] == "done"


def test_a_link_needs_no_key_and_gives_none(make_app: Callable[..., FastAPI], wav: Path) -> None:
    app = make_app()
    secret = app.state.house.keys.add("Ann", "submit")
    ann = TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {secret}"})
    song = upload(ann, wav.read_bytes()).headers["tonmeister-song"]
    job = finished(app, ann, song)
    token = ann.post("/api/v1/shares", json={"job": job}).json()["token"]
    guest = TestClient(app, base_url=URL)
    assert guest.get(f"/api/v1/shared/{token}/jobs/{job}").status_code == 200
    assert guest.get(f"/api/v1/jobs/{job}").status_code == 401
    as_key = TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {token}"})
    assert as_key.get(f"/api/v1/jobs/{job}").status_code == 401
    assert guest.delete(f"/api/v1/shares/{token}").status_code == 401


def test_links_end(
    client: TestClient, app: FastAPI, link: str, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = link.rpartition("/")[2]
    kept = b"".join(path.read_bytes() for path in app.state.house.settings.data.glob("service.sqlite*"))
    assert token.encode() not in kept
    for wrong in (token[:-1], token + "x", "x"):
        assert client.get(f"/api/v1/shared/{wrong}/about").json()["code"] == "share_unknown"
    assert client.delete(f"/api/v1/shares/{token}").status_code == 204
    assert client.get(f"{link}/about").status_code == 404
    assert client.delete(f"/api/v1/shares/{token}").status_code == 404
    late: Any = client.post("/api/v1/shares", json={"job": job}).json()["token"]
    now_s = time.time()
    monkeypatch.setattr("mastering.service.shares.time.time", lambda: now_s + 31 * 86_400.0)
    assert client.get(f"/api/v1/shared/{late}/about").status_code == 404
    app.state.house.shares.expire()
    assert app.state.house.records.one("SELECT count(*) FROM shares")[0] == 0


def test_a_link_to_a_job_that_is_gone_is_gone(client: TestClient, link: str, job: str) -> None:
    assert client.delete(f"/api/v1/jobs/{job}").status_code == 204
    assert client.get(f"{link}/about").status_code == 404


def test_a_batch_is_shared_job_by_job(client: TestClient, song: str) -> None:
    batch = client.post("/api/v1/jobs", json={"kind": "batch", "songs": [song]}).json()
    refused = client.post("/api/v1/shares", json={"job": batch["id"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "share_batch")
    assert client.post("/api/v1/shares", json={"job": batch["jobs"][0]}).status_code == 201
