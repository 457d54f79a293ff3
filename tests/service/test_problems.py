"""What is said of errors to people elsewhere."""

from __future__ import annotations

import pytest

from mastering.errors import ModelError
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
