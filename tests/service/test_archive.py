"""Archives: the very files, sane and unique names, a known length, ranges, and no end to their size."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from mastering.service.archive import Archive, Entry, archive_answer
from mastering.service.problems import Problem
from tests.service.conftest import noise, upload
from tests.service.live import Live


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that does its work."""
    with (
        Live(tmp_path_factory.mktemp("archives")) as live,
        httpx.Client(base_url=live.url, timeout=30.0) as client,
    ):
        yield client


def done(client: httpx.Client, body: dict[str, object]) -> dict[str, object]:
    """A job once it has ended."""
    job = client.post("/api/v1/jobs", json=body).json()
    for _ in range(600):
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
        if job["state"] in ("done", "failed"):
            break
        time.sleep(0.1)
    return dict(job)


def test_a_batch_is_one_archive_of_the_very_files(service: httpx.Client, tmp_path: Path) -> None:
    songs = []
    for number, name in enumerate(["Tide.wav", "../Tide.wav", "Fähre 1.2.wav"]):
        soundfile.write(tmp_path / "song.wav", noise(0.6, seed=number), 44_100)
        content = (tmp_path / "song.wav").read_bytes()
        songs.append(upload(service, content, name).headers["tonmeister-song"])
    batch = done(service, {"kind": "batch", "songs": songs})
    assert batch["state"] == "done"
    where = f"/api/v1/jobs/{batch['id']}/archive.zip"
    answer = service.get(where, params={"role": ["master", "recipe"]})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''Tide%20and%202%20more.zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.namelist() == [
            *("Tide.master.wav", "Tide.master.recipe.json"),
            *("Tide (2).master.wav", "Tide (2).master.recipe.json"),
            *("Fähre 1.2.master.wav", "Fähre 1.2.master.recipe.json"),
        ]
        for job, name in zip(batch["jobs"], archive.namelist()[::2], strict=True):  # type: ignore[call-overload]
            assert archive.read(name) == service.get(f"/api/v1/jobs/{job}/results/master.wav").content

    tag = answer.headers["etag"]
    rest = service.get(
        where, params={"role": ["master", "recipe"]}, headers={"Range": "bytes=1000-", "If-Range": tag}
    )
    assert (rest.status_code, rest.content) == (206, answer.content[1000:]), "a broken download goes on"
    assert rest.headers["content-range"] == f"bytes 1000-{len(answer.content) - 1}/{len(answer.content)}"
    assert (
        service.get(where, headers={"If-None-Match": service.get(where).headers["etag"]}).status_code == 304
    )
    assert len(zipfile.ZipFile(io.BytesIO(service.get(where).content)).namelist()) == 9

    link = service.post("/api/v1/shares", json={"job": batch["jobs"][1]}).json()["token"]  # type: ignore[index]
    shared = f"/api/v1/shared/{link}/jobs/{batch['jobs'][1]}/archive.zip"  # type: ignore[index]
    seen = service.get(shared, headers={"Range": "bytes=0-3"})
    assert (seen.status_code, seen.content) == (206, b"PK\3\4")
    assert service.get(shared.replace(batch["jobs"][1], batch["jobs"][0])).status_code == 404  # type: ignore[index]


def test_what_is_not_there_is_said(client: TestClient, app: FastAPI, song: str) -> None:
    job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    assert client.get(f"/api/v1/jobs/{job}/archive.zip").json()["code"] == "result_unknown"
    assert client.get(f"/api/v1/jobs/{job}/archive.zip?role=passwords").status_code == 422
    assert client.get(f"/api/v1/jobs/{'0' * 24}/archive.zip").json()["code"] == "job_unknown"


def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as stream:
        stream.truncate(5 * 2**30)  # nothing but a hole
    archive = Archive([Entry(path=path, name="long.wav", sha256="0")])
    assert archive.size_bytes > 5 * 2**30
    head = b"".join(archive.chunks(0, 100))
    assert head[38:40] == b"\1\0", "its header has the zip64 sizes"


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("bytes=2-4", (2, 5)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=0-99", (0, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=4-2", (0, 10)),
        ("bytes=1-2,4-5", (0, 10)),
        ("lines=1-2", (0, 10)),
    ],
)
def test_ranges(wanted: str, span: tuple[int, int]) -> None:
    answer = archive_answer(_asking(wanted), _Ten(), "ten.zip")  # type: ignore[arg-type]
    assert answer.headers["content-length"] == str(span[1] - span[0])
    assert answer.status_code == (
        200 if span == (0, 10) and wanted not in ("bytes=0-99", "bytes=-99") else 206
    )


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_behind_the_end(wanted: str) -> None:
    with pytest.raises(Problem) as caught:
        archive_answer(_asking(wanted), _Ten(), "ten.zip")  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.headers) == (416, {"Content-Range": "bytes */10"})


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        Archive([Entry(path=tmp_path / "none", name="master.wav", sha256="0")])
    assert caught.value.code == "file_gone"


class _Ten:
    """An archive of ten bytes."""

    size_bytes, tag = 10, "ten"

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Some of them."""
        yield b"0123456789"[start:end]


def _asking(wanted: str) -> Request:
    return Request({"type": "http", "headers": [(b"range", wanted.encode())]})
