"""The examples of the OpenAPI document are true: requests are taken, and answers are of their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import soundfile

from mastering.cli.job_kinds import KINDS
from mastering.cli.serve_workshop import CommandWorkshop
from mastering.client import Tonmeister
from mastering.service.app import create_app
from mastering.service.examples import answer_examples
from mastering.service.examples.requests import JOB, RECORD, SONG, SONG_2
from mastering.service.settings import Settings
from tests.service.conftest import noise
from tests.service.live import Live

_NOT_SENT = {
    ("POST /api/v1/jobs", "inserts"): "plugin_forbidden",
    ("POST /api/v1/session", "key"): "key_unknown",
}
"""What needs something that this service has not, and the code of its answer."""


def _document(folder: Path) -> dict[str, Any]:
    app = create_app(Settings(data=folder), KINDS, CommandWorkshop)
    try:
        return app.openapi()
    finally:
        app.state.house.close()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _document(tmp_path_factory.mktemp("document"))


def _requests(document: dict[str, Any]) -> Iterator[tuple[str, str, Any, Any]]:
    """Operation, name, body and schema of every example."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in content.get("examples", {}).items():
                yield f"{method.upper()} {path}", name, example["value"], content["schema"]


def _answers(document: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json", {})
                for name, example in content.get("examples", {}).items():
                    yield f"{method} {path} {status} {name}", example["value"], content["schema"]


def _validate(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)


def test_every_body_has_examples_of_its_schema(document: dict[str, Any]) -> None:
    found = list(_requests(document))
    for where, name, body, schema in found:
        try:
            _validate(body, schema, document)
        except jsonschema.ValidationError as error:
            pytest.fail(f"{where} {name}: {error.message}")
    bodies = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert {where for where, *_ in found} == bodies
    kinds = {body["kind"] for where, _, body, _ in found if where == "POST /api/v1/jobs"}
    assert kinds == {"master", "album", "batch", "apply", "stems", "remix"}


def test_every_answer_example_is_of_its_schema(document: dict[str, Any]) -> None:
    found = list(_answers(document))
    for where, value, schema in found:
        try:
            _validate(value, schema, document)
        except jsonschema.ValidationError as error:
            pytest.fail(f"{where}: {error.message}")
    shown = [value for _, value, _ in found] + document["components"]["schemas"]["ProblemAnswer"]["examples"]
    unshown = [
        f"{model} {name}"
        for model, examples in answer_examples().items()
        for name, value in examples.items()
        if value not in shown
    ]
    assert unshown == []
    for problem in document["components"]["schemas"]["ProblemAnswer"]["examples"]:
        _validate(problem, {"$ref": "#/components/schemas/ProblemAnswer"}, document)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that sends webhooks."""
    folder = tmp_path_factory.mktemp("examples")
    secret = folder / "secret"
    secret.write_text("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "ascii")
    secret.chmod(0o600)
    (folder / "serve.toml").write_text(f'webhook_secret_file = "{secret}"\nworkers = 1\n', "utf-8")
    with Live(folder, "--config", str(folder / "serve.toml")) as server:
        yield server


def test_every_request_is_taken(document: dict[str, Any], live: Live, tmp_path: Path) -> None:
    with Tonmeister(live.url) as desk, httpx.Client(base_url=live.url, timeout=120.0) as client:
        ids = {}
        for number, example in enumerate((SONG, SONG_2, RECORD)):
            soundfile.write(tmp_path / f"{number}.wav", noise(1.0, seed=number), 44_100)
            ids[example] = desk.upload(tmp_path / f"{number}.wav").id
        job = desk.wait(desk.master(ids[SONG]), timeout_s=120.0)
        assert job.state == "done", job.error
        ids[JOB] = job.id
        for where, name, body, _ in _requests(document):
            text = json.dumps(body)
            for example, real in ids.items():
                text = text.replace(example, real)
            method, path = where.split(" ")
            answer = client.request(method, path, json=json.loads(text))
            if (where, name) in _NOT_SENT:
                assert answer.json()["code"] == _NOT_SENT[where, name]
            else:
                assert answer.is_success, f"{where} {name}: {answer.text}"


def test_headers_are_taken(document: dict[str, Any], live: Live) -> None:
    operation = document["paths"]["/api/v1/uploads"]["post"]
    given = {}
    for parameter in operation["parameters"]:
        schema_examples = parameter["schema"].get("examples", [])
        examples = [each["value"] for each in parameter.get("examples", {}).values()] + schema_examples
        if parameter["name"] != "authorization":
            assert examples, parameter["name"]
            given[parameter["name"]] = str(examples[0])
    answer = httpx.post(f"{live.url}/api/v1/uploads", headers=given)
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == "0"
