"""Plug-ins: catalogue, parameters, the allow list, and what a job is told of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.chain import PluginRef
from mastering.codec import to_json
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.values import PluginInfo, PluginParameter, Scanned
from tests.webhooks.conftest import until

_DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has one bundle of two plug-ins."""
    bundle = tmp_path / "Squash.vst3"
    bundle.mkdir()
    ref = PluginRef(id="VST3-Squash-1", name="Squash", vendor="Test", version="1.0", sha256=_DIGEST)
    threshold = PluginParameter(
        key="threshold", index=0, name="Threshold", unit="dB", low=-40.0, high=0.0, default_text="-3.0"
    )
    info = PluginInfo(ref=ref, path=str(bundle), category="Fx|Dynamics", parameters=(threshold,))
    infos = (info, replace(info, ref=replace(ref, id="VST3-Boost-1", name="Boost")))
    scanned = Scanned(path=str(bundle), size_bytes=0, mtime_ns=0, sha256=_DIGEST, status="ok", plugins=infos)
    file = tmp_path / "catalog.json"
    file.write_text(to_json(Catalog(bundles=(scanned,))), "utf-8")
    monkeypatch.setenv("TONMEISTER_PLUGIN_CATALOG", str(file))


def test_a_plug_in_is_allowed_used_and_forbidden_again(client: TestClient, app: FastAPI, song: str) -> None:
    listed, _ = client.get("/api/v1/plugins").json()["items"]
    assert (listed["name"], listed["allowed"]) == ("Squash", False)
    assert client.get("/api/v1/plugins/squash").json()["parameters"][0]["key"] == "threshold"
    insert = {"plugin": "Squash", "parameters": {"threshold": -6.0}, "mix_percent": 50.0}
    body = {"kind": "master", "song": song, "options": {"inserts": [insert]}}
    assert client.post("/api/v1/jobs", json=body).json()["code"] == "plugin_forbidden"
    assert client.put("/api/v1/plugins/Squash/allowed").status_code == 204
    assert client.get("/api/v1/about").json()["plugins_allowed"] is True
    answer = client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    row = app.state.house.records.one("SELECT task FROM jobs WHERE id = ?", answer.json()["id"])
    task = json.loads(row["task"])
    (made,) = task["job"]["inserts"]
    assert (made["step"]["parameters"], made["step"]["mix_percent"]) == ({"threshold": -6.0}, 50.0)
    assert task["plugins"]["policy"]["allowed"] == [{"sha256": _DIGEST, "name": "Squash"}]
    assert task["plugins"]["policy"]["folders"] == []
    assert task["plugins"]["limits"]["network"] is False
    assert client.delete("/api/v1/plugins/squash/allowed").status_code == 204
    assert client.post("/api/v1/jobs", json={**body, "style": "warm"}).json()["code"] == "plugin_forbidden"


def test_the_desk_puts_plug_ins_into_a_recipe(client: TestClient) -> None:
    own = {
        "kind": "external",
        "plugin": {
            "id": "VST3-Squash-1",
            "format": "vst3",
            "name": "Squash",
            "vendor": "Test",
            "version": "1.0",
            "sha256": _DIGEST,
        },
        "parameters": {"threshold": -9.0},
        "state": "AAAA",
    }
    steps = [{"kind": "equalizer"}, own, {"kind": "saturation"}]

    def adjusted(*inserts: dict[str, object]) -> Any:
        body = {"recipe": {"schema": 1, "steps": steps}, "adjust": {"inserts": list(inserts)}}
        return client.post("/api/v1/recipes/adjust", json=body)

    assert client.put("/api/v1/plugins/Squash/allowed").status_code == 204
    parameter = client.get("/api/v1/plugins/Squash").json()["parameters"][0]
    assert (parameter["value"], parameter["steps"]) == (-3.0, 0)
    kept = {"plugin": "Squash", "own": 0, "at": "after:equalizer"}
    answer = adjusted(
        {"plugin": "Squash", "at": "pre", "mix_percent": 40.0},
        {**kept, "parameters": {"threshold": -12.0}, "bypass": True},
        {"plugin": "Squash", "parameters": {"threshold": -1.0}},
    )
    made = answer.json()["recipe"]["chain"]["steps"]
    assert [step["kind"] for step in made] == ["external", "equalizer", "external", "saturation", "external"]
    assert made[0]["mix_percent"] == 40.0
    assert (made[2]["state"], made[2]["parameters"], made[2]["bypass"]) == (
        "AAAA",
        {"threshold": -12.0},
        True,
    )
    assert (made[4]["state"], made[4]["parameters"]) == ("", {"threshold": -1.0})
    assert [step["kind"] for step in adjusted().json()["recipe"]["chain"]["steps"]] == [
        "equalizer",
        "saturation",
    ]
    for wrong, code in (
        ({**kept, "own": 1}, "plugin_not_in_chain"),
        ({"plugin": "Squash", "at": "after:compressor"}, "plugin_place"),
        ({"plugin": "Squash", "parameters": {"threshold": 99.0}}, "plugin_setting"),
        ({"plugin": "Other"}, "plugin_forbidden"),
    ):
        assert adjusted(wrong).json()["code"] == code
    client.delete("/api/v1/plugins/Squash/allowed")
    assert adjusted(kept).json()["code"] == "plugin_forbidden"


