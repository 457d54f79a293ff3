"""Each method of the client, as the service understands it; jobs are not waited for."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import soundfile

from mastering.client import Job, ServiceError, Song, Tonmeister
from tests.service.conftest import noise
from tests.service.live import Live


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tonmeister]:
    with Live(tmp_path_factory.mktemp("calls")) as live, Tonmeister(live.url) as client:
        yield client


@pytest.fixture(scope="module")
def songs(desk: Tonmeister, tmp_path_factory: pytest.TempPathFactory) -> list[Song]:
    folder = tmp_path_factory.mktemp("music")
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", noise(1.0, seed=number), 44_100)
    return [desk.upload(folder / f"{number}.wav", name=f"song {number}.wav") for number in range(2)]


def test_the_same_key_gives_the_same_job(desk: Tonmeister, songs: list[Song]) -> None:
    key = os.urandom(8).hex()
    made = desk.master(songs[0], style="warm", idempotency_key=key)
    assert desk.master(songs[0], style="warm", idempotency_key=key).id == made.id
    with pytest.raises(ServiceError) as caught:
        desk.master(songs[1], style="warm", idempotency_key=key)
    assert caught.value.status == 409


def test_every_kind_can_be_asked_for(desk: Tonmeister, songs: list[Song]) -> None:
    first = desk.master(songs[0], references=[songs[1]], amount_percent=50.0, only=["tone"], bit_depth=16)
    recipe = {"name": "mine", "steps": []}
    jobs = [
        first,
        desk.album(songs, style="balanced", container="flac", idempotency_key="an album"),
        desk.batch(songs, target="spotify", refine_steps=0, idempotency_key="a batch"),
        desk.apply(songs[0], recipe, container="flac", bit_depth=24, idempotency_key="a recipe"),
        desk.stems(songs[0], model="draft", two_stems="vocals", idempotency_key="stems"),
        desk.remix(songs[0], {"vocals": {"gain_db": -3.0, "pan": 10.0}}, model="draft"),
    ]
    assert [job.kind for job in jobs] == ["master", "album", "batch", "apply", "stems", "remix"]
    assert first.references == (songs[1].id,)
    assert len(jobs[2].jobs) == 2
    known = {job.id for job in desk.jobs()}
    assert known >= {job.id for job in jobs}
    assert {job.kind for job in desk.jobs(kinds=["album", "batch"])} == {"album", "batch"}
    for job in jobs:
        desk.cancel(job)
    assert desk.wait(jobs[1], timeout_s=60.0).ended


def test_a_webhook_goes_with_a_job(desk: Tonmeister, songs: list[Song]) -> None:
    """Without a secret the service sends none, and says so."""
    with pytest.raises(ServiceError) as caught:
        desk.stems(songs[0], webhook="https://studio.example.org/hooks")
    assert (caught.value.status, caught.value.field) == (422, "webhook")


def test_a_song_is_seen(desk: Tonmeister, songs: list[Song]) -> None:
    assert {song.id for song in desk.songs()} >= {song.id for song in songs}
    peaks = desk.peaks(songs[0], points=10)
    assert [len(channel) for channel in peaks["channels"]] == [20, 20]
    levels = desk.spectrogram(songs[0], columns=30)
    assert (levels.rows, levels.columns, len(levels.levels)) == (96, 30, 96 * 30)
    assert (levels.lowest_hz, levels.highest_hz, levels.duration_s) == (30.0, 20_000.0, 1.0)
    assert levels.floor_db < levels.ceiling_db < 0.0
    analysis = desk.analysis(songs[0])
    assert len(analysis["spectrum"]["mid_db"]) == len(analysis["spectrum"]["frequencies_hz"])
    assert analysis["short_term"]["first_s"] == 3.0


def test_what_a_job_has_written_is_seen_and_shared(desk: Tonmeister, songs: list[Song]) -> None:
    job = desk.wait(desk.master(songs[0], ceiling_dbtp=-3.0), timeout_s=120.0)
    assert job.state == "done", job.error
    assert job.summary is not None
    assert (job.summary["after"]["true_peak_dbtp"] or 0.0) < -2.9
    assert all(check["passed"] for check in job.checks if check["name"] == "true_peak_dbtp")
    master = job.results[0]
    assert len(desk.result_peaks(master, points=5)["channels"][0]) == 10
    assert desk.result_spectrogram(master, columns=5).columns == 5
    assert desk.result_analysis(master)["true_peak_dbtp"] == job.summary["after"]["true_peak_dbtp"]
    assert max(desk.gain_reduction(job, song=songs[0])["limiter_db"]) <= 0.0
    link = desk.share(job)
    assert link.url.endswith(f"/s/{link.token}")
    assert link.expires_at > job.created_at
    desk.unshare(link.url)
    with pytest.raises(ServiceError) as caught:
        desk.unshare(link)
    assert caught.value.status == 404


def test_recipes_are_read_compared_and_heard(desk: Tonmeister, songs: list[Song]) -> None:
    chain = {"name": "mine", "limiter": {"ceiling_dbtp": -1.0}}
    validated = desk.validate(chain)
    assert any("ceiling" in sentence for sentence in validated["sentences"])
    other = desk.adjust(validated["recipe"], ceiling_dbtp=-2.0, tone=[{"frequency_hz": 90.0, "gain_db": 1.0}])
    changed = {change["path"]: change["after"] for change in desk.diff(chain, other)}
    assert changed["chain.limiter.ceiling_dbtp"] == -2.0
    wav = desk.preview(other, song=songs[0], start_s=0.2, duration_s=0.5)
    assert wav.startswith(b"RIFF")
    with pytest.raises(ServiceError, match="recipe: "):
        desk.validate({"nonsense": 1})


def test_plug_ins_are_allowed_by_name(desk: Tonmeister) -> None:
    assert all(not item["allowed"] for item in desk.plugins())
    for ask in (desk.plugin, desk.allow_plugin):
        with pytest.raises(ServiceError) as caught:
            ask("No such plug-in?")
        assert (caught.value.status, caught.value.code) == (404, "plugin_not_found")
    desk.forbid_plugin("No such plug-in?")


def test_all_jobs_are_heard_of(desk: Tonmeister, songs: list[Song]) -> None:
    """From the moment on at which the stream is open; other tests' jobs may be among them."""
    listening, made = threading.Event(), Future[Job]()

    def listen() -> list[Job]:
        heard = []
        with Tonmeister(str(desk._transport.http.base_url)) as ears:
            ears._transport.http.event_hooks = {"response": [lambda _: listening.set()]}
            for job in ears.changes():
                heard += [job] if job.id == made.result(60.0).id else []
                if heard and heard[-1].ended:
                    break
        return heard

    with ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(listen)
        assert listening.wait(60.0)
        made.set_result(desk.master(songs[1], amount_percent=15.0))
        heard = hearing.result(120.0)
    assert heard[-1].state == "done"
    assert heard[-1].results, "they come with its end"


def test_a_song_and_a_job_are_deleted(desk: Tonmeister, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "gone.wav", noise(0.5, seed=9), 44_100)
    song = desk.upload(tmp_path / "gone.wav")
    job = desk.cancel(desk.stems(song, model="draft"))
    assert desk.wait(job, timeout_s=60.0).state == "cancelled"
    desk.delete_job(job)
    desk.delete_song(song)
    with pytest.raises(ServiceError, match="there is no song"):
        desk.song(song)
