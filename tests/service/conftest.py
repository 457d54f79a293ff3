"""A service in this process, whose jobs nobody works on, and small songs; `live` has whole servers."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.cli.job_kinds import KINDS
from mastering.cli.serve_workshop import CommandWorkshop
from mastering.service.app import create_app
from mastering.service.settings import Settings

URL = "http://127.0.0.1:8440"
TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


def noise(seconds: float, seed: int = 7, sample_rate: int = 44_100) -> np.ndarray[Any, Any]:
    """Reddish stereo noise at -20 dBFS, float64 [frames, 2]."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((round(seconds * sample_rate), 2))
    spectrum = np.fft.rfft(white, axis=0)
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20.0))[:, np.newaxis]
    pink = np.fft.irfft(spectrum, n=len(white), axis=0)
    return np.asarray(0.1 * pink / np.sqrt(np.mean(pink**2)))


@pytest.fixture
def found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own find these tests, too."""
    repository = str(Path(__file__).resolve().parents[2])
    monkeypatch.setattr(sys, "path", [*sys.path, repository])
    known = filter(None, [os.environ.get("PYTHONPATH"), repository])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(known))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A song of 1.5 s, 16 bit."""
    path = tmp_path / "song.wav"
    soundfile.write(path, noise(1.5), 44_100, subtype="PCM_16")
    return path


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., FastAPI]]:
    """Makes services; they are closed at the end."""
    made: list[FastAPI] = []

    def make(**settings: Any) -> FastAPI:
        data = settings.pop("data", tmp_path / f"data{len(made)}")
        app = create_app(Settings(data=data, **settings), KINDS, CommandWorkshop)
        made.append(app)
        return app

    yield make
    for app in made:
        app.state.house.close()


@pytest.fixture
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    """A service without keys."""
    return make_app()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Somebody on the service's own machine."""
    with_no_lifespan = TestClient(app, base_url=URL, raise_server_exceptions=False)
    yield with_no_lifespan
    with_no_lifespan.close()


def named(text: str) -> dict[str, str]:
    """The Upload-Metadata of a file name."""
    return {"Upload-Metadata": f"filename {base64.b64encode(text.encode()).decode()}"}


def upload(client: Any, content: bytes, name: str = "song.wav", **headers: str) -> Any:
    """A whole file in one request."""
    all_headers = {**PART, **named(name), "Upload-Length": str(len(content)), **headers}
    return client.post("/api/v1/uploads", headers=all_headers, content=content)


@pytest.fixture
def song(client: TestClient, wav: Path) -> str:
    """The id of an uploaded song."""
    answer = upload(client, wav.read_bytes())
    assert answer.status_code == 201, answer.text
    return str(answer.headers["tonmeister-song"])
