"""Where a personal style lives, whether its name is free, and how its three files appear at once."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mastering import library
from mastering.errors import EnvironmentProblem, ParameterError
from mastering.io.atomic import TEMPORARY_PREFIX, output_problem

__all__ = ["Places", "check_name", "check_writable", "places_of", "publish", "staging"]

_NAME = re.compile(r"\w(?:[\w .-]{0,62}[\w])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files of one personal style."""

    style: Path
    weights: Path
    card: Path

    def all(self) -> tuple[Path, ...]:
        """In the order in which they may appear: the style, which makes the others visible, last."""
        return self.weights, self.card, self.style


def places_of(name: str, presets: Path) -> Places:
    """The files of the style `name` below a folder of presets."""
    return Places(
        style=presets / "styles" / f"{name}.toml",
        weights=presets / "models" / f"{name}.safetensors",
        card=presets / "models" / f"{name}.toml",
    )


def check_name(name: str, presets: Path, *, force: bool) -> None:
    """Raise ParameterError for a name that is no plain file name, or one that is taken.

    Args:
        name: of the personal style.
        presets: the user's folder of presets.
        force: whether a style of that name may be replaced, or a shipped one hidden.
    """
    if not _NAME.fullmatch(name) or name.endswith((".toml", ".json")):
        raise ParameterError(
            f"--name {name!r}: allowed is a plain file name of at most 64 letters, digits, spaces, '_', '-' "
            "and '.' that begins and ends with a letter or digit",
            hint="For example: --name mine",
            code="name",
        )
    if force:
        return
    if any(path.exists() for path in places_of(name, presets).all()):
        raise ParameterError(
            f"there is a style of yours named {name!r} already",
            hint="Choose another name, or use --force to replace it.",
            code="name_taken",
        )
    if name in library.names("styles"):
        raise ParameterError(
            f"{name!r} is a style that comes with tonmeister",
            hint="Choose another name, or use --force to have yours stand before it.",
            code="name_taken",
        )


def check_writable(presets: Path) -> None:
    """Raise EnvironmentProblem where files could not be made in the folder, before time is spent."""
    nearest = next(folder for folder in (presets, *presets.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise EnvironmentProblem(
            f"{nearest}: the folder of your presets cannot be written",
            hint=f"Change its permissions, or name another in {library.FOLDER_VARIABLE}.",
            code="output_not_writable",
        )


@contextlib.contextmanager
def staging(presets: Path) -> Iterator[Path]:
    """A hidden folder beside the presets to make the files in; it is gone afterwards, whatever happens."""
    try:
        presets.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=presets))
    except OSError as error:
        raise output_problem(error, presets) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, presets: Path, name: str) -> Places:
    """Move the finished files of `places_of(name, staged)` to the presets: all of them, or none.

    What was there before is put back if anything, an interruption too, comes between.
    """
    old = staged / "replaced"
    made, places, before = (places_of(name, folder) for folder in (staged, presets, old))
    moves = list(zip(made.all(), places.all(), before.all(), strict=True))
    try:
        for new, place, kept in moves:
            for folder in (place.parent, kept.parent):
                folder.mkdir(parents=True, exist_ok=True)
            if place.exists():
                place.replace(kept)
            new.replace(place)
    except BaseException as error:
        _take_back(moves)
        if isinstance(error, OSError):
            raise output_problem(error, places.style) from error
        raise
    return places


def _take_back(moves: list[tuple[Path, Path, Path]]) -> None:
    """Undo what was moved; the files themselves tell how far that was."""
    for new, place, kept in reversed(moves):
        if not new.exists():
            place.unlink(missing_ok=True)
        if kept.exists():
            kept.replace(place)
