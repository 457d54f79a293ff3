"""Bags of local files: a YAML file that lists signatures, as demucs writes it (demucs/remote/*.yaml)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.errors import ModelError
from stems.models.catalog import find_member
from stems.models.digests import unreadable
from stems.models.store import LocatedFile, locate_member

__all__ = ["Bag", "read_bag"]

_LARGEST_BYTES = 1_000_000
_SIGNATURE = re.compile(r"^[\w.-]{1,128}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """What a YAML file says.

    Args:
        files: for each network its file, and its place in the catalogue if it has one.
        weights: for each network one weight per source; None for equal ones.
        segment_s: overrides what each network takes at a time; None leaves it.
    """

    files: tuple[Path | LocatedFile, ...]
    weights: tuple[tuple[float, ...], ...] | None
    segment_s: float | None


def read_bag(path: Path, models_dir: Path | None = None) -> Bag:
    """Read a bag and find its files: beside it, else where the official ones are.

    Raises:
        ModelError: it cannot be read ("model_unreadable"), is no bag ("model_bag"), or lists a file that is
            nowhere ("model_missing").
    """
    document = _document(path)
    signatures = document.get("models")
    if not isinstance(signatures, list) or not signatures:
        raise _wrong(path, "it has no list `models` of signatures")
    for signature in signatures:
        if not isinstance(signature, str) or not _SIGNATURE.match(signature):
            raise _wrong(path, f"{signature!r} is not a signature (put it in quotes if it is a number)")
    return Bag(
        files=tuple(_find(path, signature, models_dir) for signature in signatures),
        weights=_weights(path, document.get("weights"), len(signatures)),
        segment_s=_segment(path, document.get("segment")),
    )


def _document(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(text) > _LARGEST_BYTES:
        raise _wrong(path, "it is far too large")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(path, f"it is no YAML ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(document, dict):
        raise _wrong(path, "it is no YAML with a list `models`")
    return document


def _find(path: Path, signature: str, models_dir: Path | None) -> Path | LocatedFile:
    folder = path.parent
    beside = [folder / f"{signature}.safetensors", *sorted(folder.glob(f"{signature}-*.th"))]
    for file in (*beside, folder / f"{signature}.th"):
        if file.is_file():
            return file
    member = find_member(signature)
    found = locate_member(member, models_dir) if member is not None else None
    if found is None:
        raise ModelError(
            f"{path}: no file of the network '{signature}' beside it",
            hint=f"Put {signature}.safetensors or {signature}-DIGITS.th into {folder}.",
            code="model_missing",
        )
    return found


def _weights(path: Path, rows: Any, count: int) -> tuple[tuple[float, ...], ...] | None:
    if rows is None:
        return None
    if not isinstance(rows, list) or len(rows) != count or not all(isinstance(row, list) for row in rows):
        raise _wrong(path, f"its weights must be {count} lists, one for each network")
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise _wrong(path, "its lists of weights must have one number for each source")
    if not all(_is_weight(value) for row in rows for value in row):
        raise _wrong(path, "its weights must be numbers from 0 up")
    if not all(sum(column) > 0 for column in zip(*rows, strict=True)):
        raise _wrong(path, "the weights of a source are all 0")
    return tuple(tuple(map(float, row)) for row in rows)


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _segment(path: Path, value: Any) -> float | None:
    if value is None:
        return None
    if not _is_weight(value) or value <= 0:
        raise _wrong(path, f"its segment is {value!r}: allowed a number of seconds above 0")
    return float(value)


def _wrong(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"{path}: not a bag of models: {reason}",
        hint="Like `models: ['955717e8']`, with `weights` and `segment` if wanted.",
        code="model_bag",
    )
