"""Where stems go: names by a template, and refusing to collide before anything is separated."""

from __future__ import annotations

import os
import string
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import click

from mastering.cli.inputs import Input, expand
from mastering.target import Container

__all__ = ["FOLDER_MARK", "TEMPLATE", "Place", "check_template", "material", "refuse_collisions"]

FOLDER_MARK = ".stems"
"""`NAME.stems/` holds stems of ours: a folder's or a glob's stems are not separated again."""

TEMPLATE = f"{{track}}{FOLDER_MARK}/{{stem}}"

_FIELDS = ("track", "stem", "model")
_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the stems of one input go.

    Args:
        root: folder of all of them.
        track: name of the input.
        template: name of a file below it, without suffix, in the fields of `TEMPLATE` and {model}.
        container: its suffix.
    """

    root: Path
    track: str
    template: str
    container: Container

    @classmethod
    def of(cls, item: Input, folder: Path | None, template: str, container: Container) -> Place:
        """The place of an input's stems in what -o names; None is the input's own folder."""
        root = item.path.parent if folder is None else folder / item.folder
        return cls(root=root, track=item.path.stem, template=template, container=container)

    def path(self, stem: str, model: str) -> Path:
        """The file of a stem."""
        fields = {"track": self.track, "stem": stem.translate(_UNSAFE), "model": model.translate(_UNSAFE)}
        return self.root / f"{self.template.format(**fields)}.{self.container}"


def check_template(template: str) -> None:
    """Refuse a template that does not name one file for each stem below the folder.

    Raises:
        click.UsageError: what is wrong with it.
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
        template.format(**dict.fromkeys(_FIELDS, "x"))
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        known = ", ".join(f"{{{name}}}" for name in _FIELDS)
        raise click.UsageError(f"--name-template {template}: allowed are {known}, and text.") from error
    if any(field not in _FIELDS for field in fields) or "stem" not in fields:
        raise click.UsageError(f"--name-template {template}: it needs {{stem}}, or all stems have one name.")
    plain = template.replace("\\", "/")
    path = PurePosixPath(plain)
    if path.is_absolute() or PureWindowsPath(template).drive or ".." in path.parts or plain.endswith("/"):
        raise click.UsageError(f"--name-template {template}: it must stay below the folder of -o.")


def material(given: Iterable[str]) -> list[Input]:
    """Inputs for what was typed; folders and globs without the stems of earlier runs."""
    found = []
    for text in given:
        named = FOLDER_MARK in text or Path(text).is_file()
        found += [item for item in expand([text]) if named or item.failure or not _is_ours(item.path)]
    return found


def _is_ours(path: Path) -> bool:
    return any(part.endswith(FOLDER_MARK) for part in path.parts[:-1])


def refuse_collisions(inputs: Sequence[Input], planned: Sequence[Sequence[Path]]) -> None:
    """Refuse outputs that two inputs or two stems share, or that are inputs.

    Args:
        inputs: what is to be separated.
        planned: the files of each.

    Raises:
        click.UsageError: with the names.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    for item, paths in zip(inputs, planned, strict=True):
        for path in paths:
            sources[_identity(path)].append(str(item.path))
    clashes = {", ".join(dict.fromkeys(names)): None for names in sources.values() if len(names) > 1}
    if clashes:
        listed = "\n".join(f"  {names}" for names in clashes)
        raise click.UsageError(
            "Stems of these inputs would be written to the same file; use {track} in --name-template, or "
            f"rename one:\n{listed}"
        )
    taken = {_identity(item.path) for item in inputs}
    for path in (path for paths in planned for path in paths):
        if _identity(path) in taken:
            raise click.UsageError(f"{path} is an input; originals are never written over.")


def _identity(path: Path) -> str:
    """Equal for two names of one file, also where the disk ignores case."""
    return os.path.normcase(os.path.realpath(path))
