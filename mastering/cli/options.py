"""Options that several commands share.

What the user did not type is None and is left out, so that built-in defaults, styles and targets
show through: see jobspec.merge_delivery.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from mastering.cli.inputs import expand
from mastering.cli.tasks import PluginOrder
from mastering.host.plugins.values import WorkerLimits
from mastering.ports import ASPECTS
from mastering.target import CONTAINERS, DeliverySpec
from mastering.units import ranges

if TYPE_CHECKING:
    from mastering.library import Kind

__all__ = [
    "complete_aspects",
    "complete_chains",
    "complete_names",
    "delivery_options",
    "level_options",
    "model_given",
    "model_options",
    "parse_amount",
    "parse_aspects",
    "plugin_options",
    "plugins_given",
    "reference_files",
    "run_options",
    "spec_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_LIMITS = ranges(DeliverySpec)


def parse_amount(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | str | None:
    """Callback of --amount: "auto", a number of percent, or None; the job checks the range."""
    if value is None or value == "auto":
        return value
    try:
        return float(value.removesuffix("%"))
    except ValueError:
        raise click.BadParameter(
            f"'{value}' is neither auto nor a number from 0 to 100.", ctx, parameter
        ) from None


def parse_aspects(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """Callback of --only: comma-separated aspects, without repetitions, in the project's order."""
    if value is None:
        return None
    wanted = [part.strip() for part in value.split(",")]
    for part in wanted:
        if part not in ASPECTS:
            near = difflib.get_close_matches(part, ASPECTS, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise click.BadParameter(f"'{part}' is none of {', '.join(ASPECTS)}.{meant}", ctx, parameter)
    return tuple(aspect for aspect in ASPECTS if aspect in wanted)


def complete_aspects(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what stands after the last comma of --only."""
    done, comma, part = incomplete.rpartition(",")
    rest = [name for name in ASPECTS if name not in done.split(",")]
    return [CompletionItem(f"{done}{comma}{name}") for name in rest if name.startswith(part)]


def complete_names(
    kind: Kind,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completion by the names of the presets of a kind: "styles", "targets" or "chains"."""

    def complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from mastering import library

        return [CompletionItem(name) for name in library.names(kind) if name.startswith(incomplete)]

    return complete


def complete_chains(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a chain's name, or else a file's."""
    return complete_names("chains")(ctx, parameter, incomplete) or [CompletionItem(incomplete, type="file")]


def _complete_models(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from mastering.cli.stems.models import complete_models

    return complete_models(ctx, parameter, incomplete)


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

model_options = _stack(
    click.option(
        "--model",
        metavar="NAME",
        shell_complete=_complete_models,
        help="Separation model or its file; see `tonmeister stems models list`.",
    ),
    click.option(
        "--models-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder of models to look in first.",
    ),
    click.option(
        "--device",
        type=click.Choice(["cpu", "cuda", "mps", "auto"]),
        help="Where the model runs; without it on the processor.",
    ),
)

plugin_options = _stack(
    click.option(
        "--on-plugin-failure",
        type=click.Choice(["fail", "bypass"]),
        help="What a failing plug-in means: the end of this input (fail), or going on without it and saying "
        "so (bypass).",
    ),
    click.option(
        "--plugin-timeout",
        "answer_s",
        type=float,
        metavar="S",
        help=f"Longest a plug-in may take to answer, {ranges(WorkerLimits)['answer_s']}.",
    ),
    click.option(
        "--plugin-memory",
        "memory_mb",
        type=int,
        metavar="MB",
        help=f"Memory that a plug-in may have, {ranges(WorkerLimits)['memory_mb']}.",
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
        metavar="N",
        help="Inputs worked on at a time, 1..256.",
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


def plugins_given(values: dict[str, Any]) -> PluginOrder:
    """How plug-ins run, as typed with `plugin_options`."""
    names = ("answer_s", "memory_mb")
    limits = {name: values[name] for name in names if values.get(name) is not None}
    if "answer_s" in limits:
        limits["load_s"] = max(WorkerLimits().load_s, limits["answer_s"])
    return PluginOrder(limits=WorkerLimits(**limits), on_failure=values["on_plugin_failure"] or "fail")


def model_given(values: dict[str, Any]) -> dict[str, Any]:
    """What was typed of `model_options`, out of a command's parameters."""
    return {name: values[name] for name in ("model", "models_dir", "device") if values.get(name) is not None}


def reference_files(given: Sequence[str]) -> tuple[Path, ...]:
    """Files to match: like inputs, they may be folders and globs.

    Raises:
        click.UsageError: one of them holds nothing.
    """
    items = expand(given)
    for item in items:
        if item.failure is not None:
            raise click.UsageError(f"--reference {item.failure.message}.")
    return tuple(item.path for item in items)
