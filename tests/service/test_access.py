"""Who may do what: hosts, origins, keys, sessions, roles, rates, and what every answer carries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.service.problems import Problem
from tests.service.conftest import URL, upload

_JSON = {"Content-Type": "application/json"}


def caller(app: FastAPI, secret: str) -> TestClient:
    return TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:8441", "localhost.evil.example:8440", "", "127.0.0.1:8440."]
)
def test_only_its_own_names_are_answered(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/about", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed")
    assert client.get("/healthz", headers={"Host": "LOCALHOST:8440"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8441", "https://127.0.0.1:8440"]
)
def test_no_other_page_may_change_anything(client: TestClient, origin: str) -> None:
    answer = client.post("/api/v1/recipes/validate", json={"recipe": {}}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    own = client.post("/api/v1/recipes/validate", json={"recipe": {}}, headers={"Origin": URL})
    assert own.status_code == 200


def test_no_other_page_may_read(client: TestClient) -> None:
    for site in ("cross-site", "same-site"):
        answer = client.get("/api/v1/about", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"})
        assert answer.status_code == 403
    answer = client.get("/api/v1/about", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200


def test_every_answer_is_dressed(client: TestClient) -> None:
    for path in ("/", "/api/v1/about", "/nowhere", "/api/v1/songs/nonsense"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-request-id"]
        assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../settings.py",
        "/assets/..%2f..%2fsettings.py",
        "/assets/x/%2e%2e/%2e%2e/keys.py",
        "//etc/passwd",
        "/api/v1/songs/..%2f..%2fservice.sqlite",
        "/api/v1/songs/0f1e2d3c4b5a69788796a5b4%00/audio",
        "/api/v1/jobs/5f0c1d2e3b4a59687786a5b4/results/..%2f..%2f..%2fservice.sqlite",
        "/s/../../etc/passwd/x",
        "/" + "a" * 3_000,
    ],
)
def test_paths_lead_nowhere_else(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_key_only_this_machine_is_let_in(make_app: Callable[..., FastAPI]) -> None:
    for settings in ({"host": "0.0.0.0"}, {"public_urls": ("https://desk.example.org",)}):
        with pytest.raises(EnvironmentProblem) as caught:
            make_app(**settings)
        assert caught.value.code == "keys_needed"


def test_a_service_that_nobody_can_name_does_not_start(
    make_app: Callable[..., FastAPI], tmp_path: Any
) -> None:
    make_app(data=tmp_path / "data").state.house.keys.add("Ann", "admin")
    with pytest.raises(ParameterError) as caught:
        make_app(data=tmp_path / "data", host="0.0.0.0")
    assert caught.value.code == "public_urls_needed"


def test_bodies_are_not_endless(client: TestClient) -> None:
    large = b'{"recipe": {"a": "' + b"x" * 9_000_000 + b'"}}'
    answer = client.post("/api/v1/recipes/validate", content=large, headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    pieces = (large[at : at + 100_000] for at in range(0, len(large), 100_000))
    answer = client.post("/api/v1/recipes/validate", content=pieces, headers=_JSON)
    assert answer.status_code in (400, 413)
    assert "xxxx" not in answer.text


def test_a_service_whose_last_key_is_removed_does_not_open(
    make_app: Callable[..., FastAPI], tmp_path: Any
) -> None:
    data = tmp_path / "data"
    keys = make_app(data=data).state.house.keys
    keys.add("first", "admin")
    app = make_app(data=data, public_urls=("https://desk.example.org",))
    app.state.house.keys.remove(keys.list()[0].id)
    client = TestClient(app, base_url="https://desk.example.org")
    assert client.get("/api/v1/about").status_code == 401


def test_keys_open_and_are_kept_as_digests_only(make_app: Callable[..., FastAPI]) -> None:
    app = make_app()
    secret = app.state.house.keys.add("Ann", "submit")
    assert TestClient(app, base_url=URL).get("/api/v1/about").status_code == 401
    assert caller(app, secret).get("/api/v1/about").json()["role"] == "submit"
    for wrong in (secret[:-1], secret + "x", secret.upper(), "", "tm_"):
        assert caller(app, wrong).get("/api/v1/about").status_code == 401
    file = app.state.house.settings.data / "service.sqlite"
    stored = b"".join(path.read_bytes() for path in file.parent.glob("service.sqlite*"))
    assert secret.encode() not in stored
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT name, role FROM keys").fetchall() == [("Ann", "submit")]
    connection.close()


def test_guessing_keys_is_slowed_down(make_app: Callable[..., FastAPI]) -> None:
    app = make_app(failures_per_minute=3)
    secret = app.state.house.keys.add("Ann", "submit")
    statuses = [caller(app, f"tm_guess{number}").get("/api/v1/about").status_code for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    answer = caller(app, "tm_guess").get("/api/v1/about")
    assert (answer.status_code, answer.json()["code"]) == (429, "key_guessing")
    assert int(answer.headers["retry-after"]) > 0
    session = TestClient(app, base_url=URL)
    assert session.post("/api/v1/session", json={"key": "tm_x"}).status_code == 429
    assert session.post("/api/v1/session", json={"key": secret}).status_code == 204
    assert caller(app, secret).get("/api/v1/about").status_code == 200  # others behind one address go on


def test_streams_of_events_are_limited_by_key(make_app: Callable[..., FastAPI]) -> None:
    feed = make_app(concurrent_streams=2).state.house.feed
    streams = [feed.listen("ann", "ann", None) for _ in range(2)]
    with pytest.raises(Problem) as caught:
        feed.listen("ann", None, "0" * 24)
    assert (caught.value.status, caught.value.code) == (429, "too_many_streams")
    feed.listen("root", None, None)
    feed.leave(streams[0])
    feed.listen("ann", "ann", None)


def test_a_session_is_a_cookie_that_scripts_do_not_see(make_app: Callable[..., FastAPI]) -> None:
    app = make_app()
    secret = app.state.house.keys.add("Ann", "submit")
    client = TestClient(app, base_url=URL)
    assert client.post("/api/v1/session", json={"key": "tm_wrong"}).status_code == 401
    answer = client.post("/api/v1/session", json={"key": secret})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert secret not in cookie
    assert client.get("/api/v1/about").json()["role"] == "submit"
    kept = dict(client.cookies)
    assert client.delete("/api/v1/session").status_code == 204
    assert TestClient(app, base_url=URL, cookies=kept).get("/api/v1/about").status_code == 401


def test_cookies_are_secure_where_the_page_is(make_app: Callable[..., FastAPI], tmp_path: Any) -> None:
    data = tmp_path / "data"
    secret = make_app(data=data).state.house.keys.add("Ann", "submit")
    app = make_app(data=data, public_urls=("https://desk.example.org",))
    client = TestClient(app, base_url="https://desk.example.org")
    answer = client.post("/api/v1/session", json={"key": secret})
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_what_one_key_has_made_does_not_exist_for_another(make_app: Callable[..., FastAPI], wav: Any) -> None:
    app = make_app()
    ann, ben, root = (
        caller(app, app.state.house.keys.add(name, role))
        for name, role in (("Ann", "submit"), ("Ben", "submit"), ("root", "admin"))
    )
    song = upload(ann, wav.read_bytes()).headers["tonmeister-song"]
    job = ann.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    unknown = "0" * 24
    of_a_song = ("", "/audio", "/peaks", "/spectrogram", "/listen", "/analysis")
    own = [f"songs/{song}{more}" for more in of_a_song]
    own += [f"jobs/{job}{more}" for more in ("", "/events", "/report", "/recipe", "/results/master.wav")]
    for path in own:
        answer = ben.get(f"/api/v1/{path}")
        like = ben.get(f"/api/v1/{path.replace(song, unknown).replace(job, unknown)}")
        assert answer.status_code == like.status_code == 404
        assert answer.text.replace(song, unknown).replace(job, unknown) == like.text
    assert ben.get("/api/v1/songs").json()["items"] == ben.get("/api/v1/jobs").json()["items"] == []
    assert ben.post("/api/v1/jobs", json={"kind": "master", "song": song}).status_code == 404
    for method, path in (
        ("POST", f"jobs/{job}/cancel"),
        ("DELETE", f"jobs/{job}"),
        ("DELETE", f"songs/{song}"),
    ):
        assert ben.request(method, f"/api/v1/{path}").status_code == 404
    assert ben.post("/api/v1/shares", json={"job": job}).status_code == 404
    assert root.get(f"/api/v1/jobs/{job}").json()["id"] == job
    assert [item["id"] for item in root.get("/api/v1/songs").json()["items"]] == [song]
    same = upload(ben, wav.read_bytes()).headers["tonmeister-song"]
    assert same != song  # the same bytes are another song, and say nothing about Ann's
    other = ben.post("/api/v1/jobs", json={"kind": "master", "song": same})
    assert (other.status_code, other.json()["id"] != job) == (201, True)


def test_only_admins_allow_plug_ins(make_app: Callable[..., FastAPI]) -> None:
    app = make_app()
    ann = caller(app, app.state.house.keys.add("Ann", "submit"))
    answer = ann.put("/api/v1/plugins/Anything/allowed")
    assert (answer.status_code, answer.json()["code"]) == (403, "admin_needed")
    root = caller(app, app.state.house.keys.add("root", "admin"))
    assert root.put("/api/v1/plugins/Anything/allowed").json()["code"] == "plugin_not_found"


def test_too_many_requests_have_to_wait(make_app: Callable[..., FastAPI]) -> None:
    client = TestClient(make_app(requests_per_minute=5), base_url=URL)
    answers = [client.get("/api/v1/songs") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].json()["code"] == "rate_limit"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 13


def test_metrics_are_for_this_machine_or_admins(make_app: Callable[..., FastAPI]) -> None:
    app = make_app()
    ann, root = (caller(app, app.state.house.keys.add(role, role)) for role in ("submit", "admin"))
    assert ann.get("/metrics").status_code == 403  # the test's address is no loopback address
    text = root.get("/metrics").text
    assert 'tonmeister_requests_total{method="GET",route="/metrics",status="403"} 1.0' in text
    assert "tonmeister_disk_free_bytes" in text
    near = TestClient(app, base_url=URL, client=("127.0.0.1", 5))
    assert near.get("/metrics").status_code == 200


def test_a_database_that_is_away_is_said(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(app.state.house.records, "all", away)
    answer = client.get("/api/v1/songs")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
    assert int(answer.headers["retry-after"]) > 0
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["records"] != "ok"
    assert client.get("/healthz").status_code == 200


def test_a_full_disk_and_a_bug_are_said_without_a_trace(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def bug(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(app.state.house.uploads, "create", full)
    answer = client.post("/api/v1/uploads", headers={"Upload-Length": "10"})
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    monkeypatch.setattr(app.state.house.uploads, "create", bug)
    answer = client.post("/api/v1/uploads", headers={"Upload-Length": "10"})
    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert "secret" not in answer.text


def test_problems_are_documents(client: TestClient) -> None:
    answer = client.get("/api/v1/jobs/" + "0" * 24)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:tonmeister:problem:job_unknown",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no job '000000000000000000000000'",
        "code": "job_unknown",
        "hint": "GET /api/v1/jobs lists yours.",
        "field": "job",
    }
    assert client.post("/api/v1/recipes/diff", content=b"{", headers=_JSON).json()["code"] == "json"
    assert Problem(460, "x", "y").document()["title"] == "Checksum Mismatch"


def test_sessions_that_are_none_are_limited(make_app: Callable[..., FastAPI]) -> None:
    app = make_app(requests_per_minute=5)
    app.state.house.keys.add("Ann", "submit")
    browser = TestClient(app, base_url=URL, cookies={"tonmeister": "none"})
    assert [browser.get("/api/v1/about").status_code for _ in range(7)] == [401] * 5 + [429] * 2
