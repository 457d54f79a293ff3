"""The OpenAPI document, with what FastAPI does not put into it: how to show a key, and examples of answers.

Examples are put in afterwards, as FastAPI would leave out what is null in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from mastering.service.access import COOKIE
from mastering.service.examples import answer_examples

__all__ = ["Described"]

_PROBLEM = "ProblemAnswer"
_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "`tonmeister serve keys add` makes keys."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Of a browser: POST /api/v1/session gives it for a key.",
    },
}
_WAYS_IN: list[dict[str, list[str]]] = [{"key": []}, {"session": []}, {}]
"""A service without keys needs none."""


class Described(FastAPI):
    """An application whose document is complete."""

    def openapi(self) -> dict[str, Any]:
        """The document, made when it is first asked for."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["securitySchemes"] = _SECURITY
            problems = list(answer_examples()[_PROBLEM].values())
            document["components"]["schemas"][_PROBLEM]["examples"] = problems
            for operation in _operations(document):
                _secure(operation)
                for status, response in operation["responses"].items():
                    _exemplify(response, only_first=status != "200")
            self.openapi_schema = document
        return self.openapi_schema


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _secure(operation: dict[str, Any]) -> None:
    """Say how to show a key, in place of the header it is in."""
    parameters = operation.get("parameters", [])
    others = [each for each in parameters if each["name"] != "authorization"]
    if len(others) < len(parameters):
        operation["parameters"] = others
        operation["security"] = _WAYS_IN


def _exemplify(response: dict[str, Any], *, only_first: bool) -> None:
    content = response.get("content", {}).get("application/json")
    examples = answer_examples().get(_model(content["schema"]), {}) if content is not None else {}
    if content is not None and examples:
        named = {name: {"value": value} for name, value in examples.items()}
        content["examples"] = dict(list(named.items())[:1]) if only_first else named


def _model(schema: Mapping[str, Any]) -> str:
    """Name of a schema's model; of a list of them with an "s"."""
    if schema.get("type") == "array":
        return f"{_model(schema['items'])}s"
    return str(schema.get("$ref", "")).rpartition("/")[2]
