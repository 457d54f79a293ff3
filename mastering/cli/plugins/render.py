"""`tonmeister plugins render`: audio through an effect, or notes through an instrument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command, debug_wanted
from mastering.cli.documents import document, write
from mastering.cli.failures import sentence
from mastering.cli.outputs import agreed_container
from mastering.cli.plugins.options import (
    EXIT_CODES_HELP,
    json_option,
    limit_options,
    limits_given,
    name_argument,
    setting_options,
)
from mastering.cli.plugins.render_task import RenderTask
from mastering.cli.plugins.rendering import failed_render
from mastering.cli.plugins.setup import Setup
from mastering.cli.progress import open_board
from mastering.cli.runner import Result, collect
from mastering.target import CONTAINERS, DeliverySpec
from mastering.units import ranges

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  tonmeister plugins render ZaMaximX2 song.wav -o loud.wav --set "threshold=-6 dB"
  tonmeister plugins render ZamDelay dry.wav -o wet.flac --mix 30 --tail 4
  tonmeister plugins render ZamComp mix.wav -o out.wav --part side --automation moves.json
  tonmeister plugins render MySynth song.mid -o song.wav --rate 48000

"""


class _Percent(click.FloatRange):
    """A number that may have a % behind it."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        plain: Any = value.strip().removesuffix("%") if isinstance(value, str) else value
        return super().convert(plain, param, ctx)


@click.command("render", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@name_argument
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT", help="File to write."
)
@setting_options
@click.option(
    "--automation",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.json",
    help='Parameters over time: {"threshold": [[0, -6], [12.5, -18]]}, seconds and values.',
)
@click.option(
    "--mix",
    "mix_percent",
    type=_Percent(0.0, 100.0),
    metavar="PERCENT",
    help="Share of an effect's sound, 0..100; the rest is dry.",
)
@click.option(
    "--part", type=click.Choice(["whole", "mid", "side"]), help="What an effect hears; the rest stays."
)
@click.option(
    "--tail",
    "tail_s",
    type=click.FloatRange(0.0, 600.0),
    metavar="S",
    help="Sound kept after the end of the input, 0..600 s; 2 s for an instrument, none for an effect.",
)
@click.option(
    "--rate",
    "sample_rate",
    type=click.IntRange(8_000, 384_000),
    metavar="HZ",
    help=f"Rate of an instrument, {ranges(DeliverySpec)['sample_rate']}; 44100 without it.",
)
@click.option(
    "--bit-depth",
    type=click.Choice(["16", "24", "32"]),
    default="24",
    show_default=True,
    help="16 and 24 are dithered, 32 is float.",
)
@click.option("--format", "container", type=click.Choice(list(CONTAINERS)), help="File format.")
@click.option("--force", is_flag=True, help="Replace an existing output.")
@click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo.")
@limit_options()
@json_option
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary, only errors.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Send IN through the effect NAME, or have the instrument NAME play the MIDI file IN.

    The output starts with the input to the sample and is as long, the tail apart; tags are carried over.
    Where it peaks above full scale the whole is turned down by one gain, and that is said; --bit-depth 32
    keeps it as it is. `tonmeister plugins show NAME` lists the parameters for --set.
    """
    task = _task(options)
    with open_board(quiet=options["quiet"] or options["as_json"]) as board:
        entries: list[dict[str, Any]] = []
        codes: list[int] = []

        def each(result: Result) -> None:
            if result.failure is None:
                entries.append(result.value.entry)
                if not (options["quiet"] or options["as_json"]):
                    board.write(result.value.text)
                return
            codes.append(result.failure.exit_code)
            entries.append(failed_render(task, result.failure))
            board.write(sentence(result.failure, debug=debug_wanted(ctx)))

        collected = collect([task], jobs=1, board=board, interrupts=ctx.obj, each=each)
    if options["as_json"]:
        write(document(entries))
    if collected.interrupted is not None:
        click.echo("Interrupted: nothing was written.", err=True)
        ctx.exit(collected.interrupted.exit_code)
    ctx.exit(codes[0] if codes else 0)


def _task(options: dict[str, Any]) -> RenderTask:
    """The task that the options spell out.

    Raises:
        ParameterError: an unknown suffix, or what the format cannot hold.
        click.UsageError: options that contradict each other.
    """
    container = agreed_container(options["output"], options["container"])
    given: dict[str, Any] = {} if container is None else {"container": container}
    return RenderTask(
        name=options["name"],
        source=options["source"],
        output=options["output"],
        setup=Setup.typed(options),
        limits=limits_given(options),
        delivery=DeliverySpec(bit_depth=int(options["bit_depth"]), **given),  # type: ignore[arg-type]
        sample_rate=options["sample_rate"],
        tail_s=options["tail_s"],
        force=options["force"],
        downmix=options["downmix"],
    )
