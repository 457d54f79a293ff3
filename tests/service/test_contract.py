"""The OpenAPI document is kept: no answer that it does not name, none of status 500, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import soundfile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mastering.client import Tonmeister
from tests.service.conftest import noise, upload
from tests.service.live import Live

_STREAMS = ("/api/v1/events", "/api/v1/jobs/{job}/events")
"""They end with the service or the job: only their beginning is read."""

_EXAMPLES = 30
_READ_S = 30.0
_TOO_MUCH = ("positive_data_acceptance", "ignored_auth")
"""A schema cannot say which names, songs and versions there are: what it allows may be refused. Without keys
nobody is asked for one; test_access has them."""
_NO_MORE_WRONG = "negative_data_rejection"
"""Where an id of something that is there stands in place of a wrong one, nothing may be wrong any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What is promised, and ids of things that are there."""

    schema: Any
    ids: dict[str, str]
    server: Live


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    """A service with a song, a job and an upload."""
    why = "schemathesis is not installed: pip install schemathesis"
    schemathesis: Any = pytest.importorskip("schemathesis", reason=why)
    folder = tmp_path_factory.mktemp("contract")
    soundfile.write(folder / "song.wav", noise(0.6), 44_100)
    with Live(folder) as server, httpx.Client(base_url=server.url, timeout=30.0) as client:
        song = upload(client, (folder / "song.wav").read_bytes()).headers["tonmeister-song"]
        job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
        with Tonmeister(server.url) as desk:
            assert desk.wait(job, timeout_s=60.0).state == "done"
        announced = client.post("/api/v1/uploads", headers={"Upload-Length": "1000"}).headers["location"]
        token = client.post("/api/v1/shares", json={"job": job}).json()["token"]
        schemathesis.serializer("application/offset+octet-stream")(_as_it_is)
        schema = schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")
        ids = {"song": song, "job": job, "upload": announced.rpartition("/")[2], "token": token}
        yield Contract(schema=schema, ids=ids, server=server)


def _as_it_is(_context: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode()


def test_every_answer_is_in_the_document(contract: Contract) -> None:
    from schemathesis.core.failures import FailureGroup

    failed = []
    for operation in (found.ok() for found in contract.schema.get_all_operations()):
        try:
            _ask(operation, contract.ids)
        except (Exception, FailureGroup) as error:
            failed.append(f"{operation.label}: {error}")
    assert not failed, "\n\n".join(failed)
    assert "Traceback" not in contract.server.log


def _ask(operation: Any, ids: dict[str, str]) -> None:
    """Some requests of one operation, right ones and wrong ones, of things that are there and of others."""
    from schemathesis import GenerationMode

    right, wrong = map(operation.as_strategy, GenerationMode)

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(right, wrong), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        if real and operation.method.upper() != "DELETE":
            case.path_parameters.update({k: v for k, v in ids.items() if k in case.path_parameters})
            case.body = _of_what_is_there(case.body, ids)
        checks = _checks(*_TOO_MUCH, *([_NO_MORE_WRONG] if real else []))
        if operation.path in _STREAMS:
            _hear(case, checks)
        else:
            case.call_and_validate(excluded_checks=checks)

    ask()


def _of_what_is_there(body: Any, ids: dict[str, str]) -> Any:
    """A body that names a song and a job that are there, where it names any."""
    if isinstance(body, list):
        return [_of_what_is_there(part, ids) for part in body]
    if not isinstance(body, dict):
        return body
    known = {"song": ids["song"], "job": ids["job"], "songs": [ids["song"]], "references": [ids["song"]]}
    return {
        name: known[name] if name in known and part else _of_what_is_there(part, ids)
        for name, part in body.items()
    }


def _checks(*names: str) -> list[Any]:
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    known = {check.__name__: check for check in CHECKS.get_all()}
    return [known[name] for name in names]


def _hear(case: Any, too_much: list[Any]) -> None:
    """Look at the beginning of a stream; an answer that is none is looked at as any other."""
    import requests

    asked = case.as_transport_kwargs()
    with requests.Session() as session, session.request(**asked, stream=True, timeout=_READ_S) as answer:
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert next(answer.iter_lines()) == b"retry: 2000"
        else:
            case.validate_response(answer, excluded_checks=too_much)


@pytest.mark.parametrize("last", ["", "-1", "1e3", "0x10", "null", "%00"])
def test_nonsense_for_a_last_event_is_none_at_all(contract: Contract, last: str) -> None:
    """A stream from the beginning: one event for each job there is."""
    headers = {"Last-Event-ID": last}
    with httpx.stream(
        "GET", f"{contract.server.url}/api/v1/events", headers=headers, timeout=_READ_S
    ) as told:
        assert told.status_code == 200
        lines = told.iter_lines()
        assert next(lines) == "retry: 2000"
        assert next(lines) == "id: 0"
        assert next(line for line in lines if line.startswith("id: "))


def test_a_number_beyond_the_last_one_misses_nothing_new(contract: Contract) -> None:
    """As of a client that knew the service before its data were lost."""
    with (
        httpx.Client(base_url=contract.server.url, timeout=_READ_S) as client,
        client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": "9" * 20}) as told,
    ):
        lines = told.iter_lines()
        assert next(lines) == "retry: 2000"
        song, job = contract.ids["song"], {"kind": "stems", "model": "draft"}
        assert client.post("/api/v1/jobs", json={**job, "song": song}).is_success
        assert next(lines).startswith("id: "), "the last one there is"
        assert next(line for line in lines if line.startswith(("data: ", ": ping"))).startswith("data: ")


def test_too_long_a_number_is_refused(contract: Contract) -> None:
    answer = httpx.get(f"{contract.server.url}/api/v1/events", headers={"Last-Event-ID": "1" * 21})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_the_document_is_of_openapi_31_and_says_everything(contract: Contract) -> None:
    raw = contract.schema.raw_schema
    assert raw["openapi"].startswith("3.1")
    for path, operations in raw["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            assert operation["tags"], where
            assert {"400", "403", "421", "503"} <= operation["responses"].keys(), where
    examples = raw["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert {"style", "reference", "stems", "remix"} <= examples.keys()
