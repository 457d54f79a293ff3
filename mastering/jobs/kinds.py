"""Requests by name: how they are written down, which code runs them, and what makes two the same."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mastering.codec import from_plain, to_plain
from mastering.errors import AudioFileError, ParameterError
from mastering.jobs.model import About, Kind

__all__ = ["Kinds", "absolute", "content_key", "load"]

_CHUNK_BYTES = 2**20


def load(path: str) -> Any:
    """What "package.module:name" names.

    Raises:
        ParameterError: it is not there.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ParameterError(
            f"the code of this kind of job is not there: {path} ({error})",
            hint="Install what the job was submitted with.",
            code="kind_missing",
        ) from error


class Kinds:
    """The kinds of work that are known; whoever puts the program together names them.

    Args:
        kinds: each under its own name.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    @property
    def names(self) -> tuple[str, ...]:
        """In the order they were given."""
        return tuple(self._kinds)

    def named(self, name: str) -> Kind:
        """The kind of a name.

        Raises:
            ParameterError: there is none.
        """
        if name not in self._kinds:
            near = difflib.get_close_matches(name, self._kinds, n=1)
            meant = f"did you mean '{near[0]}'?" if near else f"allowed {', '.join(self._kinds)}"
            raise ParameterError(f"no kind of job is called '{name}', {meant}", code="kind_unknown")
        return self._kinds[name]

    def of(self, request: object) -> Kind:
        """The kind whose requests are of this class.

        Raises:
            ParameterError: there is none.
        """
        own = f"{type(request).__module__}:{type(request).__qualname__}"
        for kind in self._kinds.values():
            if kind.request == own:
                return kind
        raise ParameterError(f"{own} is no kind of job's request", code="kind_unknown")

    def about(self, request: object) -> About:
        """Label, inputs and lane of a request."""
        about: About = load(self.of(request).about)(request)
        return about

    def read(self, name: str, plain: Mapping[str, Any]) -> Any:
        """The request that `plain` describes.

        Raises:
            PresetError, ParameterError: it is none of this kind.
        """
        return from_plain(load(self.named(name).request), plain, f"{name} job")


def content_key(kind: Kind, request: object, inputs: Iterable[Path]) -> str:
    """SHA-256 over the kind, the request and the content of its inputs, in hexadecimal.

    Raises:
        AudioFileError: an input cannot be read.
    """
    digest = hashlib.sha256()
    whole = {"kind": kind.name, "request": to_plain(request)}
    digest.update(json.dumps(whole, sort_keys=True).encode("ascii"))
    for path in inputs:
        digest.update(_sha256(path))
    return digest.hexdigest()


def absolute(value: Any) -> Any:
    """A request whose paths do not depend on the folder it was made in."""
    if isinstance(value, Path):
        return value.absolute()
    if isinstance(value, tuple):
        return tuple(map(absolute, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        now = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        new = {name: absolute(item) for name, item in now.items()}
        changed = {name: item for name, item in new.items() if item is not now[name] and item != now[name]}
        return dataclasses.replace(value, **changed) if changed else value
    return value


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK_BYTES):
                digest.update(block)
    except OSError as error:
        raise AudioFileError(
            f"{path}: cannot be read ({error.strerror})",
            hint="Check the name and its permissions.",
            code="file_missing" if isinstance(error, FileNotFoundError) else "no_permission",
        ) from error
    return digest.digest()
