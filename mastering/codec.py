"""Dataclasses to plain values (dict, list, number, text) and back; JSON documents on top.

One codec serves recipes (JSON), styles and targets (TOML tables) and the `--json` documents.
Unknown keys are refused with the nearest known one; every message says where it was found.
A number that is -inf or +inf (silence measured in dB) is null in JSON.

A field that came with a later schema says so in its metadata, {"since": 2}. It is left out of a
document while it is at its default, and the class then writes the older schema: a document is never
newer than what it holds. Reading an older document gives the field its default; that is the migration.

A class whose annotations name types that its module imports late gives them by a static method
`annotated_types`, name -> type.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import functools
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from mastering.errors import ParameterError, PresetError

__all__ = ["from_json", "from_plain", "to_json", "to_plain"]

T = TypeVar("T")

SCHEMA = 1
"""Schema of every class without a field that came later."""


def to_plain(value: Any) -> Any:
    """`value` as dicts, lists, numbers, text; dataclasses become dicts, infinities become None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in _written(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _written(value: Any) -> Iterator[dataclasses.Field[Any]]:
    """The fields of a dataclass that its document holds."""
    for field in dataclasses.fields(value):
        if _since(field) == SCHEMA or getattr(value, field.name) != field.default:
            yield field


def _since(field: dataclasses.Field[Any]) -> int:
    """The schema that a field came with."""
    return int(field.metadata.get("since", SCHEMA))


def to_json(value: Any) -> str:
    """`value` as an indented JSON document ending in a newline.

    Floats are written with every digit they need to be read back equal, so that a recipe
    repeats a master bit for bit.
    """
    return json.dumps(to_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(kind: type[T], text: str, where: str) -> T:
    """Read a document written by `to_json` as a `kind`.

    Raises:
        PresetError: not JSON, an unknown or missing key, a newer schema.
        ParameterError: a number outside its range.
    """
    try:
        plain = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise PresetError(
            f"{where}: not a JSON document ({error})", hint="Save it again, or correct it at that place."
        ) from error
    return from_plain(kind, plain, where)


def from_plain(kind: type[T], plain: Any, where: str) -> T:
    """Build a `kind` from plain values, checking every key and type on the way.

    Args:
        kind: a dataclass.
        plain: what `to_plain` made, or a TOML table.
        where: file or place, for messages.

    Raises:
        PresetError: an unknown or missing key, a value of the wrong type, a newer schema.
        ParameterError: a number outside its range.
    """
    return typing.cast("T", _build(kind, plain, where))


def _build(kind: Any, plain: Any, where: str) -> Any:
    if not isinstance(plain, Mapping):
        raise _wrong(where, plain, f"a table of {kind.__name__} values")
    hints = _hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    _check_schema(plain, fields, where)
    _check_keys(kind.__name__, plain, fields, where)
    given = {
        name: _value(hints[name], plain[name], f"{where}: {name}")
        for name, field in fields.items()
        if name in plain and field.init
    }
    try:
        return kind(**given)
    except ParameterError as error:
        raise ParameterError(f"{where}: {error.message}", hint=error.hint, code=error.code) from error


def _check_schema(plain: Mapping[str, Any], fields: Mapping[str, dataclasses.Field[Any]], where: str) -> None:
    """Refuse a document that is newer than this version, and keys that are newer than their document."""
    newest = max(map(_since, fields.values()), default=SCHEMA)
    schema = plain.get("schema", SCHEMA)
    if not isinstance(schema, int) or not 1 <= schema <= newest:
        raise PresetError(
            f"{where}: schema {schema!r}: this version reads {SCHEMA}..{newest}",
            hint="Update tonmeister, or save the document with this version.",
        )
    for key in plain.keys() & fields.keys():
        if _since(fields[key]) > schema:
            raise PresetError(
                f"{where}: '{key}' came with schema {_since(fields[key])}, the document says {schema}",
                hint=f"Write 'schema': {_since(fields[key])}, or remove '{key}'.",
            )


def _check_keys(
    name: str, plain: Mapping[str, Any], fields: Mapping[str, dataclasses.Field[Any]], where: str
) -> None:
    for key in plain:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            meant = f", did you mean '{near[0]}'?" if near else f": {name} has {', '.join(fields)}"
            raise PresetError(f"{where}: unknown key '{key}'{meant}", hint="Correct or remove that key.")
    for key, field in fields.items():
        if key not in plain and field.init and _required(field):
            raise PresetError(f"{where}: '{key}' is missing from {name}", hint=f"Add '{key}'.")


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    late = getattr(kind, "annotated_types", None)
    return typing.get_type_hints(kind, localns=late() if late is not None else None)


def _value(hint: Any, plain: Any, where: str) -> Any:
    if hint is Any:
        return plain
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(typing.get_args(hint), plain, where)
    if origin is Literal:
        return _literal(typing.get_args(hint), plain, where)
    if origin is tuple:
        return _items(typing.get_args(hint), plain, where)
    if origin is collections.abc.Mapping:
        return _table(typing.get_args(hint)[1], plain, where)
    if dataclasses.is_dataclass(hint):
        return _build(hint, plain, where)
    return _scalar(hint, plain, where)


def _union(options: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and type(None) in options:
        return None
    kinds = [option for option in options if option is not type(None)]
    if len(kinds) == 1:
        return _value(kinds[0], plain, where)
    tagged = {_hints_kind(k): k for k in kinds if dataclasses.is_dataclass(k)}
    if len(tagged) == 1 and isinstance(plain, Mapping):
        return _build(next(iter(tagged.values())), plain, where)
    if tagged and isinstance(plain, Mapping):
        return _tagged(tagged, plain, where)
    for kind in kinds:
        if not dataclasses.is_dataclass(kind) and _fits(kind, plain):
            return _value(kind, plain, where)
    raise _wrong(where, plain, " or ".join(getattr(k, "__name__", str(k)) for k in kinds))


def _fits(kind: Any, plain: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        return isinstance(plain, list)
    if kind is float:
        return isinstance(plain, (int, float)) and not isinstance(plain, bool)
    if kind is Path:
        return isinstance(plain, str)
    return isinstance(kind, type) and isinstance(plain, kind)


def _hints_kind(kind: Any) -> str:
    """The tag of one member of a union of dataclasses: the default of its field `kind`."""
    return next((str(f.default) for f in dataclasses.fields(kind) if f.name == "kind"), kind.__name__)


def _tagged(tagged: Mapping[str, Any], plain: Mapping[str, Any], where: str) -> Any:
    tag = str(plain.get("kind"))
    if tag not in tagged:
        near = difflib.get_close_matches(tag, tagged, n=1)
        meant = f"did you mean '{near[0]}'?" if near else f"allowed {', '.join(sorted(tagged))}"
        raise PresetError(f"{where}: unknown kind {tag!r}, {meant}", hint="Correct the step's 'kind'.")
    return _build(tagged[tag], plain, where)


def _literal(choices: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain in choices and not isinstance(plain, bool):
        return plain
    raise _wrong(where, plain, "one of " + ", ".join(str(choice) for choice in choices))


def _items(arguments: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, (list, tuple)):
        raise _wrong(where, plain, "a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(plain))
    if len(plain) != len(arguments):
        raise _wrong(where, plain, f"a list of {len(arguments)}")
    pairs = zip(arguments, plain, strict=True)
    return tuple(_value(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(pairs))


def _table(hint: Any, plain: Any, where: str) -> dict[str, Any]:
    """A Mapping of names to values of one type."""
    if not isinstance(plain, Mapping):
        raise _wrong(where, plain, "a table")
    return {str(key): _value(hint, item, f"{where}.{key}") for key, item in plain.items()}


def _scalar(hint: Any, plain: Any, where: str) -> Any:
    if hint is float:
        if plain is None:
            return -math.inf
        if isinstance(plain, (int, float)) and not isinstance(plain, bool):
            return float(plain)
    elif hint is Path:
        if isinstance(plain, str) and plain:
            return Path(plain)
    elif (hint is bool and isinstance(plain, bool)) or (
        hint in (int, str) and isinstance(plain, hint) and not isinstance(plain, bool)
    ):
        return plain
    raise _wrong(
        where,
        plain,
        {float: "a number", int: "a whole number", str: "text", Path: "a path"}.get(hint, str(hint)),
    )


def _wrong(where: str, plain: Any, wanted: str) -> PresetError:
    return PresetError(f"{where}: {plain!r} is not {wanted}", hint="Correct that value.")
