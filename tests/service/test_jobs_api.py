"""Jobs by HTTP: what is refused before anything is done, what is the same, pages. Nobody works here."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.service.conftest import URL, noise, upload

_EXTERNAL = {
    "kind": "external",
    "plugin": {"id": "VST3-Evil-1", "name": "Evil", "sha256": "ab" * 32},
}


def submit(client: TestClient, **body: Any) -> Any:
    return client.post("/api/v1/jobs", json=body)


def test_a_wish_is_recorded(client: TestClient, song: str) -> None:
    answer = submit(client, kind="master", song=song, style="warm", options={"container": "flac"})
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["kind"], job["label"], job["state"], job["song"]) == ("master", "song.wav", "queued", song)
    assert job["request"]["style"] == "warm"
    assert client.get(f"/api/v1/jobs/{job['id']}").json() == job


def test_the_same_wish_is_the_same_job(client: TestClient, song: str) -> None:
    first = submit(client, kind="master", song=song)
    again = submit(client, kind="master", song=song)
    other = submit(client, kind="master", song=song, options={"amount_percent": 30.0})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]


def test_an_idempotency_key_stands_for_one_wish(client: TestClient, song: str) -> None:
    headers = {"Idempotency-Key": "abc"}
    body = {"kind": "master", "song": song}
    first = client.post("/api/v1/jobs", json=body, headers=headers)
    job = first.json()["id"]
    client.post(f"/api/v1/jobs/{job}/cancel")
    again = client.post("/api/v1/jobs", json=body, headers=headers)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, job, "cancelled")
    answer = client.post("/api/v1/jobs", json={**body, "style": "warm"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key")
    assert submit(client, **body).status_code == 201  # without the key: a cancelled job is no answer


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"style": "/etc/passwd"}, 422, None),
        ({"style": "../styles/warm.toml"}, 422, None),
        ({"target": "warm.toml"}, 422, None),
        ({"references": ["0" * 24]}, 404, "song"),
        ({"references": ["../../x"]}, 422, "body.master.references.0"),
        ({"options": {"amount_percent": 101.0}}, 422, "body.master.options.amount_percent"),
        ({"options": {"amount_percent": "70"}}, 422, "body.master.options.amount_percent"),
        ({"options": {"integrated_lufs": float("1e400")}}, 400, None),
        ({"options": {"amuont_percent": 1.0}}, 422, "body.master.options.amuont_percent"),
        ({"options": {"container": "exe"}}, 422, "body.master.options.container"),
        ({"options": {"container": "mp3", "sample_rate_hz": 96_000}}, 422, None),
        ({"options": {"stems": {}}}, 422, None),
        ({"options": {"inserts": [{"plugin": "ZaMaximX2"}]}}, 403, None),
        ({"options": {"inserts": [{"plugin": "/usr/lib/vst3/x.vst3"}]}}, 403, None),
        ({"webhook": "http://169.254.169.254/"}, 422, "webhook"),
        ({"output": "/tmp/x.wav"}, 422, "body.master.output"),
        ({"kind": "exec"}, 422, "body"),
    ],
)
def test_what_is_not_allowed_is_refused(
    client: TestClient, song: str, change: dict[str, Any], status: int, field: str | None
) -> None:
    import json

    text = json.dumps({"kind": "master", "song": song, **change}).replace("Infinity", "1e400")
    answer = client.post("/api/v1/jobs", content=text, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert answer.status_code == status or (status == 400 and answer.status_code == 422), problem
    assert problem["detail"]
    if field is not None:
        assert problem["field"] in (field, field.removeprefix("body."))
    assert client.get("/api/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "stems", "model": "/etc/passwd"}, "model_unknown"),
        ({"kind": "stems", "model": "evil.th"}, "model_unknown"),
        ({"kind": "stems", "two_stems": "kazoo"}, "unknown_stem"),
        ({"kind": "remix", "stems": {"kazoo": {"mute": True}}}, "unknown_stem"),
        (
            {"kind": "apply", "recipe": {"chain": {"name": "x", "steps": [_EXTERNAL]}, "delivery": {}}},
            "plugin_forbidden",
        ),
        ({"kind": "apply", "recipe": {"chian": {}}}, "preset"),
        ({"kind": "apply", "recipe": {"delivery": {}}}, "preset"),
    ],
)
def test_models_and_plug_ins_are_names_that_are_known(
    client: TestClient, song: str, body: dict[str, Any], code: str
) -> None:
    answer = submit(client, **{"song": song, **body})
    assert answer.status_code in (403, 422)
    assert answer.json()["code"] == code


def test_a_recipe_of_any_depth_is_answered(client: TestClient, song: str) -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"chain": deep}
    assert submit(client, kind="apply", song=song, recipe=deep).status_code == 422
    text = '{"recipe": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}"
    answer = client.post(
        "/api/v1/recipes/validate", content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("recipe", ['{"name": "\\ud800"}', '{"a": [{"\\udfff": 1}]}'])
def test_a_recipe_that_is_no_text_is_refused(client: TestClient, song: str, recipe: str) -> None:
    headers = {"Content-Type": "application/json"}
    body = f'{{"kind": "apply", "song": "{song}", "recipe": {recipe}}}'
    for path, text in (("jobs", body), ("recipes/validate", f'{{"recipe": {recipe}}}')):
        answer = client.post(f"/api/v1/{path}", content=text, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
        assert "no Unicode" in answer.json()["detail"]


def test_lists_come_in_pages(client: TestClient, song: str) -> None:
    made = [
        submit(client, kind="master", song=song, options={"amount_percent": float(n)}).json()["id"]
        for n in range(5)
    ]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = client.get("/api/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert client.get("/api/v1/jobs", params={"state": "done"}).json()["items"] == []
    assert len(client.get("/api/v1/jobs", params={"kind": ["master", "stems"]}).json()["items"]) == 5
    lone = base64.urlsafe_b64encode(b'[1.0, "\\ud800"]').decode()
    for wrong in ("x", "W10=", "bnVsbA==", lone):
        assert client.get("/api/v1/jobs", params={"cursor": wrong}).json()["code"] == "cursor"


def test_jobs_are_cancelled_retried_and_forgotten(client: TestClient, song: str) -> None:
    job = submit(client, kind="master", song=song).json()["id"]
    url = f"/api/v1/jobs/{job}"
    assert client.delete(url).json()["code"] == "job_state"
    assert client.post(f"{url}/retry").json()["code"] == "job_state"
    assert client.delete(f"/api/v1/songs/{song}").json()["code"] == "song_in_use"
    assert client.post(f"{url}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{url}/retry").json()["state"] == "queued"
    client.post(f"{url}/cancel")
    assert client.get(f"{url}/results/master.wav").json()["code"] == "result_unknown"
    assert client.get(f"{url}/report").status_code == 404
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert client.delete(f"/api/v1/songs/{song}").status_code == 204


def test_a_batch_is_a_group_of_masters(client: TestClient, tmp_path: Path) -> None:
    import soundfile

    songs = []
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, noise(0.6, seed=number), 44_100)
        songs.append(upload(client, path.read_bytes(), path.name).headers["tonmeister-song"])
    batch = submit(client, kind="batch", songs=songs, style="warm").json()
    assert (batch["kind"], batch["label"], len(batch["jobs"])) == ("batch", "batch of 3: 0.wav, ...", 3)
    parts = [client.get(f"/api/v1/jobs/{job}").json() for job in batch["jobs"]]
    assert [part["song"] for part in parts] == songs
    assert [item["id"] for item in client.get("/api/v1/jobs").json()["items"]] == [batch["id"]]
    client.post(f"/api/v1/jobs/{batch['jobs'][0]}/cancel")
    client.post(f"/api/v1/jobs/{batch['id']}/cancel")
    ended = client.get(f"/api/v1/jobs/{batch['id']}").json()
    assert ended["state"] == "cancelled"
    assert [(part["id"], part["song"], part["label"], part["state"]) for part in ended["parts"]] == [
        (job, song, f"{number}.wav", "cancelled")
        for number, (job, song) in enumerate(zip(batch["jobs"], songs, strict=True))
    ]
    assert client.delete(f"/api/v1/jobs/{batch['id']}").status_code == 204
    assert client.get(f"/api/v1/jobs/{batch['jobs'][1]}").status_code == 404
    assert submit(client, kind="album", songs=[songs[0], songs[0]]).json()["code"] == "song_twice"


def test_the_executor_must_be_there(
    make_app: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mastering.errors import EnvironmentProblem

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as caught:
        make_app(executor="ray")
    assert caught.value.code == "executor_missing"


def test_about_tells_what_is_allowed(client: TestClient) -> None:
    about = client.get("/api/v1/about").json()
    assert about["role"] == "admin"
    assert {"container": "flac", "bit_depths": [16, 24]} in about["formats"]
    assert not about["plugins_allowed"]
    assert about["stem_models"][0]["name"] == "draft"
    styles = {style["name"]: style for style in client.get("/api/v1/styles").json()}
    assert styles["balanced"]["sentence"]
    targets = {target["name"]: target for target in client.get("/api/v1/targets").json()}
    assert targets["spotify"]["integrated_lufs"] == -14.0
    assert client.get("/api/v1/plugins").json()["allowed"] is False
    assert URL.endswith("8440")


def test_the_same_wish_at_the_same_moment_is_one_job(
    app: FastAPI, client: TestClient, song: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = app.state.house.work._wishes
    make, ids = wishes.wish, []

    def late(*given: Any) -> Any:
        if not ids:
            ids.append("")
            ids.append(submit(client, kind="master", song=song).json()["id"])
        return make(*given)

    monkeypatch.setattr(wishes, "wish", late)
    answer = client.post(
        "/api/v1/jobs", json={"kind": "master", "song": song}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.json()["id"]) == (200, ids[1])
    other = {"kind": "master", "song": song, "style": "warm"}
    again = client.post("/api/v1/jobs", json=other, headers={"Idempotency-Key": "k"})
    assert again.json()["code"] == "idempotency_key"


def test_a_key_also_stands_for_a_job_that_was_there(client: TestClient, song: str) -> None:
    body, headers = {"kind": "master", "song": song}, {"Idempotency-Key": "k"}
    first = submit(client, **body).json()["id"]
    assert client.post("/api/v1/jobs", json=body, headers=headers).json()["id"] == first
    client.post(f"/api/v1/jobs/{first}/cancel")
    again = client.post("/api/v1/jobs", json=body, headers=headers).json()
    assert (again["id"], again["state"]) == (first, "cancelled")
    answer = client.post("/api/v1/jobs", json={**body, "style": "warm"}, headers=headers)
    assert answer.json()["code"] == "idempotency_key"


def test_jobs_need_room_too(
    app: FastAPI, client: TestClient, song: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = app.state.house
    known = submit(client, kind="master", song=song).json()["id"]
    most_bytes = house.settings.quota_mb * 10**6
    with house.records.write() as connection:
        connection.execute("UPDATE jobs SET size_bytes = ?", (most_bytes,))
    other = {"kind": "master", "song": song, "style": "warm"}
    answer = submit(client, **other)
    assert (answer.status_code, answer.json()["code"]) == (403, "quota")
    assert submit(client, kind="master", song=song).json()["id"] == known  # needs no more room
    with house.records.write() as connection:  # the results of a batch are those of its jobs
        connection.execute("UPDATE jobs SET kind = 'batch'")
    assert submit(client, **other).status_code == 201
    full = type("Usage", (), {"free": 1})
    monkeypatch.setattr("mastering.service.room.shutil.disk_usage", lambda _: full)
    answer = submit(client, kind="master", song=song, style="bright")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")


@pytest.mark.parametrize("ahead", [0, 5])
def test_the_events_of_an_ended_job_end_for_whoever_has_heard_of_it(
    app: FastAPI, client: TestClient, song: str, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    house = app.state.house
    job = submit(client, kind="master", song=song).json()["id"]
    client.post(f"/api/v1/jobs/{job}/cancel")
    monkeypatch.setattr("mastering.service.routes.events._PING_S", 0.1)
    patience = threading.Timer(5.0, house.stopping.set)
    patience.start()
    last = {"Last-Event-ID": str(house.feed.last() + ahead)}
    answer = client.get(f"/api/v1/jobs/{job}/events", headers=last)
    patience.cancel()
    assert not house.stopping.is_set()
    assert '"state": "cancelled"' in answer.text
