"""What requests are answered with, by the model of the answer; its name and an "s" for a list of them."""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import Any

__all__ = ["answer_examples"]


@functools.cache
def answer_examples() -> dict[str, dict[str, Any]]:
    """Model of an answer -> name -> an example."""
    text = importlib.resources.files(__package__).joinpath("answers.json").read_text("utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found
