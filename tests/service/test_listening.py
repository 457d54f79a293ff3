"""Peaks, analyses, playable copies, previews: by the desk's own processes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from mastering.codec import to_plain
from mastering.service.desk import Desk
from mastering.service.problems import Problem
from mastering.service.wave import is_playable
from tests.service.conftest import URL, noise, upload
from tests.service.test_recipes_api import RECIPE

_EVIL = {"kind": "external", "plugin": {"id": "VST3-Evil-1", "name": "Evil"}}


@pytest.fixture(scope="module")
def samples() -> np.ndarray[Any, Any]:
    return noise(6.0)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all tests here: its processes stay warm."""
    from mastering.cli.job_kinds import KINDS
    from mastering.cli.serve_workshop import CommandWorkshop
    from mastering.service.app import create_app
    from mastering.service.settings import Settings

    app = create_app(Settings(data=tmp_path_factory.mktemp("data")), KINDS, CommandWorkshop)
    client = TestClient(app, base_url=URL)
    yield client
    client.close()
    app.state.house.close()


def sent(client: TestClient, samples: np.ndarray[Any, Any], name: str, subtype: str | None = None) -> str:
    file = io.BytesIO()
    file.name = name
    soundfile.write(file, samples, 44_100, subtype=subtype)
    return str(upload(client, file.getvalue(), name).headers["tonmeister-song"])


@pytest.fixture(scope="module")
def flac(desk: TestClient, samples: np.ndarray[Any, Any]) -> str:
    return sent(desk, samples, "song.flac", "PCM_24")


