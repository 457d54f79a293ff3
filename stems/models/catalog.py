"""Names to entries: what presets/models/separators.toml says, and the card of the embedded model."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from mastering.errors import ModelError, ParameterError
from mastering.io.weights import model_ref
from stems.models.entries import Member, ModelEntry, RemoteFile

__all__ = ["EMBEDDED", "embedded_folder", "find_member", "find_model", "list_models", "roots"]

EMBEDDED = "draft"
"""Name of the model that comes with the program."""

_NAMESPACE = "adefossez"
_DIGITS = re.compile(r"-([0-9a-f]{8,64})\.th$")


def embedded_folder() -> Path:
    """Folder of the models that come with the program."""
    return Path(str(resources.files("presets") / "models"))


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads((resources.files("presets") / "models" / "separators.toml").read_text("utf-8"))


def roots() -> dict[str, str]:
    """Address of each server, without a slash at the end."""
    return dict(_document()["roots"])


def list_models() -> tuple[ModelEntry, ...]:
    """Every model that has a name, the embedded one first. No file of weights is opened."""
    return tuple(_entry(table) for table in _document()["models"])


def find_model(name: str) -> ModelEntry:
    """The model of a name; like in demucs, the signature of one network (such as "955717e8") is a name too.

    Raises:
        ParameterError: no such model.
    """
    known = {entry.name: entry for entry in list_models()}
    if name in known:
        return known[name]
    for entry in known.values():
        for member in entry.members:
            if member.signature == name:
                return _alone(entry, member)
    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    raise ParameterError(
        f"no separation model named '{name}'{meant}",
        hint="`tonmeister stems models list` shows all; a path to a file works too.",
        code="model_unknown",
    )


def find_member(signature: str) -> Member | None:
    """The network of a signature, whichever model has it."""
    members = (member for entry in list_models() for member in entry.members)
    return next((member for member in members if member.signature == signature), None)


def _alone(entry: ModelEntry, member: Member) -> ModelEntry:
    summary = f"One network of {entry.name}."
    ones = ((1.0,) * len(entry.sources),)
    return replace(entry, name=member.signature, summary=summary, members=(member,), weights=ones)


def _entry(table: dict[str, Any]) -> ModelEntry:
    document = _document()
    sources, members = tuple(table["sources"]), tuple(table["members"])
    equal = [[1] * len(sources) for _ in members]
    entry = ModelEntry(
        name=table["name"],
        label=table.get("label", "official"),
        summary=table["summary"],
        sources=sources,
        members=tuple(_member(signature, table) for signature in members),
        weights=tuple(tuple(map(float, row)) for row in table.get("weights", equal)),
        segment_s=table.get("segment_s"),
        licence=document["terms"]["official"]["licence"],
        terms=document["terms"]["official"]["terms"],
        training=document["training"].get(table.get("training"), ""),
        needs=table.get("needs", ""),
    )
    return _with_card(entry) if entry.label == "draft" else entry


def _member(signature: str, table: dict[str, Any]) -> Member:
    if table.get("label") == "draft":
        name = f"{signature}.safetensors"
        return Member(signature=signature, files=(RemoteFile(name=name, root="embedded", path=name),))
    facts = _document()["members"][signature]
    return Member(signature=signature, files=(_on_hub(signature, table, facts), _on_legacy(facts["legacy"])))


def _on_hub(signature: str, table: dict[str, Any], facts: dict[str, Any]) -> RemoteFile:
    # The digest belongs to the file of any repository: the tensors of a signature never change.
    name, known = f"{signature}.safetensors", facts.get("hub", {})
    path = f"{_NAMESPACE}/{table['repository']}/resolve/{table.get('revision', 'main')}/{name}"
    return RemoteFile(
        name=name, root="hub", path=path, size_bytes=known.get("bytes"), sha256=known.get("sha256", "")
    )


def _on_legacy(known: dict[str, Any]) -> RemoteFile:
    name = known["path"].rpartition("/")[2]
    digits = _DIGITS.search(name)
    sha256: str = known.get("sha256") or (digits[1] if digits else "")
    return RemoteFile(
        name=name, root="legacy", path=known["path"], size_bytes=known.get("bytes"), sha256=sha256
    )


def _with_card(entry: ModelEntry) -> ModelEntry:
    """The embedded model as its card describes it; without a card, as far as it is known."""
    folder = embedded_folder()
    plain = replace(entry, licence="GPL-3.0-or-later", terms="", training="See presets/models/draft.md.")
    try:
        ref = model_ref(folder / f"{entry.name}.toml")
    except ModelError:
        return plain
    (member,) = entry.members
    weights = folder / member.files[0].name
    size_bytes = weights.stat().st_size if weights.is_file() else None
    file = replace(member.files[0], sha256=ref.sha256, size_bytes=size_bytes)
    members = (replace(member, files=(file,)),)
    return replace(plain, licence=ref.licence, version=ref.version, members=members)
