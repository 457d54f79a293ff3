"""Named presets: the shipped ones and the user's own, by name or by path.

The user's folder is `presets` in the user's configuration folder, or $TONMEISTER_PRESETS; it
holds styles/*.toml, targets/*.toml and chains/*.json. A user's file goes before a shipped one
of the same name. A broken file never hides the others: it is listed with what is wrong.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from mastering.chain import MasteringChain
from mastering.codec import from_plain
from mastering.errors import PresetError, TonmeisterError
from mastering.styles import Limits, Style, Target
from mastering.target import Recipe

__all__ = [
    "FOLDER_VARIABLE",
    "Kind",
    "PresetEntry",
    "entries",
    "load_chain",
    "load_style",
    "load_target",
    "names",
    "reference_limits",
    "user_folder",
    "validate",
]

Kind: TypeAlias = Literal["styles", "targets", "chains"]
Preset: TypeAlias = Style | Target | MasteringChain
N = TypeVar("N", Style, Target)

FOLDER_VARIABLE = "TONMEISTER_PRESETS"
"""Environment variable that names another user's folder."""

_SUFFIXES: dict[Kind, str] = {"styles": ".toml", "targets": ".toml", "chains": ".json"}
_ONE: dict[Kind, str] = {"styles": "style", "targets": "target", "chains": "chain"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetEntry:
    """One preset as listed.

    Args:
        kind: "styles", "targets" or "chains".
        name: what the user types: the file's name without its suffix.
        title, summary: for people; empty where the file cannot be read.
        path: the file.
        shipped: comes with the program.
        shadows: a user's file that stands before a shipped one of the same name.
        error: what is wrong with the file; empty if nothing is.
    """

    kind: Kind
    name: str
    title: str
    summary: str
    path: str
    shipped: bool
    shadows: bool = False
    error: str = ""


def user_folder() -> Path:
    """The folder of the user's presets; it need not exist."""
    named = os.environ.get(FOLDER_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_config_path("tonmeister") / "presets"


def names(kind: Kind) -> list[str]:
    """Names that can be loaded, in alphabetical order; no file is opened."""
    return sorted(_shipped(kind) | _users(kind))


def entries(kind: Kind) -> list[PresetEntry]:
    """Every preset of a kind with title, summary and state, in alphabetical order."""
    shipped, users = _shipped(kind), _users(kind)
    return [
        _entry(kind, name, users.get(name) or shipped[name], name in users, name in shipped)
        for name in names(kind)
    ]


def load_style(name_or_path: str | Path) -> Style:
    """A style by its name, or from a .toml file.

    Raises:
        PresetError: no such style, or a file that cannot be read as one.
        ParameterError: a number outside its range.
    """
    return _read_style(_find("styles", name_or_path))


def load_target(name_or_path: str | Path) -> Target:
    """A delivery target by its name, or from a .toml file; raises as `load_style`."""
    return _read_target(_find("targets", name_or_path))


def load_chain(name_or_path: str | Path) -> MasteringChain:
    """A chain by its name, or from a .json file: a chain, or a recipe's chain; raises as `load_style`."""
    return _read_chain(_find("chains", name_or_path))


def reference_limits() -> Limits:
    """How far a master may move towards a reference: presets/limits/reference.toml, or the user's own.

    Raises:
        PresetError, ParameterError: the user's file is broken.
    """
    own = user_folder() / "limits" / "reference.toml"
    file = own if own.is_file() else resources.files("presets") / "limits" / "reference.toml"
    return from_plain(Limits, _table(file, str(file)), str(file))


def validate(path: str | Path) -> Kind:
    """Read a file as what its folder or content says it is, and tell which kind that was.

    Raises:
        PresetError, ParameterError: what is wrong with it.
    """
    file = Path(path)
    kind = _kind_of(file)
    _READERS[kind](_Found(file=file, where=str(file)))
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A preset's file, how messages call it, and the name it was asked by ("" for a path)."""

    file: Traversable
    where: str
    name: str = ""


def _find(kind: Kind, name_or_path: str | Path) -> _Found:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".toml", ".json")) or "/" in text or os.sep in text:
        return _Found(file=Path(text).expanduser(), where=text)
    file = _users(kind).get(text) or _shipped(kind).get(text)
    if file is None:
        raise _unknown(kind, text)
    return _Found(file=file, where=str(file), name=text)