@pytest.mark.parametrize(
    "insert",
    [
        {"plugin": "Squash", "parameters": {"threshold": 99.0}},
        {"plugin": "Squash", "parameters": {"@state": "/etc/passwd"}},
        {"plugin": "Squash", "parameters": {"nonsense": 1.0}},
        {"plugin": "Squash", "at": "after:limiter"},
        {"plugin": "Squash", "state": "AAAA"},
    ],
)
def test_settings_are_checked(client: TestClient, song: str, insert: dict[str, object]) -> None:
    client.put("/api/v1/plugins/Squash/allowed")
    body = {"kind": "master", "song": song, "options": {"inserts": [insert]}}
    assert client.post("/api/v1/jobs", json=body).status_code == 422


@pytest.mark.parametrize("first", ["Squash", "Boost"])
def test_a_bundle_is_allowed_and_forbidden_as_a_whole(client: TestClient, first: str) -> None:
    def allowed() -> set[str]:
        return {item["name"] for item in client.get("/api/v1/plugins").json()["items"] if item["allowed"]}

    for name in (first, "Squash", "Boost"):
        client.put(f"/api/v1/plugins/{name}/allowed")
    assert allowed() == {"Squash", "Boost"}
    assert client.delete(f"/api/v1/plugins/{first.upper()}/allowed").status_code == 204
    assert allowed() == set()


def test_forbidding_ends_the_jobs_that_use_it_and_their_retry(
    client: TestClient, app: FastAPI, song: str
) -> None:
    client.put("/api/v1/plugins/Squash/allowed")
    with_it = {"kind": "master", "song": song, "options": {"inserts": [{"plugin": "squash"}]}}
    job = client.post("/api/v1/jobs", json=with_it).json()["id"]
    other = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    client.delete("/api/v1/plugins/Squash/allowed")
    states = [client.get(f"/api/v1/jobs/{each}").json()["state"] for each in (job, other)]
    assert states == ["cancelled", "queued"]
    answer = client.post(f"/api/v1/jobs/{job}/retry")
    assert (answer.status_code, answer.json()["code"]) == (403, "plugin_forbidden")
    client.put("/api/v1/plugins/Squash/allowed")
    assert client.post(f"/api/v1/jobs/{job}/retry").json()["state"] == "queued"
    app.state.house.plugins.forbid("Squash")  # between the retry and its turn
    app.state.house.work.queueing.start()
    until(lambda: client.get(f"/api/v1/jobs/{job}").json()["state"] != "queued")
    app.state.house.work.queueing.stop()
    ended = client.get(f"/api/v1/jobs/{job}").json()
    assert (ended["state"], ended["error"]["code"]) == ("failed", "plugin_forbidden")


def test_a_plug_in_that_is_forbidden_can_be_taken_out(client: TestClient) -> None:
    own = {"kind": "external", "plugin": {"id": "VST3-Squash-1", "name": "Squash", "sha256": _DIGEST}}
    body = {"recipe": {"schema": 1, "steps": [own, {"kind": "saturation"}]}, "adjust": {}}
    assert client.post("/api/v1/recipes/adjust", json=body).json()["code"] == "plugin_forbidden"
    answer = client.post("/api/v1/recipes/adjust", json={**body, "adjust": {"inserts": []}})
    assert [step["kind"] for step in answer.json()["recipe"]["chain"]["steps"]] == ["saturation"]


def test_what_the_desk_does_not_say_of_a_plug_in_stays(client: TestClient) -> None:
    client.put("/api/v1/plugins/Squash/allowed")
    own = {
        "kind": "external",
        "plugin": {
            "id": "VST3-Squash-1",
            "name": "Squash",
            "vendor": "Test",
            "version": "1.0",
            "sha256": _DIGEST,
        },
        "bypass": True,
        "mix_percent": 30.0,
    }
    body = {"recipe": {"schema": 1, "steps": [own]}, "adjust": {"inserts": [{"plugin": "Squash", "own": 0}]}}
    (made,) = client.post("/api/v1/recipes/adjust", json=body).json()["recipe"]["chain"]["steps"]
    assert (made["bypass"], made["mix_percent"]) == (True, 30.0)
