"""`tonmeister apply`: a saved chain, or one of the library, on any audio; the same audio, the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.deliver import Order, Pair, Work, deliver
from mastering.cli.failures import EXIT_CODES_HELP
from mastering.cli.inputs import expand
from mastering.cli.options import (
    complete_chains,
    delivery_options,
    model_given,
    model_options,
    plugin_options,
    plugins_given,
    run_options,
    spec_options,
)
from mastering.cli.outputs import agreed_container, plan_outputs
from mastering.cli.tasks import ApplyTask, StemsOrder
from mastering.jobspec import load_recipe

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  tonmeister apply song.recipe.json other.wav -o other.master.wav
  tonmeister apply gentle-glue mix.wav
  tonmeister presets list --kind chains

"""


@click.command("apply", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@click.argument("recipe", metavar="RECIPE.json|CHAIN", shell_complete=complete_chains)
@click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=click.Path())
@spec_options
@model_options
@plugin_options
@click.option(
    "--bypass-plugin",
    "without",
    multiple=True,
    metavar="NAME",
    help="Leave a plug-in of the chain out.",
)
@run_options
@click.pass_context
def command(ctx: click.Context, /, recipe: str, **options: Any) -> None:
    """Apply a chain as it is to IN...: the one saved in RECIPE.json, or the CHAIN of that name or file.

    On the audio it was made for a recipe gives the same samples again. Its format, rate and bit depth
    are used where no option says otherwise; a chain has none and gives 24-bit wav at the input's rate.
    Neither is fitted to the audio: nothing matches the level, and without a limiter nothing limits it.
    A recipe that changes stems separates with the model it was made with; another one is refused.
    """
    from mastering.io.encoders import check_spec

    loaded = load_recipe(recipe)
    if options["without"]:
        from mastering.host.plugins.inserts import bypassed

        steps = bypassed(loaded.chain.steps, options["without"])
        loaded = replace(loaded, chain=replace(loaded.chain, steps=steps))
    given_model = model_given(options)
    if given_model and loaded.stems is None:
        raise click.UsageError("--model, --models-dir and --device are for recipes that change stems.")
    container = agreed_container(options["output"], options["container"])
    given = delivery_options({**options, "container": container})
    delivery = replace(loaded.delivery, **given) if given else None
    check_spec(delivery or loaded.delivery)
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
                stems=StemsOrder(**given_model),
                plugins=plugins_given(options),
                make_folder=options["output_dir"] is not None,
            ),
            pairs=(pair,),
        )
        for pair in pairs
        if pair.source.failure is None
    ]
    deliver(ctx, pairs, works, Order.of(ctx, options))
