"""Archives: the very files, sane and unique names, a known length, ranges, and no end to their size."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
import soundfile
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from mastering.service import checksums as service_checksums
from mastering.service.archive import Archive, Entry, archive_answer
from mastering.service.checksums import STEP_BYTES, Checksums
from mastering.service.keys import LOCAL
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


def test_a_batch_is_what_is_left_of_it(client: TestClient, app: FastAPI, song: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "other.wav", noise(0.6, seed=4), 44_100)
    other = upload(client, (tmp_path / "other.wav").read_bytes(), "other.wav").headers["tonmeister-song"]
    batch = client.post("/api/v1/jobs", json={"kind": "batch", "songs": [song, other]}).json()
    for job in batch["jobs"]:
        finish(app, job)
    where = f"/api/v1/jobs/{batch['id']}/archive.zip"
    names = zipfile.ZipFile(io.BytesIO(client.get(where).content)).namelist()
    assert names == ["song.master.wav", "other.master.wav"]
    assert client.delete(f"/api/v1/jobs/{batch['jobs'][0]}").status_code == 204
    names = zipfile.ZipFile(io.BytesIO(client.get(where).content)).namelist()
    assert names == ["other.master.wav"]
    assert client.delete(f"/api/v1/jobs/{batch['jobs'][1]}").status_code == 204
    assert client.get(where).status_code == 404


def test_a_head_has_the_length_and_no_body(client: TestClient, app: FastAPI, song: str) -> None:
    job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    finish(app, job)
    link = client.post("/api/v1/shares", json={"job": job}).json()["token"]
    parts = [f"jobs/{job}/archive.zip", f"jobs/{job}/results/master.wav"]
    paths = [*parts, *(f"shared/{link}/{part}" for part in parts), f"songs/{song}/audio"]
    for path in paths:
        whole, head = (client.request(method, f"/api/v1/{path}") for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("content-length", "etag", "content-disposition", "content-type"):
            assert head.headers[name] == whole.headers[name], path
        assert int(head.headers["content-length"]) == len(whole.content)
    assert client.head(f"/api/v1/{paths[0]}", headers={"Range": "bytes=-9"}).status_code == 200, (
        "RFC 9110, 14.2"
    )


def finish(app: FastAPI, job: str) -> None:
    """End a job with a result, though nobody worked on it."""
    house = app.state.house
    (house.work.folder / job).mkdir()
    (house.work.folder / job / "master.wav").write_bytes(job.encode())
    song = house.work.get(LOCAL, job)["songs"][0]
    result = {
        "name": "master.wav",
        "url": f"/api/v1/jobs/{job}/results/master.wav",
        "role": "master",
        "size_bytes": len(job),
        "sha256": "ab" * 32,
        "media_type": "audio/wav",
        "song": song,
    }
    house.feed.change(job, {"state": "done", "results": [result]}, outcome="{}")


def test_what_is_not_there_is_said(client: TestClient, app: FastAPI, song: str) -> None:
    job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    assert client.get(f"/api/v1/jobs/{job}/archive.zip").json()["code"] == "result_unknown"
    assert client.get(f"/api/v1/jobs/{job}/archive.zip?role=passwords").status_code == 422
    assert client.get(f"/api/v1/jobs/{'0' * 24}/archive.zip").json()["code"] == "job_unknown"


@pytest.fixture
def checksums(tmp_path: Path) -> Iterator[Checksums]:
    made = Checksums(tmp_path / "cache")
    yield made
    made.close()


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    """Two files, of a step and a bit, and of nothing."""
    paths = [tmp_path / "job" / name for name in ("one.wav", "two.wav")]
    paths[0].parent.mkdir()
    for path, content in zip(paths, (bytes(range(256)) * 2_100, b""), strict=True):
        path.write_bytes(content)
    return [Entry(path=path, name=f"Lied ü {path.name}", sha256="0") for path in paths]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each step that was read for a checksum alone."""
    read: list[int] = []
    original = service_checksums._step

    def counting(file: BinaryIO, value: int) -> tuple[bool, int]:
        before = file.tell()
        found = original(file, value)
        read.append(file.tell() - before)
        return found

    monkeypatch.setattr(service_checksums, "_step", counting)
    return read


def part(entries: list[Entry], checksums: Checksums, start: int, end: int | None = None) -> bytes:
    """Some bytes of an archive."""

    async def join() -> bytes:
        archive = Archive(entries, checksums)
        return b"".join([chunk async for chunk in archive.chunks(start, end or archive.size_bytes)])

    return asyncio.run(join())


def test_any_part_is_that_of_the_whole(entries: list[Entry], checksums: Checksums) -> None:
    whole = part(entries, checksums, 0)
    assert len(whole) == Archive(entries, checksums).size_bytes
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [entry.name for entry in entries]
        assert archive.read(entries[0].name) == entries[0].path.read_bytes()
    edges = [0, 1, 29, 60, 524_287, 524_288, 524_289, 537_600, *range(len(whole) - 320, len(whole), 7)]
    for start in edges:
        for end in (start + 1, start + 100, len(whole)):
            assert part(entries, checksums, start, min(end, len(whole))) == whole[start:end], (start, end)


