"""A whole service: songs in, masters, stems and mixes out, through the client that ships."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

import mastering.client
from mastering.client import Job, ServiceError, Song, Tonmeister
from tests.service.conftest import noise
from tests.service.live import Live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("live"), "--log", "json") as server:
        yield server


@pytest.fixture(scope="module")
def desk(live: Live) -> Iterator[Tonmeister]:
    with Tonmeister(live.url) as client:
        yield client


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """song.wav, other.flac and reference.wav, a few seconds each."""
    folder = tmp_path_factory.mktemp("music")
    soundfile.write(folder / "song.wav", noise(3.0, seed=1), 44_100, subtype="PCM_16")
    soundfile.write(folder / "other.flac", noise(2.5, seed=2), 48_000, subtype="PCM_24")
    soundfile.write(folder / "reference.wav", 2.0 * noise(3.0, seed=3), 44_100, subtype="PCM_24")
    return folder


@pytest.fixture(scope="module")
def song(desk: Tonmeister, files: Path) -> Song:
    return desk.upload(files / "song.wav")


@pytest.fixture(scope="module")
def mastered(desk: Tonmeister, song: Song) -> Job:
    """Mastered to the default style."""
    return desk.wait(desk.master(song), timeout_s=120.0)


def test_a_download_is_the_command_lines_file_bit_for_bit(
    desk: Tonmeister, song: Song, files: Path, tmp_path: Path
) -> None:
    reference = desk.upload(files / "reference.wav")
    job = desk.master(song, references=[reference], amount_percent=60.0, container="flac", bit_depth=16)
    job = desk.wait(job, timeout_s=120.0)
    assert job.state == "done", job.error
    (path,) = desk.download(job, tmp_path / "served")
    own = tmp_path / "own.flac"
    command = [sys.executable, "-m", "mastering.cli", "master", str(files / "song.wav"), "-o", str(own), "-q"]
    command += ["-r", str(files / "reference.wav"), "--amount", "60", "--bit-depth", "16"]
    subprocess.run(command, check=True, timeout=120.0)
    assert path.name == "master.flac"
    assert path.read_bytes() == own.read_bytes()
    recipe = json.loads((tmp_path / "own.recipe.json").read_text("utf-8"))
    assert desk.recipe(job) == recipe


def test_what_is_told_of_a_job(desk: Tonmeister, live: Live, song: Song, mastered: Job) -> None:
    assert mastered.state == "done", mastered.error
    assert [result.role for result in mastered.results] == ["master", "recipe", "report"]
    master = mastered.results[0]
    assert (master.song, master.duration_s, master.sample_rate_hz) == (song.id, 3.0, 44_100)
    assert mastered.summary is not None
    assert mastered.summary["after"]["integrated_lufs"] == pytest.approx(-14.0, abs=0.2)
    assert {check["name"] for check in mastered.checks} >= {"integrated_lufs", "true_peak_dbtp"}
    report = desk.report(mastered)
    assert report["results"][0]["input"] == "song.wav"
    data = str(live.folder)
    assert data not in json.dumps(report)
    page = httpx.get(f"{live.url}/api/v1/jobs/{mastered.id}/report.html")
    assert "song.wav" in page.text
    assert data not in page.text
    assert song.id not in page.text + json.dumps(report)
    assert "sandbox" in page.headers["content-security-policy"]
    reduction = httpx.get(f"{live.url}/api/v1/jobs/{mastered.id}/gain-reduction", timeout=60.0).json()
    assert len(reduction["limiter_db"]) == 30
    assert max(reduction["limiter_db"]) <= 0.0


def test_results_are_served_by_range_and_under_the_songs_name(live: Live, mastered: Job) -> None:
    url = f"{live.url}{mastered.results[0].url}"
    whole = httpx.get(url)
    part = httpx.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert "song.master.wav" in whole.headers["content-disposition"]
    unchanged = httpx.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert unchanged.status_code in (200, 304)


def test_a_preview_of_a_job_and_its_render(
    desk: Tonmeister, song: Song, mastered: Job, tmp_path: Path
) -> None:
    recipe = desk.adjust(mastered, amount_percent=50.0, integrated_lufs=-18.0)
    wav = desk.preview(mastered, start_s=1.0, duration_s=1.0, amount_percent=50.0, integrated_lufs=-18.0)
    rendered = desk.wait(desk.apply(song, recipe, container="wav", bit_depth=32), timeout_s=120.0)
    (path,) = desk.download(rendered, tmp_path)
    whole, rate = soundfile.read(path, dtype="float32")
    (tmp_path / "preview.wav").write_bytes(wav)
    assert (soundfile.read(tmp_path / "preview.wav", dtype="float32")[0] == whole[rate : 2 * rate]).all()
    assert rendered.summary is not None
    assert rendered.summary["after"]["integrated_lufs"] == pytest.approx(-18.0, abs=0.2)


def test_an_album_and_a_batch(desk: Tonmeister, song: Song, files: Path, tmp_path: Path) -> None:
    other = desk.upload(files / "other.flac")
    album = desk.album([song, other], style="warm", container="flac")
    batch = desk.batch([song, other], style="warm")
    album, batch = desk.wait(album, timeout_s=120.0), desk.wait(batch, timeout_s=120.0)
    assert (album.state, batch.state) == ("done", "done"), (album.error, batch.error)
    masters = [result for result in album.results if result.role == "master"]
    assert [(master.name, master.song) for master in masters] == [("01.flac", song.id), ("02.flac", other.id)]
    assert album.summary is not None
    assert [each["song"] for each in album.summary["songs"]] == [song.id, other.id]
    assert len(desk.download(album, tmp_path)) == 2
    assert {result.song for result in batch.results} == {song.id, other.id}
    assert len(batch.jobs) == 2


def test_stems_and_a_remix(desk: Tonmeister, files: Path, tmp_path: Path) -> None:
    song = desk.upload(files / "other.flac")
    stems = desk.wait(desk.stems(song, model="draft", container="flac"), timeout_s=240.0)
    assert stems.state == "done", stems.error
    assert {result.stem for result in stems.results} == {"vocals", "drums", "bass", "other"}
    assert len(desk.download(stems, tmp_path)) == 4
    mix = desk.wait(desk.remix(song, {"vocals": {"mute": True}}, model="draft"), timeout_s=240.0)
    assert mix.state == "done", mix.error
    assert {result.role for result in mix.results} == {"mix", "recipe"}


def test_events_are_resumed_by_their_number(live: Live, desk: Tonmeister, song: Song) -> None:
    job = desk.master(song, amount_percent=10.0)
    seen: list[tuple[int, dict[str, Any]]] = []
    with httpx.stream("GET", f"{live.url}/api/v1/jobs/{job.id}/events", timeout=60.0) as stream:
        number = 0
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = int(value)
            elif name == "data":
                seen.append((number, json.loads(value)))
    numbers = [number for number, _ in seen]
    assert numbers == sorted(set(numbers))
    assert (seen[-1][1]["state"], len(seen[-1][1]["results"])) == ("done", 3)
    assert "results" not in seen[0][1] or seen[0][1]["state"] == "done"
    last = {"Last-Event-ID": str(numbers[-1] - 1)}
    with httpx.stream("GET", f"{live.url}/api/v1/jobs/{job.id}/events", headers=last, timeout=60.0) as stream:
        again = [line for line in stream.iter_lines() if line.startswith("id: ")]
    assert again == [f"id: {numbers[-1] - 1}", f"id: {numbers[-1]}"], "where it begins, and the one event"


def test_all_events_come_by_one_stream(live: Live, desk: Tonmeister, song: Song) -> None:
    seen: set[str] = set()
    done, listening = threading.Event(), threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{live.url}/api/v1/events", timeout=60.0) as stream:
            for line in stream.iter_lines():
                listening.set()
                if line.startswith("data: ") and json.loads(line[6:])["state"] == "done":
                    seen.add(json.loads(line[6:])["id"])
                    done.set()
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(60.0)
    job = desk.wait(desk.master(song, amount_percent=20.0), timeout_s=120.0)
    assert done.wait(30.0)
    assert seen == {job.id}


def test_the_client_says_what_the_service_said(desk: Tonmeister, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("la la la", "utf-8")
    with pytest.raises(ServiceError, match=r"notes\.wav: ") as caught:
        desk.upload(path)
    assert (caught.value.status, caught.value.code) == (422, "not_audio")
    with pytest.raises(ServiceError) as caught:
        desk.job("0" * 24)
    assert (caught.value.status, caught.value.code, caught.value.field) == (404, "job_unknown", "job")


def test_the_example_works(
    live: Live,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The one of the client's own description, and of the README where that has it."""
    described = (mastering.client.__doc__ or "").partition("Example:\n")[2].partition("\nvalues")[0]
    readme = Path(__file__).resolve().parents[2] / "README.md"
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
    examples = [textwrap.dedent(described), *(block for block in blocks if "mastering.client" in block)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.wav").write_bytes((files / "song.wav").read_bytes())
    for example in examples:
        exec(compile(example.replace("http://127.0.0.1:8440", live.url), "example", "exec"), {})
        assert capsys.readouterr().out.startswith("done -")
        assert (tmp_path / "masters" / "master.flac").stat().st_size > 0


def test_logs_are_json_and_name_the_job(live: Live, mastered: Job) -> None:
    lines = [json.loads(line) for line in live.log.splitlines() if line.startswith("{")]
    assert any(line.get("job") == mastered.id and line["message"] == "job done" for line in lines)
    assert not [line for line in lines if line["level"] == "error"]


def test_a_folder_has_one_service(live: Live) -> None:
    command = [sys.executable, "-m", "mastering.cli", "serve", "--port", "0"]
    second = subprocess.run(
        [*command, "--data", str(live.folder / "data")], capture_output=True, text=True, timeout=60.0
    )
    assert (second.returncode, "another service runs on this folder" in second.stderr) == (3, True)


def test_the_pages_own_files_are_served(live: Live) -> None:
    page = httpx.get(live.url)
    assert page.status_code == 200
    for path in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text):
        asset = httpx.get(f"{live.url}{path}", headers={"Accept-Encoding": "gzip"})
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    server = Live(tmp_path)
    with server:
        with httpx.stream("GET", f"{server.url}/api/v1/events", timeout=60.0) as stream:
            assert next(stream.iter_lines()) == "retry: 2000"
            assert server.end(signal.SIGTERM) == 0
        assert "Traceback" not in server.log


def test_a_cluster_does_the_same(mastered: Job, files: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with Live(tmp_path, "--executor", "ray") as other, Tonmeister(other.url) as client:
        job = client.wait(client.master(client.upload(files / "song.wav")), timeout_s=180.0)
        assert job.state == "done", job.error
        assert job.results[0].sha256 == mastered.results[0].sha256
