"""`tonmeister measure`: what files measure as, as a table or a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command, debug_wanted
from mastering.cli.documents import document, failed_measurement, measurement, write
from mastering.cli.failures import EXIT_CODES_HELP, exit_code_of, sentence
from mastering.cli.inputs import Input, expand
from mastering.cli.outputs import check_png
from mastering.cli.progress import open_board
from mastering.cli.runner import Result, collect
from mastering.cli.tables import align
from mastering.cli.tasks import MeasureTask
from mastering.report.wording import clean, duration, number

if TYPE_CHECKING:
    from mastering.measure.features import Features

__all__ = ["command"]


@click.command("measure", cls=Command, epilog=EXIT_CODES_HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="PNG", help="Draw the measurements.")
@click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo.")
@click.pass_context
def command(
    ctx: click.Context, files: tuple[str, ...], as_json: bool, plot: Path | None, downmix: bool
) -> None:
    """Measure FILE...: loudness, true peak, dynamics, spectrum, width and defects.

    FILE may be files, folders and globs. One file gives every measurement, several give a line each.
    """
    inputs = expand(files)
    if plot is not None:
        check_png(plot)
    results, interrupted_code = _measure(ctx, inputs, quiet=as_json, downmix=downmix)
    measured = [result for result in results if result.failure is None]
    if as_json:
        write(document([_entry(inputs[result.index], result) for result in results]))
    else:
        _show([(inputs[result.index].path, result.value) for result in measured])
    if plot is not None and measured:
        from mastering.report.plots import features_png

        names = [str(inputs[result.index].path) for result in measured]
        features_png([result.value[0] for result in measured], names, plot)
    failures = [result.failure for result in results if result.failure is not None]
    ctx.exit(interrupted_code or exit_code_of(failures))


def _measure(
    ctx: click.Context, inputs: Sequence[Input], *, quiet: bool, downmix: bool
) -> tuple[list[Result], int]:
    """Results in the order of the inputs, as far as the run came, and the exit code of its interruption."""
    ready = [place for place, item in enumerate(inputs) if item.failure is None]
    results = [Result(index=place, failure=item.failure) for place, item in enumerate(inputs) if item.failure]
    tasks = [MeasureTask(source=inputs[place].path, downmix=downmix) for place in ready]
    with open_board(quiet=quiet) as board:
        collected = collect(tasks, jobs=1, board=board, interrupts=ctx.obj)
    results += [Result(index=ready[r.index], value=r.value, failure=r.failure) for r in collected.results]
    results.sort(key=lambda result: result.index)
    for result in results:
        if result.failure is not None:
            where = f"{inputs[result.index].path}: "
            click.echo(sentence(result.failure, debug=debug_wanted(ctx), where=where), err=True)
    return results, collected.interrupted.exit_code if collected.interrupted else 0


def _entry(item: Input, result: Result) -> dict[str, Any]:
    if result.failure is not None:
        return failed_measurement(item.path, result.failure)
    features, notices = result.value
    return measurement(item.path, features, notices)


def _show(measured: Sequence[tuple[Path, Any]]) -> None:
    for path, (_, notices) in measured:
        for notice in notices:
            click.echo(clean(f"{path}: {notice.message}"), err=True)
    if len(measured) == 1:
        click.echo(_everything(measured[0][0], measured[0][1][0]))
    elif measured:
        click.echo(_overview([(path, features) for path, (features, _) in measured]))


def _everything(path: Path, features: Features) -> str:
    """All measurements of one file, a line each."""
    from mastering.report.rows import GROUPS, ROWS

    lines = [clean(str(path))]
    for group in GROUPS:
        rows = [(f"  {r.label}", r.write(r.value(features)), r.unit) for r in ROWS if r.group == group]
        lines += [group, *(f"{label:<34}{value:>12} {unit}".rstrip() for label, value, unit in rows)]
    return "\n".join(lines)


def _overview(measured: Sequence[tuple[Path, Features]]) -> str:
    """What matters most of many files, a line each."""
    head = ("LUFS-I", "max M", "max S", "LRA", "dBTP", "PLR", "corr.", "clipped", "length", "file")
    rows = [
        (
            number(features.integrated_lufs),
            number(features.max_momentary_lufs),
            number(features.max_short_term_lufs),
            number(features.loudness_range_lu),
            number(features.true_peak_dbtp, decimals=2),
            number(features.plr_db),
            number(features.correlation, decimals=2),
            str(features.clipped_frames),
            duration(features.duration_s),
            clean(str(path)),
        )
        for path, features in measured
    ]
    return align([head, *rows], numbers=frozenset(range(len(head) - 1)))
