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

from tests.service.conftest import noise, upload
from tests.service.live import Live

_ENDLESS = ("/api/v1/events",)
"""A stream that ends with the service; see test_live."""

_EXAMPLES = 4
_TOO_MUCH = ("positive_data_acceptance",)
"""A schema cannot say which names, songs and versions there are: what it allows may be refused."""


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
        announced = client.post("/api/v1/uploads", headers={"Upload-Length": "1000"}).headers["location"]
        token = client.post("/api/v1/shares", json={"job": job}).json()["token"]
        schemathesis.serializer("application/offset+octet-stream")(_as_it_is)
        schema = schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")
        ids = {"song": song, "job": job, "upload": announced.rpartition("/")[2], "token": token}
        yield Contract(schema=schema, ids=ids, server=server)


def _as_it_is(_context: Any, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode()


def test_every_answer_is_in_the_document(contract: Contract) -> None:
    from schemathesis.checks import CHECKS
    from schemathesis.core.failures import FailureGroup

    too_much = [check for check in CHECKS.get_all() if check.__name__ in _TOO_MUCH]
    assert len(too_much) == len(_TOO_MUCH)
    failed = []
    for operation in (found.ok() for found in contract.schema.get_all_operations()):
        if operation.path in _ENDLESS:
            continue
        try:
            _ask(operation, contract.ids, too_much)
        except (Exception, FailureGroup) as error:
            failed.append(f"{operation.label}: {error}")
    assert not failed, "\n\n".join(failed)
    assert "Traceback" not in contract.server.log


def _ask(operation: Any, ids: dict[str, str], too_much: list[Any]) -> None:
    """Some requests of one operation, of things that are there and of others."""

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        if real and operation.method.upper() != "DELETE":
            case.path_parameters.update({k: v for k, v in ids.items() if k in case.path_parameters})
        case.call_and_validate(excluded_checks=too_much)

    ask()


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
