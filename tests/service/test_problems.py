"""What is said of errors to people elsewhere."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.errors import AudioFileError, ModelError
from mastering.service.documents import Names
from mastering.service.problems import problem_of

_HINT = "put it into /home/ann/.cache/models, from https://example.org//a"


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("/home/ann", "put it into ~/.cache/models, from https://example.org//a"),
        ("/", _HINT),
        ("/home/an", _HINT),
    ],
)
def test_where_files_lie_is_not_said(home: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    problem = problem_of(ModelError("there is no model", hint=_HINT))
    assert problem.document()["hint"] == said
    assert Names({}, []).text(_HINT) == said


@pytest.mark.parametrize("below", ["songs/1.wav", "jobs/jobs.sqlite", ""])
def test_where_the_service_keeps_its_files_is_not_said(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    """Whatever goes wrong, in whatever part."""
    data = app.state.house.settings.data

    def fail(*_: object, **__: object) -> None:
        raise AudioFileError(
            f"{data / below}: it cannot be read", hint=f"Look into {data.resolve()}.", code="x"
        )

    monkeypatch.setattr(app.state.house.songs, "get", fail)
    answer = client.get(f"/api/v1/songs/{'0' * 24}")
    assert answer.status_code == 422
    assert str(data) not in answer.text
    said = below or "the service's folder"
    assert answer.json()["detail"] == f"{said}: it cannot be read"
    assert answer.json()["hint"] == "Look into the service's folder."