@pytest.fixture(scope="module")
def decoded(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What a 24-bit flac of the samples holds: float32 [frames, 2]."""
    file = io.BytesIO()
    soundfile.write(file, samples, 44_100, format="FLAC", subtype="PCM_24")
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0])


@pytest.mark.parametrize("points", [1, 7, 500, 50_000])
def test_peaks_enclose_the_samples(
    desk: TestClient, flac: str, decoded: np.ndarray[Any, Any], points: int
) -> None:
    peaks = desk.get(f"/api/v1/songs/{flac}/peaks", params={"points": points}).json()
    assert peaks["duration_s"] == pytest.approx(6.0)
    assert len(peaks["channels"]) == 2
    for channel, own in zip(peaks["channels"], decoded.T, strict=True):
        lows, highs = channel[0::2], channel[1::2]
        assert len(lows) == min(points, -(-len(own) // 256))
        assert min(lows) == pytest.approx(float(own.min()), abs=1e-3)
        assert max(highs) == pytest.approx(float(own.max()), abs=1e-3)
    assert desk.get(f"/api/v1/songs/{flac}/peaks", params={"points": 0}).status_code == 422


def test_an_analysis_is_the_command_lines(desk: TestClient, flac: str, tmp_path: Path) -> None:
    from mastering import analyse

    path = tmp_path / "song.flac"
    path.write_bytes(desk.get(f"/api/v1/songs/{flac}/audio").content)
    features = analyse(path)
    found = desk.get(f"/api/v1/songs/{flac}/analysis").json()
    assert found["integrated_lufs"] == features.integrated_lufs
    assert found["spectrum"]["mid_db"] == list(features.band_levels_mid_db)
    assert found["short_term"]["lufs"] == list(features.short_term_lufs)
    assert desk.get(f"/api/v1/songs/{flac}").json()["true_peak_dbtp"] == features.true_peak_dbtp


def test_a_copy_for_browsers_has_every_sample(
    desk: TestClient, flac: str, decoded: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    answer = desk.get(f"/api/v1/songs/{flac}/listen")
    assert answer.headers["content-type"] == "audio/wav"
    assert np.array_equal(soundfile.read(io.BytesIO(answer.content), dtype="float32")[0], decoded)
    path = tmp_path / "listen.wav"
    path.write_bytes(answer.content)
    assert is_playable(path)


def test_a_playable_file_is_its_own_copy(desk: TestClient, samples: np.ndarray[Any, Any]) -> None:
    song = sent(desk, samples[:30_000], "song.wav", "PCM_16")
    listen, audio = (desk.get(f"/api/v1/songs/{song}/{what}").content for what in ("listen", "audio"))
    assert listen == audio


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=-5", 206, -5, None),
        ("bytes=100-", 206, 100, None),
        ("bytes=0-999999999999", 206, 0, None),
        ("bytes=999999999999-", 416, 0, 0),
        ("bytes=20-10", 416, 0, 0),
        ("pages=1-2", 200, 0, None),
        (None, 200, 0, None),
    ],
)
def test_ranges(
    desk: TestClient, flac: str, asked: str | None, status: int, start: int, stop: int | None
) -> None:
    url = f"/api/v1/songs/{flac}/audio"
    whole = desk.get(url)
    answer = desk.get(url, headers={"Range": asked} if asked else {})
    if asked in ("bytes=20-10", "pages=1-2") and answer.status_code in (400, 416):
        return  # nonsense: a server may refuse it
    assert answer.status_code == status
    if status != 416:
        assert answer.content == whole.content[start:stop]
        assert answer.headers["etag"] == whole.headers["etag"]
    stale = desk.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (stale.status_code, len(stale.content)) == (200, len(whole.content))


def test_a_preview_is_that_stretch_of_the_master(
    desk: TestClient, flac: str, decoded: np.ndarray[Any, Any]
) -> None:
    from mastering.audio import Audio
    from mastering.host.render import Rendered
    from mastering.pipeline import Limited

    song = Audio(samples=np.ascontiguousarray(decoded.T), sample_rate=44_100)
    rendered = Rendered(song, RECIPE.chain.steps, 44_100)
    assert RECIPE.chain.limiter is not None
    whole = np.concatenate(list(Limited(rendered, RECIPE.chain.limiter, 4_096).blocks()), axis=1)
    body = {"song": flac, "recipe": to_plain(RECIPE)}
    for start_s, duration_s in ((0.0, 2.0), (1.5, 3.25), (5.0, 8.0)):
        answer = desk.post("/api/v1/previews", json={**body, "start_s": start_s, "duration_s": duration_s})
        assert answer.status_code == 200, answer.text
        heard, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32")
        first = round(start_s * rate)
        assert np.array_equal(heard.T, whole[:, first : first + round(duration_s * rate)])
        assert float(answer.headers["tonmeister-true-peak-dbtp"]) <= -0.9
        assert "dur=" in answer.headers["server-timing"]


def test_a_loudness_is_reached(desk: TestClient, flac: str) -> None:
    body = {"song": flac, "recipe": to_plain(RECIPE), "adjust": {"integrated_lufs": -20.0}}
    recipe = desk.post("/api/v1/recipes/adjust", json=body).json()["recipe"]
    assert recipe["delivery"]["integrated_lufs"] == -20.0
    answer = desk.post("/api/v1/previews", json={"song": flac, "recipe": recipe, "duration_s": 6.0})
    assert float(answer.headers["tonmeister-integrated-lufs"]) == pytest.approx(-20.0, abs=0.15)
    same = desk.post("/api/v1/previews", json={**body, "duration_s": 6.0})
    assert same.content == answer.content


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"start_s": 7.0}, "start_s"),
        ({"duration_s": 31.0}, "invalid"),
        ({"start_s": -1.0}, "invalid"),
        ({"song": "0" * 24}, "song_unknown"),
        ({"song": None}, "song_needed"),
        ({"recipe": {"chain": {"name": "x", "steps": [_EVIL]}, "delivery": {}}}, "plugin_forbidden"),
    ],
)
def test_previews_that_cannot_be_are_refused(
    desk: TestClient, flac: str, change: dict[str, Any], code: str
) -> None:
    body = {"song": flac, "recipe": to_plain(RECIPE), **change}
    assert desk.post("/api/v1/previews", json=body).json()["code"] == code


def _sleep(_seconds: float) -> None:
    import time

    time.sleep(_seconds)


def _die() -> None:
    import os

    os._exit(9)


def test_work_that_hangs_or_dies_is_ended_and_the_next_is_done(found_by_workers: None) -> None:
    import asyncio

    desk = Desk(time_s=0.5)
    try:
        with pytest.raises(Problem) as caught:
            asyncio.run(desk.do("listening", _sleep, 30.0))
        assert caught.value.code == "timed_out"
        desk = Desk()
        with pytest.raises(Problem) as caught:
            asyncio.run(desk.do("previews", _die))
        assert caught.value.code == "worker_died"
        assert asyncio.run(desk.do("previews", abs, -3)) == 3
    finally:
        desk.stop()
    with pytest.raises(Problem) as caught:  # a process that began now would outlive the service
        asyncio.run(desk.do("previews", abs, -3))
    assert caught.value.code == "ending"