def _unknown(kind: Kind, name: str) -> PresetError:
    one, known = _ONE[kind], names(kind)
    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    hint = f"Choose one of: {', '.join(known)}." if known else f"There are none in {user_folder() / kind}."
    for other in get_args(Kind):
        if other != kind and name in names(other):
            hint = f"{name!r} is a {_ONE[other]}. {hint}"
    return PresetError(f"no {one} named {name!r}{meant}", hint=hint, code="preset_unknown")


def _entry(kind: Kind, name: str, file: Traversable, users: bool, shipped: bool) -> PresetEntry:
    title, summary, error = "", "", ""
    try:
        preset = _READERS[kind](_Found(file=file, where=str(file), name=name))
        title, summary = _texts(preset)
    except TonmeisterError as broken:
        error = broken.message
    return PresetEntry(
        kind=kind,
        name=name,
        title=title,
        summary=summary,
        path=str(file),
        shipped=not users,
        shadows=users and shipped,
        error=error,
    )


def _texts(preset: Preset) -> tuple[str, str]:
    if isinstance(preset, MasteringChain):
        steps = [step.kind.replace("_", " ") for step in preset.steps]
        return preset.name, ", ".join([*steps, *(["limiter"] if preset.limiter else [])])
    return preset.title, preset.summary


def _shipped(kind: Kind) -> dict[str, Traversable]:
    return _files(resources.files("presets") / kind, _SUFFIXES[kind])


def _users(kind: Kind) -> dict[str, Traversable]:
    return _files(user_folder() / kind, _SUFFIXES[kind])


def _files(folder: Traversable, suffix: str) -> dict[str, Traversable]:
    """Name -> file for the presets in a folder; none where there is no such folder."""
    try:
        found = list(folder.iterdir())
    except OSError:
        return {}
    return {
        file.name.removesuffix(suffix): file
        for file in found
        if file.name.endswith(suffix) and not file.name.startswith(".")
    }


def _kind_of(file: Path) -> Kind:
    if file.suffix == ".json":
        return "chains"
    if file.suffix != ".toml":
        raise PresetError(
            f"{file}: a preset ends in .toml (style or target) or .json (chain)",
            hint="Rename the file.",
        )
    for kind in ("styles", "targets"):
        if file.absolute().parent.name == kind:
            return kind
    table = _table(file, str(file))
    if "delivery" in table or "official" in table:
        return "targets"
    if "band_levels_db" in table:
        return "styles"
    raise PresetError(
        f"{file}: neither a style (it has no 'band_levels_db') nor a target (it has no 'delivery')",
        hint="Start from a shipped style or target.",
    )


def _read_style(found: _Found) -> Style:
    return _same_name(found, from_plain(Style, _table(found.file, found.where), found.where))


def _read_target(found: _Found) -> Target:
    return _same_name(found, from_plain(Target, _table(found.file, found.where), found.where))


def _read_chain(found: _Found) -> MasteringChain:
    table = _table(found.file, found.where)
    if isinstance(table, Mapping) and "chain" in table:
        return from_plain(Recipe, table, found.where).chain
    return from_plain(MasteringChain, table, found.where)


_READERS: dict[Kind, Callable[[_Found], Preset]] = {
    "styles": _read_style,
    "targets": _read_target,
    "chains": _read_chain,
}


def _same_name(found: _Found, preset: N) -> N:
    if found.name and preset.name != found.name:
        raise PresetError(
            f"{found.where}: its name is {preset.name!r}: it must be that of the file, {found.name!r}",
            hint="Rename the file, or correct its name.",
        )
    return preset


def _table(file: Traversable, where: str) -> Any:
    """The plain values of a TOML or JSON file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PresetError(
            f"{where}: cannot be read ({error.strerror})", hint="Check the path, or give a preset's name."
        ) from error
    except UnicodeDecodeError as error:
        raise PresetError(f"{where}: not a text file in UTF-8", hint="Save it as UTF-8.") from error
    try:
        return json.loads(text) if file.name.endswith(".json") else tomllib.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        language = "JSON" if file.name.endswith(".json") else "TOML"
        raise PresetError(
            f"{where}: not a {language} document ({error})", hint="Correct it at that place."
        ) from error
