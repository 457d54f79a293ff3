"""Webhooks of the service: the end of a job is told to whom its wish names, and to nobody private."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile
import standardwebhooks
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mastering.client import Tonmeister
from tests.service.conftest import noise
from tests.service.live import Live
from tests.webhooks.conftest import SECRET, Receiver, serve


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who wants to be told."""
    made = Receiver()
    server = serve(made)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with the secret."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


def test_the_end_of_a_job_is_told_also_by_the_next_service(
    receiver: Receiver, secret: Path, tmp_path: Path
) -> None:
    config = tmp_path / "serve.toml"
    config.write_text(f'webhook_secret_file = "{secret}"\nwebhook_allow_private = "yes"\n')
    soundfile.write(tmp_path / "song.wav", noise(1.0, seed=1), 44_100)
    receiver.statuses = [500]
    with Live(tmp_path, "--config", str(config)) as live:
        with Tonmeister(live.url) as client:
            song = client.upload(tmp_path / "song.wav")
            body = {"kind": "master", "song": song.id, "webhook": receiver.url}
            job = httpx.post(f"{live.url}/api/v1/jobs", json=body).json()
            ended = client.wait(client.job(job["id"]), timeout_s=120.0)
            assert ended.state == "done", ended.error
            receiver.wait_for(1)
        live.end(signal.SIGKILL)
        live.start()
        receiver.wait_for(2)
    assert len(set(receiver.ids())) == 1
    for headers, text in receiver.got:
        standardwebhooks.Webhook(SECRET).verify(text, headers)
    told = json.loads(receiver.got[-1][1])
    assert (told["type"], told["data"]["id"], told["data"]["state"]) == ("job.done", job["id"], "done")
    assert [result["sha256"] for result in told["data"]["results"]] == [one.sha256 for one in ended.results]
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "ftp://x/", "x"],
)
def test_addresses_that_nobody_is_told_at(client: TestClient, song: str, url: str) -> None:
    answer = client.post("/api/v1/jobs", json={"kind": "master", "song": song, "webhook": url})
    assert (answer.status_code, answer.json()["field"]) == (422, "webhook")


def test_an_end_that_nobody_can_be_told_of_is_logged(
    app: FastAPI, client: TestClient, song: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    with app.state.house.records.write() as connection:  # taken in while there was a secret
        connection.execute("UPDATE jobs SET body = json_set(body, '$.webhook', 'https://a.example/')")
    with caplog.at_level("WARNING", "tonmeister.webhooks"):
        client.post(f"/api/v1/jobs/{job}/cancel")
    assert [(record.levelname, record.__dict__["job"]) for record in caplog.records] == [("WARNING", job)]
