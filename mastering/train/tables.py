"""Plain values as a TOML document: Python reads TOML, but writes none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["toml_text"]


def toml_text(values: Mapping[str, Any]) -> str:
    """Texts, numbers, lists of numbers, and tables of these; None is left out.

    Args:
        values: plain, as from `codec.to_plain`; keys are bare keys of TOML. Tables come last, at any depth.

    >>> print(toml_text({"name": "mine", "limits": {"max_boost_db": 6.0}, "glue": None}), end="")
    name = "mine"
    <BLANKLINE>
    [limits]
    max_boost_db = 6.0
    """
    return "\n".join(_lines(values, ())) + "\n"


def _lines(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    # JSON's texts, numbers and lists of numbers are TOML's too.
    rows = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    lines = [f"{key} = {json.dumps(row, ensure_ascii=False)}" for key, row in rows.items() if row is not None]
    for key, table in values.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{'.'.join((*path, key))}]", *_lines(table, (*path, key))]
    return lines
