"""Uploads: whole, in parts, resumed, wrong, slow, lying, too much."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.service.keys import LOCAL
from mastering.service.problems import Problem
from mastering.service.settings import Settings
from mastering.service.uploads import Uploads
from tests.service.conftest import PART, TUS, URL, named, noise, upload


def begin(client: TestClient, length: int, name: str = "song.wav") -> str:
    answer = client.post("/api/v1/uploads", headers={**TUS, **named(name), "Upload-Length": str(length)})
    assert answer.status_code == 201
    return str(answer.headers["location"])


def send(client: TestClient, url: str, offset: int, content: bytes, **more: str) -> int:
    answer = client.patch(url, headers={**PART, "Upload-Offset": str(offset), **more}, content=content)
    return answer.status_code


def test_a_file_in_one_request_is_a_song(client: TestClient, wav: Path) -> None:
    answer = upload(client, wav.read_bytes(), "My Söng.wav")
    assert answer.status_code == 201
    song = client.get(f"/api/v1/songs/{answer.headers['tonmeister-song']}").json()
    assert song["name"] == "My Söng.wav"
    assert song["sha256"] == hashlib.sha256(wav.read_bytes()).hexdigest()
    assert (song["duration_s"], song["sample_rate_hz"], song["channels"]) == (1.5, 44_100, 2)
    assert client.get(f"/api/v1/songs/{song['id']}/audio").content == wav.read_bytes()


def test_parts_are_joined_and_the_offset_is_told(client: TestClient, wav: Path) -> None:
    content = wav.read_bytes()
    url = begin(client, len(content))
    assert send(client, url, 0, content[:1_000]) == 204
    look = client.head(url, headers=TUS)
    assert look.headers["upload-offset"] == "1000"
    assert look.headers["upload-length"] == str(len(content))
    assert "upload-expires" in look.headers
    assert send(client, url, 999, content[999:]) == 409
    last = client.patch(url, headers={**PART, "Upload-Offset": "1000"}, content=content[1_000:])
    assert last.status_code == 204
    song = client.get(f"/api/v1/songs/{last.headers['tonmeister-song']}").json()
    assert song["sha256"] == hashlib.sha256(content).hexdigest()


def test_an_upload_outlives_the_service(make_app: Callable[..., FastAPI], tmp_path: Path, wav: Path) -> None:
    content, data = wav.read_bytes(), tmp_path / "data"
    first = TestClient(make_app(data=data), base_url=URL)
    url = begin(first, len(content))
    send(first, url, 0, content[:5_000])
    again = TestClient(make_app(data=data), base_url=URL)
    assert again.head(url, headers=TUS).headers["upload-offset"] == "5000"
    last = again.patch(url, headers={**PART, "Upload-Offset": "5000"}, content=content[5_000:])
    song = again.get(f"/api/v1/songs/{last.headers['tonmeister-song']}").json()
    assert song["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_service_killed_between_record_and_file_ends_it_at_its_start(
    make_app: Callable[..., FastAPI], tmp_path: Path, wav: Path
) -> None:
    data = tmp_path / "data"
    app = make_app(data=data)
    answer = upload(TestClient(app, base_url=URL), wav.read_bytes())
    song = answer.headers["tonmeister-song"]
    number = answer.headers["location"].rpartition("/")[2]
    (placed,) = (data / "songs").iterdir()
    placed.replace(data / "uploads" / number)
    (data / "uploads" / "nobody").write_bytes(b"x")
    again = make_app(data=data)
    again.state.house.uploads.recover()
    assert TestClient(again, base_url=URL).get(f"/api/v1/songs/{song}/audio").content == wav.read_bytes()
    assert list((data / "uploads").iterdir()) == []


@pytest.mark.parametrize("name", ["sha1", "sha256", "md5"])
def test_a_wrong_checksum_leaves_nothing(client: TestClient, wav: Path, name: str) -> None:
    content = wav.read_bytes()
    right = base64.b64encode(hashlib.new(name, content[:2_000]).digest()).decode()
    url = begin(client, len(content))
    assert send(client, url, 0, content[1:2_001], **{"Upload-Checksum": f"{name} {right}"}) == 460
    assert client.head(url, headers=TUS).headers["upload-offset"] == "0"
    assert send(client, url, 0, content[:2_000], **{"Upload-Checksum": f"{name} {right}"}) == 204
    assert send(client, url, 2_000, b"", **{"Upload-Checksum": "crc32 AAAA"}) == 400


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n.", "not_audio"),
        (b"<script>alert(1)</script>" * 40, "not_audio"),
        (b"", "file_empty"),
    ],
    ids=["pickle", "text", "empty"],
)
def test_what_is_no_audio_is_refused_and_gone(
    client: TestClient, app: FastAPI, content: bytes, code: str
) -> None:
    answer = upload(client, content, "model.th")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    assert problem["detail"].startswith("model.th: ")
    assert str(app.state.house.settings.data) not in answer.text
    assert client.get("/api/v1/songs").json()["items"] == []
    assert list((app.state.house.settings.data / "uploads").iterdir()) == []


def test_a_header_of_44_bytes_that_claims_hours_is_refused(client: TestClient) -> None:
    size = 4 * 44_100 * 3_600 * 5 % 2**32
    riff = struct.pack("<4sI4s", b"RIFF", size, b"WAVE")
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 44_100, 176_400, 4, 16)
    header = riff + layout + struct.pack("<4sI", b"data", size - 36)
    assert len(header) == 44
    answer = upload(client, header)
    assert answer.status_code == 422
    assert answer.json()["code"] in ("no_frames", "not_audio")


def test_songs_that_are_too_long_are_refused(make_app: Callable[..., FastAPI], tmp_path: Path) -> None:
    client = TestClient(make_app(max_duration_s=2), base_url=URL)
    for name, subtype in (("a.flac", "PCM_16"), ("a.ogg", "VORBIS")):
        path = tmp_path / name
        soundfile.write(path, noise(3.0), 44_100, subtype=subtype)
        answer = upload(client, path.read_bytes(), name)
        assert (answer.status_code, answer.json()["code"]) == (422, "too_long")


def test_more_than_was_announced_is_refused(client: TestClient, wav: Path) -> None:
    content = wav.read_bytes()
    url = begin(client, 100)
    assert send(client, url, 0, content[:200]) == 413
    assert client.head(url, headers=TUS).headers["upload-offset"] == "0"

    def chunks() -> object:
        yield content[:60]
        yield content[60:120]

    answer = client.patch(url, headers={**PART, "Upload-Offset": "0"}, content=chunks())  # type: ignore[arg-type]
    assert answer.status_code == 413


def test_size_number_and_quota_have_limits(
    make_app: Callable[..., FastAPI], wav: Path, tmp_path: Path
) -> None:
    client = TestClient(make_app(max_upload_mb=1, max_songs=2, quota_mb=2), base_url=URL)
    too_large = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": "1000001"})
    assert (too_large.status_code, too_large.headers["tus-max-size"]) == (413, "1000000")
    begin(client, 1_000_000)
    begin(client, 900_000)
    answer = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": "10"})
    assert (answer.status_code, answer.json()["code"]) == (403, "too_many_songs")
    client = TestClient(make_app(max_upload_mb=1, quota_mb=1), base_url=URL)
    begin(client, 900_000)
    answer = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": "200000"})
    assert (answer.status_code, answer.json()["code"]) == (403, "quota")


def test_a_disk_without_room_is_said_before_anything_is_sent(make_app: Callable[..., FastAPI]) -> None:
    client = TestClient(make_app(min_free_mb=1_048_576 // 2, max_upload_mb=1_000), base_url=URL)
    answer = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": "1000"})
    if answer.status_code == 201:
        pytest.skip("this disk has more than 0.5 TB free")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert client.get("/readyz").status_code == 503


_NAMES = (
    "../../etc/passwd",
    "..\\..\\evil.wav",
    "/abs/song.wav",
    "a\x00b\x1b[2Jc.wav",
    "",
    "x" * 2_000,
    "con",
    "…",
)


def test_names_are_texts_and_never_paths(client: TestClient, app: FastAPI, tmp_path: Path) -> None:
    for number, name in enumerate(_NAMES):
        path = tmp_path / "tone.wav"
        soundfile.write(path, noise(0.5, seed=number), 44_100)
        answer = upload(client, path.read_bytes(), name)
        assert answer.status_code == 201
        song = client.get(f"/api/v1/songs/{answer.headers['tonmeister-song']}").json()
        assert song["name"]
        assert len(song["name"]) <= 120
        assert not set(song["name"]) & set("/\\\x00\x1b")
        assert (app.state.house.settings.data / "songs" / f"{song['id']}.wav").is_file()
        kept = client.get(f"/api/v1/songs/{song['id']}/audio")
        assert "\n" not in kept.headers["content-disposition"]
    assert len(list((app.state.house.settings.data / "songs").iterdir())) == len(_NAMES)


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Length": "-1"},
        {"Upload-Length": "many"},
        {"Upload-Length": str(2**70)},
        {},
        {"Upload-Length": "10", "Upload-Metadata": "filename ***"},
        {"Upload-Length": "10", "Upload-Checksum": "sha1 ???"},
        {"Upload-Length": "10", "Tus-Resumable": "0.2.2"},
    ],
)
def test_headers_that_make_no_sense_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/uploads", headers=headers)
    assert answer.status_code in (400, 412, 413, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_upload_can_be_given_up_and_expires(make_app: Callable[..., FastAPI]) -> None:
    client = TestClient(make_app(), base_url=URL)
    url = begin(client, 1_000)
    assert client.delete(url, headers=TUS).status_code == 204
    assert client.head(url, headers=TUS).status_code == 404
    app = make_app(upload_expiry_h=0.0)
    client = TestClient(app, base_url=URL)
    url = begin(client, 1_000)
    assert client.head(url, headers=TUS).status_code == 404
    assert app.state.house.uploads.expire() == 1
    assert list((app.state.house.settings.data / "uploads").iterdir()) == []


def test_tus_says_what_it_can(client: TestClient) -> None:
    answer = client.options("/api/v1/uploads")
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) >= {
        "creation",
        "checksum",
        "termination",
        "expiration",
    }


async def _crawling() -> AsyncIterator[bytes]:
    yield b"RI"
    await asyncio.sleep(60.0)
    yield b"FF"


def test_an_upload_that_stands_still_is_ended_and_kept(app: FastAPI, tmp_path: Path) -> None:
    house = app.state.house
    settings = Settings(data=tmp_path, upload_idle_s=0.1)
    uploads = Uploads(
        house.records, house.songs, house.settings.data / "uploads", settings, house.uploads._room
    )
    upload = uploads.create(LOCAL, "slow.wav", 100)
    with pytest.raises(Problem, match="nothing arrived") as caught:
        asyncio.run(uploads.receive(upload, _crawling()))
    assert caught.value.status == 408
    assert uploads.offset_bytes(upload) == 2


def test_nobody_else_may_add_meanwhile(app: FastAPI) -> None:
    uploads = app.state.house.uploads
    upload = uploads.create(LOCAL, "song.wav", 100)
    with uploads.receiving(upload), pytest.raises(Problem) as caught, uploads.receiving(upload):
        pass
    assert caught.value.status == 423


def test_only_so_many_are_received_at_a_time(make_app: Callable[..., FastAPI]) -> None:
    uploads = make_app(concurrent_uploads=1).state.house.uploads
    first, second = (uploads.create(LOCAL, "song.wav", 100) for _ in range(2))
    with uploads.receiving(first), pytest.raises(Problem) as caught, uploads.receiving(second):
        pass
    assert caught.value.status == 429


def test_the_same_content_is_the_same_song(client: TestClient, app: FastAPI, wav: Path) -> None:
    first, second = (upload(client, wav.read_bytes(), name) for name in ("a.wav", "b.wav"))
    assert first.headers["tonmeister-song"] == second.headers["tonmeister-song"]
    assert len(client.get("/api/v1/songs").json()["items"]) == 1
    assert len(list((app.state.house.settings.data / "songs").iterdir())) == 1
