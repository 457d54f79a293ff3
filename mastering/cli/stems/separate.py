"""`tonmeister stems separate`: recordings in, stems out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.failures import EXIT_CODES_HELP
from mastering.cli.options import model_options
from mastering.cli.stems.outputs import TEMPLATE, Place, check_template, material, refuse_collisions
from mastering.cli.stems.run import Order, separate_all, threads_for
from mastering.cli.stems.tasks import Settings, StemsTask
from mastering.target import CONTAINERS

__all__ = ["command", "quality_options"]

_EXAMPLES = """\b
Examples:
  tonmeister stems separate song.wav
  tonmeister stems separate album/ -o stems --format flac
  tonmeister stems separate song.wav --two-stems vocals --model htdemucs_ft

"""

_PLACEHOLDERS = ("vocals", "drums")


def quality_options(function: Any) -> Any:
    """--overlap and --shifts."""
    overlap = click.option(
        "--overlap",
        type=click.FloatRange(0.0, 0.95),
        default=0.25,
        show_default=True,
        metavar="SHARE",
        help="Share of a segment that the next one repeats, 0..0.95; more is slower.",
    )
    shifts = click.option(
        "--shifts",
        type=click.IntRange(0, 20),
        default=0,
        show_default=True,
        metavar="N",
        help="Separate N times, each time shifted a little (always the same way), and take the mean.",
    )
    return overlap(shifts(function))


@click.command("separate", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=click.Path())
@model_options
@click.option(
    "--two-stems",
    metavar="STEM",
    help="Write STEM and no_STEM, the rest; with a bag of models this is faster.",
)
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the stems; without it they go beside the inputs.",
)
@click.option(
    "--name-template",
    default=TEMPLATE,
    show_default=True,
    metavar="T",
    help="Name of each file below the folder, without suffix; {model} is known too.",
)
@click.option(
    "--format",
    "container",
    type=click.Choice(list(CONTAINERS)),
    default="wav",
    show_default=True,
    help="File format.",
)
@click.option(
    "--bit-depth",
    type=click.Choice(["16", "24", "32"]),
    default="24",
    show_default=True,
    help="16 and 24 are dithered, 32 is float.",
)
@click.option(
    "--residual", is_flag=True, help="What the model left out as a file of its own, not in `other`."
)
@quality_options
@click.option("--force", is_flag=True, help="Replace existing stems.")
@click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Inputs worked on at a time, 1..256; each needs the model's memory.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summaries, only errors.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Separate IN... into stems.

    IN may be files, folders (their audio files, recursively) and globs. The stems have the rate, length and
    channels of their recording and add up to it; all are turned down by the same gain where one would clip
    in the format. The model is htdemucs where it is on this machine, else the small one that is embedded.
    A run that was interrupted goes on where it was.
    """
    from mastering.cli.stems.delivery import Format
    from mastering.io.encoders import check_format, nearest_rate

    container, bit_depth = options["container"], int(options["bit_depth"])
    check_format(container, sample_rate=nearest_rate(container, 48_000), channels=2, bit_depth=bit_depth)
    check_template(options["name_template"])
    if options["residual"] and options["two_stems"]:
        raise click.UsageError("--residual and --two-stems exclude each other: no_STEM has the residual.")
    inputs = material(options["inputs"])
    places = [Place.of(item, options["output_dir"], options["name_template"], container) for item in inputs]
    refuse_collisions(inputs, [[place.path(stem, "model") for stem in _PLACEHOLDERS] for place in places])
    settings = Settings(
        model=options["model"],
        models_dir=options["models_dir"],
        overlap=options["overlap"],
        shifts=options["shifts"],
        device=options["device"] or "cpu",
        only=options["two_stems"],
    )
    tasks = [
        None
        if item.failure is not None
        else StemsTask(
            source=item.path,
            place=place,
            how=Format(container=container, bit_depth=bit_depth),
            settings=settings,
            residual=options["residual"],
            force=options["force"],
            downmix=options["downmix"],
            threads=threads_for(options["jobs"], len(inputs)),
        )
        for item, place in zip(inputs, places, strict=True)
    ]
    order = Order(jobs=options["jobs"], as_json=options["as_json"], quiet=options["quiet"])
    separate_all(ctx, inputs, tasks, order)
