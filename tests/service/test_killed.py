"""Nothing is lost when the service is killed: uploads go on, jobs are done, at its next start."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import soundfile
from starlette.testclient import TestClient

from mastering.cli.job_kinds import KINDS
from mastering.cli.serve_workshop import CommandWorkshop
from mastering.client import Tonmeister
from mastering.client.sending import Sending
from mastering.client.transport import Transport
from mastering.service.app import create_app
from mastering.service.settings import Settings
from tests.service.conftest import PART, TUS, URL, noise, upload
from tests.service.live import Live


def half_sent(url: str, path: Path) -> str:
    """Announce a file, and send a half of it; gives where."""
    content = path.read_bytes()
    with httpx.Client(base_url=url) as client:
        headers = {**TUS, "Upload-Length": str(len(content))}
        where = str(client.post("/api/v1/uploads", headers=headers).headers["location"])
        parts = urlsplit(url)
        raw = socket.create_connection((parts.hostname, parts.port))
        lines = {**PART, "Host": parts.netloc, "Upload-Offset": "0", "Content-Length": str(len(content))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        raw.sendall(f"PATCH {where} HTTP/1.1\r\n{head}\r\n".encode() + content[: len(content) // 2])
        raw.shutdown(socket.SHUT_WR)
        deadline_s = time.monotonic() + 30.0
        while client.head(where, headers=TUS).headers["upload-offset"] == "0":
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        raw.close()
    return where


def test_killed_in_the_middle_of_uploads_and_jobs(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, noise(20.0), 44_100, subtype="PCM_16")
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    with Live(tmp_path) as server:
        with Tonmeister(server.url) as desk:
            soundfile.write(tmp_path / "song.wav", noise(4.0), 44_100)
            song = desk.upload(tmp_path / "song.wav")
            jobs = [desk.master(song, amount_percent=10.0 * number).id for number in range(1, 5)]
            where = half_sent(server.url, path)
            deadline_s = time.monotonic() + 60.0
            while desk.job(jobs[0]).state == "queued":
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
        server.end(signal.SIGKILL)
        server.start()
        with Transport(server.url, None, 30.0) as transport:
            sending = Sending(transport, path, url=where)
            half = int(transport.ask("HEAD", where, headers=TUS).headers["upload-offset"])
            assert 0 < half < path.stat().st_size
            resumed = sending.run()
        with Tonmeister(server.url) as desk:
            assert desk.song(resumed).sha256 == wanted
            ended = [desk.wait(job, timeout_s=120.0) for job in jobs]
            assert [job.state for job in ended] == ["done"] * 4, [job.error for job in ended]
            assert len({job.results[0].sha256 for job in ended}) == 4
        left = [name for _, _, names in os.walk(tmp_path / "data" / "results") for name in names]
        assert len(left) == 12
        assert server.end(signal.SIGTERM) == 0


def test_told_to_end_it_parks_what_runs(tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text("finish_s = 0.0\nworkers = 1\n", "utf-8")
    soundfile.write(tmp_path / "song.wav", noise(10.0), 44_100)
    with Live(tmp_path, "--config", str(tmp_path / "serve.toml")) as server:
        with Tonmeister(server.url) as desk:
            song = desk.upload(tmp_path / "song.wav")
            jobs = [desk.master(song, amount_percent=10.0 * number).id for number in range(1, 4)]
            deadline_s = time.monotonic() + 60.0
            while desk.job(jobs[0]).state == "queued":
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
        assert server.end(signal.SIGTERM) == 0
        assert list((tmp_path / "data" / "results").glob("*/*")) == []
        server.start()
        with Tonmeister(server.url) as desk:
            ended = [desk.wait(job, timeout_s=120.0) for job in jobs]
        assert [(job.state, job.attempts) for job in ended] == [("done", 1)] * 3


def test_what_was_recorded_and_not_queued_is_queued_at_the_start(tmp_path: Path) -> None:
    """As if it was killed between the two."""
    soundfile.write(tmp_path / "song.wav", noise(1.0), 44_100)
    app = create_app(Settings(data=tmp_path / "data"), KINDS, CommandWorkshop)
    client = TestClient(app, base_url=URL)
    song = upload(client, (tmp_path / "song.wav").read_bytes()).headers["tonmeister-song"]
    job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    client.close()
    app.state.house.close()
    with Live(tmp_path) as server, Tonmeister(server.url) as desk:
        assert desk.wait(job, timeout_s=120.0).state == "done"
