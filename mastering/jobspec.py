"""MasterJob: everything a mastering run is asked for, apart from the input and output paths.

And how what was typed or passed becomes one: the command line and `mastering.api` share the rules here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from mastering import library
from mastering.chain import MasteringChain
from mastering.codec import from_json
from mastering.errors import ParameterError, PresetError
from mastering.host.plugins.inserts import Insert
from mastering.ports import ASPECTS, Aspect
from mastering.styles import Style, Target
from mastering.target import CONTAINERS, Container, DeliverySpec, Recipe
from mastering.units import Range, check_ranges

__all__ = [
    "CONTAINER_SUFFIXES",
    "DEFAULT_MATCHER",
    "DEFAULT_STYLE",
    "MasterJob",
    "Progress",
    "check_stems",
    "container_of",
    "default_style_name",
    "ignore_progress",
    "load_recipe",
    "merge_delivery",
]

DEFAULT_MATCHER = "learned"
"""The matcher of a run that names none."""

DEFAULT_STYLE = "balanced"
"""The style of a run that names neither references, a style nor a target."""

CONTAINER_SUFFIXES: dict[str, Container] = {f".{name}": name for name in CONTAINERS} | {
    ".wave": "wav",
    ".bwf": "wav",
    ".oga": "ogg",
    ".aif": "aiff",
}
"""Suffix of an output -> its container; the first suffix of each container is the default one."""

Progress: TypeAlias = Callable[[str, float], None]
"""Called with a stage ("measure", "separate", "match", "render", "write", "verify", ...) and 0..1."""


def ignore_progress(stage: str, fraction: float) -> None:
    """The Progress of a caller that does not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterJob:
    """One request to master, for one input or for an album.

    Args:
        references: files to match; several are averaged.
        style: target curves and limits; see `default_style_name` for who names none.
        target: the platform's name and numbers, for the report; its numbers are already in `delivery`.
        delivery: loudness, ceiling, rate, bit depth, container, as `merge_delivery` makes it.
        amount_percent: 0..100, None is auto.
        only: the aspects that may change.
        eq: linear-phase curve or parametric bands.
        matcher: name of a registered matcher.
        refine_steps: gradient steps on the matched chain through its exact twin; 0 takes the prediction.
        downmix: fold more than two channels down instead of refusing.
        force: replace an existing output.
        write_report: write NAME.report.html beside the master (NAME.recipe.json is always written).
        inserts: external plug-ins on top of what is matched.
    """

    references: tuple[Path, ...] = ()
    style: Style | None = None
    target: Target | None = None
    delivery: DeliverySpec = DeliverySpec()
    amount_percent: Annotated[float, Range(0.0, 100.0, "%")] | None = None
    only: tuple[Aspect, ...] = ASPECTS
    eq: Literal["linear", "parametric"] = "linear"
    matcher: str = DEFAULT_MATCHER
    refine_steps: Annotated[int, Range(0, 500)] = 0
    downmix: bool = False
    force: bool = False
    write_report: bool = True
    inserts: tuple[Insert, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self)
        for aspect in self.only:
            if aspect not in ASPECTS:
                raise ParameterError(
                    f"MasterJob.only holds {aspect!r}: allowed {', '.join(ASPECTS)}",
                    hint="Name the aspects that may change.",
                )


def check_stems(references: Collection[object], songs: int) -> None:
    """Refuse what mastering stem by stem cannot do.

    Args:
        references: files to match.
        songs: how many share one decision.

    Raises:
        ParameterError: no reference, or an album.
    """
    if not references:
        raise ParameterError(
            "--stems matches each stem to the same stem of a reference, and there is none: a style is a "
            "curve of whole mixes",
            hint="Give a reference (-r FILE), or leave --stems out.",
            code="stems_without_reference",
        )
    if songs > 1:
        raise ParameterError(
            "--stems and --album exclude each other: an album is one decision for all songs, so that they "
            "keep to each other, and the balance of stems is each song's own",
            hint="Master the songs one by one with --stems, or the album without.",
            code="stems_of_album",
        )


def default_style_name(references: Collection[object], style: str | None, target: str | None) -> str | None:
    """The style to load: the one named, else DEFAULT_STYLE where nothing else says how it should sound.

    >>> default_style_name([], None, None), default_style_name([], None, "spotify")
    ('balanced', None)
    """
    return style or (None if references or target else DEFAULT_STYLE)


def merge_delivery(
    style: Style | None,
    target: Target | None,
    given: Mapping[str, Any],
    *,
    referenced: bool,
    only: tuple[Aspect, ...] = ASPECTS,
) -> DeliverySpec:
    """What to deliver: defaults < the style's level < the target < what was given.

    Args:
        style: its loudness and ceiling count only without target and reference.
        target: the platform; its numbers replace the style's.
        given: fields of DeliverySpec that were typed or passed.
        referenced: there is at least one reference; its loudness is the goal.
        only: the aspects that may change; without "level" the style's loudness does not count.

    Raises:
        ParameterError: a number outside its range.
    """
    spec = DeliverySpec()
    if target is not None:
        spec = target.delivery
    elif style is not None and not referenced:
        lufs = style.integrated_lufs if "level" in only else None
        spec = replace(spec, integrated_lufs=lufs, ceiling_dbtp=style.ceiling_dbtp)
    return replace(spec, **given)


def container_of(output: Path) -> Container:
    """The container that an output's suffix names.

    Raises:
        ParameterError: a suffix of no container, or none.

    >>> container_of(Path("song.AIF"))
    'aiff'
    """
    suffix = output.suffix.lower()
    if suffix not in CONTAINER_SUFFIXES:
        shown = f"{output.suffix!r} is no output format" if suffix else "the output has no suffix"
        raise ParameterError(
            f"{output}: {shown}; allowed {', '.join(CONTAINER_SUFFIXES)}",
            hint="Choose one of these suffixes.",
        )
    return CONTAINER_SUFFIXES[suffix]


def load_recipe(name_or_path: str | os.PathLike[str]) -> Recipe:
    """A saved recipe; or a chain, from a file or by its name in the library, with the default delivery.

    Raises:
        PresetError: no such chain or file, or a file that is neither a recipe nor a chain.
        ParameterError: a number outside its range.
    """
    text = os.fspath(name_or_path)
    if not _is_file_name(text):
        return Recipe(chain=library.load_chain(text), delivery=DeliverySpec())
    document = _read(Path(text))
    if _is_recipe(document):
        return from_json(Recipe, document, text)
    return Recipe(chain=from_json(MasteringChain, document, text), delivery=DeliverySpec())


def _is_file_name(text: str) -> bool:
    """A chain's name is none of the library's: it is a path if it looks like one or is there."""
    return text not in library.names("chains") and (
        text.endswith(".json") or "/" in text or os.sep in text or Path(text).exists()
    )


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise PresetError(
            f"{path}: the recipe cannot be read: {str(reason).lower()}",
            hint="`tonmeister master` writes NAME.recipe.json beside each master.",
        ) from error


def _is_recipe(document: str) -> bool:
    try:
        plain = json.loads(document)
    except (json.JSONDecodeError, RecursionError):
        return True  # reading it says what is wrong with it
    return isinstance(plain, dict) and not plain.keys().isdisjoint({"chain", "delivery"})