def test_the_end_is_sent_without_reading_what_stands_before(
    entries: list[Entry], checksums: Checksums, steps: list[int]
) -> None:
    whole = part(entries, checksums, 0)
    assert sum(steps) == 0, "checksums are calculated in passing"
    steps.clear()
    assert part(entries, Checksums(checksums._folder), len(whole) - 1) == whole[-1:]
    assert steps == [], "and known, also after a start"
    entries[0].path.write_bytes(b"other")
    other = part(entries, checksums, 0)
    assert zipfile.ZipFile(io.BytesIO(other)).testzip() is None


def test_a_checksum_nobody_knows_is_calculated_once(
    entries: list[Entry], checksums: Checksums, steps: list[int]
) -> None:
    async def many() -> set[bytes]:
        archive = Archive(entries, checksums)
        last = archive.size_bytes - 1

        async def one() -> bytes:
            return b"".join([chunk async for chunk in archive.chunks(last, last + 1)])

        return set(await asyncio.gather(*(one() for _ in range(45))))

    assert asyncio.run(many()) == {b"\0"}
    assert sum(steps) == entries[0].path.stat().st_size
    assert max(steps) <= STEP_BYTES


def test_whoever_goes_away_ends_it(tmp_path: Path, checksums: Checksums, steps: list[int]) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as stream:
        stream.truncate(2**32)
    archive = Archive([Entry(path=path, name="long.wav", sha256="0")], checksums)

    async def leave() -> int:
        asking = asyncio.create_task(anext(archive.chunks(archive.size_bytes - 1, archive.size_bytes)))
        while not steps:
            await asyncio.sleep(0.001)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await checksums.step(int)
        return len(steps)

    read = asyncio.run(leave())
    assert len(steps) <= read + 1, "nothing goes on behind anybody's back"
    assert sum(steps) < 2**32


def test_a_file_that_becomes_shorter_ends_it(entries: list[Entry], checksums: Checksums) -> None:
    async def cut() -> None:
        archive = Archive(entries, checksums)
        entries[0].path.write_bytes(b"short")
        async for _ in archive.chunks(0, archive.size_bytes):
            pass

    with pytest.raises(OSError, match="shorter"):
        asyncio.run(cut())


def test_more_than_four_gigabytes(tmp_path: Path, checksums: Checksums) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as stream:
        stream.truncate(5 * 2**30)  # nothing but a hole
    asyncio.run(checksums.keep(path, 0x1234))
    entries = [Entry(path=path, name=name, sha256="0") for name in ("long.wav", "again.wav")]
    archive = Archive(entries, checksums)
    assert archive.size_bytes > 10 * 2**30
    assert part(entries, checksums, 0, 100)[38:40] == b"\1\0", "its header has the zip64 sizes"
    directory = part(entries, checksums, archive.size_bytes - 400)
    with zipfile.ZipFile(_Far(directory, archive.size_bytes)) as seen:
        infos = seen.infolist()
    assert [(info.file_size, info.CRC) for info in infos] == [(5 * 2**30, 0x1234)] * 2
    assert infos[1].header_offset > 5 * 2**30


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


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ('"ten"', 304),
        ('W/"ten"', 304),
        ("*", 304),
        ('"nine", W/"ten" ,"eleven"', 304),
        ('"nine"', 200),
        ("ten", 200),
    ],
)
def test_what_is_known_is_not_sent_again(named: str, status: int) -> None:
    answer = archive_answer(_asking(named, b"if-none-match"), _Ten(), "ten.zip")  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.headers["etag"] == '"ten"'


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_behind_the_end(wanted: str) -> None:
    with pytest.raises(Problem) as caught:
        archive_answer(_asking(wanted), _Ten(), "ten.zip")  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.headers) == (416, {"Content-Range": "bytes */10"})


def test_a_file_that_is_gone(tmp_path: Path, checksums: Checksums) -> None:
    with pytest.raises(Problem) as caught:
        Archive([Entry(path=tmp_path / "none", name="master.wav", sha256="0")], checksums)
    assert caught.value.code == "file_gone"


class _Ten:
    """An archive of ten bytes."""

    size_bytes, tag = 10, "ten"

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Some of them."""
        yield b"0123456789"[start:end]


class _Far(io.RawIOBase):
    """The end of a file that is too long to be there."""

    def __init__(self, end: bytes, size_bytes: int) -> None:
        super().__init__()
        self._end, self._size_bytes, self._at = end, size_bytes, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._size_bytes)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        first = self._at - (self._size_bytes - len(self._end))
        found = self._end[first:] if size < 0 else self._end[first : first + size]
        self._at += len(found)
        return found


def _asking(wanted: str, name: bytes = b"range") -> Request:
    return Request({"type": "http", "method": "GET", "headers": [(name, wanted.encode())]})
