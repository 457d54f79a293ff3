"""`tonmeister stems karaoke` and `acapella`: a recording without its vocals, or nothing but them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.failures import EXIT_CODES_HELP
from mastering.cli.inputs import Input
from mastering.cli.options import model_options
from mastering.cli.stems.outputs import refuse_collisions
from mastering.cli.stems.run import Order, separate_all
from mastering.cli.stems.separate import quality_options
from mastering.cli.stems.tasks import Settings, StemsTask

__all__ = ["acapella_command", "karaoke_command"]

_VOCALS = "vocals"


def _options(function: Any) -> Any:
    decorators = (
        click.argument("source", metavar="IN", type=click.Path(path_type=Path)),
        click.option(
            "-o",
            "--output",
            required=True,
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="OUT",
            help="File to write; its suffix decides the format.",
        ),
        click.option(
            "--bit-depth",
            type=click.Choice(["16", "24", "32"]),
            default="24",
            show_default=True,
            help="16 and 24 are dithered, 32 is float.",
        ),
        model_options,
        quality_options,
        click.option("--force", is_flag=True, help="Replace an existing output."),
        click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo."),
        click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output."),
        click.option("-q", "--quiet", is_flag=True, help="No progress and no summary, only errors."),
        click.pass_context,
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


@click.command("karaoke", cls=Command, epilog=EXIT_CODES_HELP)
@_options
def karaoke_command(ctx: click.Context, /, **options: Any) -> None:
    """Write IN without its vocals.

    It is the recording less the vocals, so nothing else of it is lost.
    """
    _write(ctx, options, f"no_{_VOCALS}")


@click.command("acapella", cls=Command, epilog=EXIT_CODES_HELP)
@_options
def acapella_command(ctx: click.Context, /, **options: Any) -> None:
    """Write nothing but the vocals of IN."""
    _write(ctx, options, _VOCALS)


def _write(ctx: click.Context, options: dict[str, Any], wanted: str) -> None:
    from mastering.cli.stems.delivery import Format
    from mastering.io.encoders import check_format, nearest_rate
    from mastering.jobspec import container_of

    container, bit_depth = container_of(options["output"]), int(options["bit_depth"])
    check_format(container, sample_rate=nearest_rate(container, 48_000), channels=2, bit_depth=bit_depth)
    item = Input(path=options["source"])
    refuse_collisions([item], [[options["output"]]])
    task = StemsTask(
        source=item.path,
        place=options["output"],
        how=Format(container=container, bit_depth=bit_depth),
        settings=Settings(
            model=options["model"],
            models_dir=options["models_dir"],
            overlap=options["overlap"],
            shifts=options["shifts"],
            device=options["device"] or "cpu",
            only=_VOCALS,
        ),
        wanted=wanted,
        force=options["force"],
        downmix=options["downmix"],
    )
    order = Order(jobs=1, as_json=options["as_json"], quiet=options["quiet"])
    separate_all(ctx, [item], [task], order)
