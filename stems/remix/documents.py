"""Documents of a remix: NAME.remix.json beside the output, and files of automation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mastering.codec import from_json, from_plain
from mastering.errors import PresetError
from stems.remix.values import Automation, Remix

__all__ = ["load_automation", "load_remix", "remix_path"]

_SHAPE = '{"vocals": {"gain_db": [[0, -6], [12.5, 0]], "pan": [[0, -30]]}}'


def remix_path(output: Path) -> Path:
    """NAME.remix.json beside the output."""
    return output.with_name(f"{output.stem}.remix.json")


def load_remix(path: Path) -> Remix:
    """A saved remix.

    Raises:
        PresetError: it cannot be read, or is no remix.
        ParameterError: a number outside its range.
    """
    return from_json(Remix, _text(path, "the remix"), str(path))


def load_automation(path: Path) -> Mapping[str, Automation]:
    """Curves of stems by name, out of a table such as {"vocals": {"gain_db": [[0, -6], [12.5, 0]]}}.

    Raises:
        PresetError: it cannot be read, or is no such table.
        ParameterError: times that do not rise, or a value outside its range.
    """
    text = _text(path, "the automation")
    try:
        plain: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise PresetError(
            f"{path}: not a JSON document ({error})", hint="Save it again, or correct it at that place."
        ) from error
    if not isinstance(plain, Mapping) or not all(isinstance(curves, Mapping) for curves in plain.values()):
        raise PresetError(f"{path}: not a table of stems with their curves", hint=f"Write it like {_SHAPE}.")
    return {str(name): from_plain(Automation, curves, f"{path}: {name}") for name, curves in plain.items()}


def _text(path: Path, what: str) -> str:
    try:
        return path.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise PresetError(
            f"{path}: {what} cannot be read: {str(reason).lower()}",
            hint="`tonmeister stems remix` writes NAME.remix.json beside each remix.",
        ) from error
