"""Options that several commands share, and how they merge into values.

What the user did not type is None and is left out, so that built-in defaults, styles and targets
show through: defaults < style < target < options.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from mastering.cli.inputs import expand
from mastering.target import CONTAINERS, DeliverySpec
from mastering.units import ranges

if TYPE_CHECKING:
    from mastering.styles import Style, Target

__all__ = [
    "Amount",
    "Aspects",
    "complete_names",
    "delivery_options",
    "level_options",
    "merge_delivery",
    "run_options",
    "existing_references",
    "spec_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_LIMITS = ranges(DeliverySpec)


class Amount(click.ParamType):
    """`auto` or a number of percent; the job checks its range."""

    name = "auto|0..100"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Text to "auto" or a number."""
        if isinstance(value, (int, float)) or value == "auto":
            return value
        try:
            return float(str(value).removesuffix("%"))
        except ValueError:
            self.fail(f"'{value}' is neither auto nor a number from 0 to 100.", param, ctx)


class Aspects(click.ParamType):
    """Comma-separated aspects: tone,dynamics,width,level."""

    name = "tone,dynamics,width,level"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Text to a tuple without repetitions, in the project's order."""
        if isinstance(value, tuple):
            return value
        allowed = tuple(self.name.split(","))
        wanted = [part.strip() for part in str(value).split(",")]
        for part in wanted:
            if part not in allowed:
                near = difflib.get_close_matches(part, allowed, n=1)
                meant = f" Did you mean {near[0]}?" if near else ""
                self.fail(f"'{part}' is none of {', '.join(allowed)}.{meant}", param, ctx)
        return tuple(aspect for aspect in allowed if aspect in wanted)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the part after the last comma."""
        done, comma, part = incomplete.rpartition(",")
        rest = [name for name in self.name.split(",") if name not in done.split(",")]
        return [CompletionItem(f"{done}{comma}{name}") for name in rest if name.startswith(part)]


def complete_names(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completion by the names of the presets of a kind: "styles", "targets" or "chains"."""

    def complete(
        _ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from mastering import library

        return [CompletionItem(name) for name in library.names(kind) if name.startswith(incomplete)]

    return complete


def _stack(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


level_options = _stack(
    click.option(
        "--ceiling",
        "ceiling_dbtp",
        type=float,
        metavar="DBTP",
        help=f"Highest true peak, {_LIMITS['ceiling_dbtp']}.",
    ),
    click.option(
        "--lufs",
        "integrated_lufs",
        type=float,
        metavar="N",
        help=f"Integrated loudness, {_LIMITS['integrated_lufs']}.",
    ),
)

spec_options = _stack(
    click.option(
        "--rate",
        "sample_rate",
        type=int,
        metavar="HZ",
        help=f"Sample rate, {_LIMITS['sample_rate']}; without it the input's is kept.",
    ),
    click.option(
        "--bit-depth",
        type=click.Choice(["16", "24", "32"]),
        help="16 and 24 are dithered, 32 is float.",
    ),
    click.option("--format", "container", type=click.Choice(list(CONTAINERS)), help="File format."),
)

run_options = _stack(
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Output of a single input; its suffix decides the format.",
    ),
    click.option(
        "--output-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder for NAME.master.*; without it and without -o they lie beside the inputs.",
    ),
    click.option("--force", is_flag=True, help="Replace existing outputs."),
    click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo."),
    click.option("--no-report", is_flag=True, help="Write no NAME.report.html."),
    click.option("--strict", is_flag=True, help="Exit with 4 if a check failed."),
    click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=1,
        show_default=True,
        metavar="N",
        help="Inputs worked on at a time.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output."),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no summaries, only errors."),
)


def delivery_options(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of DeliverySpec that were typed, out of a command's parameters."""
    names = ("integrated_lufs", "ceiling_dbtp", "sample_rate", "bit_depth", "container")
    given = {name: values[name] for name in names if values.get(name) is not None}
    if "bit_depth" in given:
        given["bit_depth"] = int(given["bit_depth"])
    return given


def merge_delivery(
    style: Style | None, target: Target | None, given: dict[str, Any], *, referenced: bool
) -> DeliverySpec:
    """What to deliver: defaults < the style's level < the target < what was typed.

    Args:
        style: its loudness and ceiling count only without target and reference.
        target: the platform; its numbers replace the style's.
        given: fields of DeliverySpec from the command line.
        referenced: there is at least one reference; its loudness is the goal.

    Raises:
        ParameterError: a number outside its range.
    """
    spec = DeliverySpec()
    if target is not None:
        spec = target.delivery
    elif style is not None and not referenced:
        spec = replace(spec, integrated_lufs=style.integrated_lufs, ceiling_dbtp=style.ceiling_dbtp)
    return replace(spec, **given)


def existing_references(given: Sequence[str]) -> tuple[Path, ...]:
    """Files to match: like inputs, they may be folders and globs.

    Raises:
        click.UsageError: one of them holds nothing.
    """
    items = expand(given)
    for item in items:
        if item.failure is not None:
            raise click.UsageError(f"--reference {item.failure.message}.")
    return tuple(item.path for item in items)
