"""Spectrograms by HTTP: as they are measured, packed, kept, and of nobody else's songs."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.audio import Audio
from mastering.measure.spectrogram import MOST_COLUMNS, spectrogram
from tests.service.conftest import noise, upload
from tests.service.test_shares import finished


@pytest.fixture
def levels(wav: Path) -> np.ndarray:
    """The finest of the song."""
    samples, rate = soundfile.read(wav, dtype="float32")
    return spectrogram(Audio(samples=np.ascontiguousarray(samples.T), sample_rate=rate)).levels


@pytest.mark.parametrize("columns", [1, 7, 64, MOST_COLUMNS])
def test_levels_are_those_of_the_function(
    client: TestClient, song: str, wav: Path, levels: np.ndarray, columns: int
) -> None:
    samples, rate = soundfile.read(wav, dtype="float32")
    expected = spectrogram(Audio(samples=np.ascontiguousarray(samples.T), sample_rate=rate), columns)
    answer = client.get(f"/api/v1/songs/{song}/spectrogram", params={"columns": columns})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    found = np.frombuffer(answer.content, np.uint8).reshape(expected.levels.shape)
    assert np.array_equal(found, expected.levels)
    told = {name[11:]: float(value) for name, value in answer.headers.items() if name[:11] == "tonmeister-"}
    assert told == {
        "columns": min(columns, levels.shape[1]),
        "rows": 96,
        "lowest-hz": 30.0,
        "highest-hz": 20_000.0,
        "floor-db": -78.0,
        "ceiling-db": -16.0,
        "duration-s": 1.5,
    }


def test_a_result_is_seen_as_its_song(client: TestClient, app: FastAPI, song: str) -> None:
    job = finished(app, client, song)
    url = f"/api/v1/jobs/{job}/results/master.wav/spectrogram"
    assert client.get(url).content == client.get(f"/api/v1/songs/{song}/spectrogram").content
    assert client.get(url.replace("master.wav", "other.wav")).json()["code"] == "result_unknown"
    assert client.get(url.replace(job, "0" * 24)).json()["code"] == "job_unknown"
    assert client.get(f"/api/v1/songs/{'0' * 24}/spectrogram").json()["code"] == "song_unknown"


def test_levels_are_packed_for_who_takes_it_and_fetched_once(client: TestClient, song: str) -> None:
    url = f"/api/v1/songs/{song}/spectrogram"
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    with client.stream("GET", url, headers={"Accept-Encoding": "gzip, br"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(packed.iter_raw())) == plain.content
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["cache-control"] == "private, no-cache"
    tag = plain.headers["etag"]
    again = client.get(url, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url, params={"columns": 5}, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("columns", ["0", "-1", str(MOST_COLUMNS + 1), "many", "1.5", ""])
def test_other_numbers_of_columns_are_refused(client: TestClient, song: str, columns: str) -> None:
    answer = client.get(f"/api/v1/songs/{song}/spectrogram", params={"columns": columns})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_it_is_made_once_and_goes_with_its_song(client: TestClient, app: FastAPI, song: str) -> None:
    url = f"/api/v1/songs/{song}/spectrogram"
    first = client.get(url).content
    (kept,) = app.state.house.settings.data.rglob("song.spectrogram")
    made = kept.stat().st_mtime_ns
    assert client.get(url).content == first
    assert kept.stat().st_mtime_ns == made
    assert client.delete(f"/api/v1/songs/{song}").status_code == 204
    assert client.get(url).status_code == 404


def test_more_than_two_channels_are_seen_as_they_are_heard(client: TestClient) -> None:
    six = np.concatenate([noise(0.5), noise(0.5, seed=2), noise(0.5, seed=3)], axis=1)
    file = io.BytesIO()
    soundfile.write(file, six, 48_000, format="WAV", subtype="PCM_16")
    song = upload(client, file.getvalue()).headers["tonmeister-song"]
    answer = client.get(f"/api/v1/songs/{song}/spectrogram")
    assert answer.headers["tonmeister-columns"] == str(-(-22_050 // 1_024))
    assert max(answer.content) > 0
