"""Names of outputs by template, and names that are free."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Callable, Mapping
from pathlib import Path

from mastering.errors import ParameterError

__all__ = ["DEFAULT_TEMPLATE", "FIELDS", "check_template", "free", "output_name", "shortened"]

DEFAULT_TEMPLATE = "{stem}.master.{ext}"
FIELDS = ("stem", "folder", "style", "target", "date", "ext")

_LONGEST_BYTES = 255
_ROOM_BYTES = 24
"""For " (2)", ".recipe.json" and ".report.html", ".error.json"."""

_UNWELCOME = re.compile(r"[\x00-\x1f\x7f/\\]")
_END = ".{ext}"


def check_template(template: str) -> str:
    """The template, if it names a file.

    Raises:
        ParameterError: it holds a path, a field that is not known, or does not end with ".{ext}".
    """
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError as error:
        raise _refused(template, f"it cannot be read ({error})") from error
    for _, name, form, conversion in fields:
        if name is not None and (name not in FIELDS or form or conversion):
            shown = "{" + name + "}"
            allowed = ", ".join("{" + field + "}" for field in FIELDS)
            raise _refused(template, f"{shown} is none of {allowed}")
    if _UNWELCOME.search(template):
        raise _refused(template, "it names a file, not a path")
    if not template.endswith(_END) or template == _END or template.startswith("."):
        raise _refused(template, f"it must end with '{_END}', and the name must not begin with a dot")
    return template


def output_name(template: str, values: Mapping[str, str]) -> str:
    """The name that a template gives, without anything that leads elsewhere, and not too long.

    >>> output_name("{stem} - {style}.{ext}", {"stem": "a/b", "style": "warm", "ext": "wav"})
    'a-b - warm.wav'
    """
    known = {field: _UNWELCOME.sub("-", values.get(field, "")) for field in FIELDS}
    name = template.removesuffix(_END).format_map(known).lstrip(". ") or "song"
    return shortened(f"{name}.{known['ext']}")


def shortened(name: str) -> str:
    """A name with room for what is put to its end; what is too long is cut before the suffix."""
    stem, suffix = Path(name).stem, Path(name).suffix
    room = _LONGEST_BYTES - _ROOM_BYTES - len(os.fsencode(suffix))
    raw = os.fsencode(stem)
    if len(raw) <= room:
        return name
    while raw[room] & 0xC0 == 0x80:  # not within a character
        room -= 1
    return os.fsdecode(raw[:room]).rstrip(" .") + suffix


def free(path: Path, is_taken: Callable[[Path], bool], *, folder: bool = False) -> Path:
    """The path itself, or the first of "NAME (2)", "NAME (3)", ... that is not taken.

    Args:
        path: what is wanted.
        is_taken: says whether it can be had.
        folder: a dot in its name begins no suffix.
    """
    number, tried = 1, path
    while is_taken(tried):
        number += 1
        name = f"{path.name} ({number})" if folder else f"{path.stem} ({number}){path.suffix}"
        tried = path.with_name(name)
    return tried


def _refused(template: str, why: str) -> ParameterError:
    return ParameterError(
        f"the name template '{template}': {why}", hint=f"The default is {DEFAULT_TEMPLATE}", code="template"
    )
