"""The client where the network is not as it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mastering.client import ServiceError, Tonmeister

_CONTENT = bytes(range(256)) * 40
_JOB = {
    "id": "5f0c1d2e3b4a59687786a5b4",
    "kind": "master",
    "label": "song.wav",
    "state": "done",
    "unknown_to_this_version": 1,
    "results": [
        {
            "name": "master.wav",
            "url": "/api/v1/jobs/5f0c/results/master.wav",
            "role": "master",
            "size_bytes": len(_CONTENT),
            "sha256": hashlib.sha256(_CONTENT).hexdigest(),
            "media_type": "audio/wav",
        }
    ],
}

_SONG = {
    "name": "song.wav",
    "sha256": "0",
    "size_bytes": 1,
    "container": "wav",
    "duration_s": 1.0,
    "sample_rate_hz": 44_100,
    "channels": 2,
    "uploaded_at": "2026-01-01T00:00:00Z",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting takes no time, and is noted."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def desk(answer: Callable[[httpx.Request], httpx.Response]) -> Tonmeister:
    made = Tonmeister("http://desk.test", key="tm_x")
    made._transport.http = httpx.Client(
        transport=httpx.MockTransport(answer),
        base_url="http://desk.test",
        headers=made._transport.http.headers,
    )
    return made


class _Breaking(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("the connection broke")


def test_a_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("master.wav"):
            return httpx.Response(200, json=_JOB)
        asked.append(request.headers.get("range"))
        if len(asked) == 1:
            return httpx.Response(200, stream=_Breaking(_CONTENT[:4_000]))
        assert request.headers["if-range"] == f'"{_JOB["results"][0]["sha256"]}"'  # type: ignore[index]
        return httpx.Response(206, content=_CONTENT[4_000:])

    with desk(answer) as client:
        (path,) = client.download("5f0c", tmp_path)
    assert asked == [None, "bytes=4000-"]
    assert path.read_bytes() == _CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["master.wav"]


def test_a_download_that_broke_too_often_goes_on_another_time(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("master.wav"):
            return httpx.Response(200, json=_JOB)
        asked.append(request.headers.get("range"))
        if len(asked) <= 10:
            return httpx.Response(
                206 if asked[-1] else 200, stream=_Breaking(b"" if asked[-1] else _CONTENT[:9])
            )
        return httpx.Response(206, content=_CONTENT[9:])

    with desk(answer) as client:
        with pytest.raises(ServiceError, match="broke 10 times") as caught:
            client.download("5f0c", tmp_path)
        assert caught.value.code == "unreachable"
        (path,) = client.download("5f0c", tmp_path)
    assert (path.read_bytes(), asked[-1]) == (_CONTENT, "bytes=9-")


def test_what_arrives_damaged_is_not_kept(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("master.wav"):
            return httpx.Response(200, content=_CONTENT[::-1])
        return httpx.Response(200, json=_JOB)

    with desk(answer) as client, pytest.raises(ServiceError, match="damaged"):
        client.download("5f0c", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_comes_back_when_it_is_asked_to(impatient: list[float]) -> None:
    answers = iter([429, 503, 200])

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer tm_x"
        status = next(answers)
        return httpx.Response(status, json=_JOB, headers={"Retry-After": "7"} if status != 200 else {})

    with desk(answer) as client:
        job = client.job("5f0c")
    assert (job.state, job.results[0].name) == ("done", "master.wav")
    assert impatient == [7.0, 7.0]


def test_a_service_that_is_not_there_is_one_sentence() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with desk(answer) as client, pytest.raises(ServiceError, match="cannot be reached") as caught:
        client.about()
    assert (caught.value.code, caught.value.status) == ("unreachable", 0)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "song.wav", tmp_path):
        with Tonmeister("http://127.0.0.1:9") as client, pytest.raises(ServiceError) as caught:
            client.upload(path)
        assert (caught.value.code, caught.value.message) == ("file_missing", f"{path}: there is no such file")


def test_events_are_taken_up_again() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        running = (
            'id: 4\nevent: job\ndata: {"id": "a", "kind": "master", "label": "x", "state": "running"}\n\n'
        )
        if len(asked) == 1:
            return httpx.Response(200, stream=_Breaking(running.encode()))
        return httpx.Response(200, text=running.replace("id: 4", "id: 5").replace("running", "done"))

    with desk(answer) as client:
        states = [job.state for job in client.events("5f0c")]
    assert states == ["running", "done"]
    assert asked == [None, "4"]


def told(state: str) -> str:
    """An event of job "a"."""
    return f'event: job\ndata: {{"id": "a", "kind": "master", "label": "x", "state": "{state}"}}\n\n'


def test_a_stream_that_breaks_before_its_first_event_goes_on_where_it_began() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) < 3:
            return httpx.Response(200, stream=_Breaking(b"retry: 2000\nid: 6\n\n: ping\n\n"))
        return httpx.Response(200, text="retry: 2000\nid: 6\n\nid: 7\n" + told("done"))

    with desk(answer) as client:
        assert next(client.changes()).state == "done"
    assert asked == [None, "6", "6"]


def test_an_event_that_did_not_arrive_whole_is_asked_for_again() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 1:
            return httpx.Response(200, stream=_Breaking(b"id: 6\n\nid: 7\nevent: job\n"))
        return httpx.Response(200, text="id: 7\n" + told("done"))

    with desk(answer) as client:
        assert [job.state for job in client.events("5f0c")] == ["done"]
    assert asked == [None, "6"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_events_wait_for_a_service_that_is_starting(status: int, impatient: list[float]) -> None:
    answers = iter([status, status, 200])

    def answer(_: httpx.Request) -> httpx.Response:
        now = next(answers)
        if now == 200:
            return httpx.Response(200, text="id: 7\n" + told("done"))
        return httpx.Response(now, text="<html>not yet</html>", headers={"Retry-After": "3"})

    with desk(answer) as client:
        assert [job.state for job in client.events("5f0c")] == ["done"]
    assert impatient == [3.0, 3.0]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_events_that_are_refused_are_not_asked_for_again(status: int, impatient: list[float]) -> None:
    refusing = desk(lambda _: httpx.Response(status, json={"detail": "no"}))
    with refusing as client, pytest.raises(ServiceError, match="no"):
        next(client.events("5f0c"))
    assert impatient == []


def test_a_service_that_stays_away_is_given_up(impatient: list[float]) -> None:
    away = desk(lambda _: httpx.Response(502))
    with away as client, pytest.raises(ServiceError, match="stays away") as caught:
        next(client.events("5f0c"))
    assert caught.value.code == "unreachable"
    assert 30.0 < sum(impatient) < 120.0


def test_a_download_waits_for_a_service_that_is_starting(tmp_path: Path, impatient: list[float]) -> None:
    answers = iter([502, 503, 206])

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("master.wav"):
            return httpx.Response(200, json=_JOB)
        now = next(answers)
        return httpx.Response(now, content=_CONTENT if now == 206 else b"", headers={"Retry-After": "4"})

    with desk(answer) as client:
        (path,) = client.download("5f0c", tmp_path)
    assert path.read_bytes() == _CONTENT
    assert impatient == [4.0, 4.0]


def test_a_file_is_sent_to_a_service_that_is_starting(tmp_path: Path, impatient: list[float]) -> None:
    answers = iter([502, 429, 204])
    (tmp_path / "song.wav").write_bytes(_CONTENT)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"Location": "/api/v1/uploads/1"})
        if request.method == "HEAD":
            return httpx.Response(200, headers={"Upload-Offset": "0"})
        if request.method == "GET":
            return httpx.Response(200, json={**_SONG, "id": request.url.path.rpartition("/")[2]})
        assert request.read() == _CONTENT
        return httpx.Response(next(answers), headers={"Tonmeister-Song": "5a", "Retry-After": "6"})

    with desk(answer) as client:
        assert client.upload(tmp_path / "song.wav").id == "5a"
    assert impatient == [6.0, 6.0]


def test_the_files_of_a_batch_do_not_overwrite_each_other(tmp_path: Path) -> None:
    contents = {"a": b"first" * 100, "b": b"second" * 100, "c": b"third" * 100}
    titles = {"a": "../Ä song.wav", "b": "ä song.flac"}
    results = [
        {
            **_JOB["results"][0],  # type: ignore[index,dict-item]
            "url": f"/api/v1/jobs/{song}/results/master.wav",
            "song": song,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for song, content in contents.items()
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("master.wav"):
            return httpx.Response(200, content=contents[request.url.path.split("/")[4]])
        if "/songs/" in request.url.path:
            song = request.url.path.rpartition("/")[2]
            known = {"id": song, "sha256": "", "size_bytes": 1, "duration_s": 1.0}
            known |= {"sample_rate_hz": 1, "channels": 1}
            return httpx.Response(200 if song in titles else 404, json={**known, "name": titles.get(song)})
        return httpx.Response(200, json={**_JOB, "kind": "batch", "results": results})

    with desk(answer) as client:
        paths = client.download("5f0c", tmp_path / "folder")
    assert [path.name for path in paths] == ["Ä song.master.wav", "ä song (2).master.wav", "c.master.wav"]
    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert {path.parent for path in paths} == {tmp_path / "folder"}
