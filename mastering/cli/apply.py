"""`tonmeister apply`: a saved chain on other audio, bit-identical on the same audio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.deliver import Order, Pair, Work, deliver
from mastering.cli.failures import EXIT_CODES_HELP
from mastering.cli.inputs import expand
from mastering.cli.options import delivery_options, run_options, spec_options
from mastering.cli.outputs import container_of, plan_outputs
from mastering.cli.tasks import ApplyTask
from mastering.codec import from_json
from mastering.errors import PresetError
from mastering.target import Recipe

__all__ = ["command", "load_recipe"]


@click.command("apply", cls=Command, epilog=EXIT_CODES_HELP)
@click.argument("recipe", metavar="RECIPE.json", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=click.Path())
@spec_options
@run_options
@click.pass_context
def command(ctx: click.Context, /, recipe: Path, **options: Any) -> None:
    """Apply the chain saved in RECIPE.json to IN....

    On the audio it was made for it gives the same samples again. The recipe's format, rate and bit
    depth are used where no option says otherwise.
    """
    loaded = load_recipe(recipe)
    container = container_of(options["output"], options["container"])
    given = delivery_options({**options, "container": container})
    delivery = replace(loaded.delivery, **given) if given else None
    inputs = expand(options["inputs"])
    outputs = plan_outputs(
        inputs,
        output=options["output"],
        output_dir=options["output_dir"],
        container=(delivery or loaded.delivery).container,
    )
    pairs = [Pair(source=item, output=path) for item, path in zip(inputs, outputs, strict=True)]
    works = [
        Work(
            task=ApplyTask(
                recipe=loaded,
                source=pair.source.path,
                output=pair.output,
                force=options["force"],
                downmix=options["downmix"],
                write_report=not options["no_report"],
                delivery=delivery,
                make_folder=options["output_dir"] is not None,
            ),
            pairs=(pair,),
        )
        for pair in pairs
        if pair.source.failure is None
    ]
    deliver(ctx, pairs, works, Order.of(ctx, options))


def load_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises:
        PresetError: it cannot be read, or is not a recipe.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise PresetError(
            f"{path}: the recipe cannot be read: {str(reason).lower()}",
            hint="`tonmeister master` writes NAME.recipe.json beside each master.",
        ) from error
    return from_json(Recipe, text, str(path))
