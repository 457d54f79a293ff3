"""`tonmeister stems remix`: other levels, places, effects, tempo and key for the stems of a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mastering.cli.app import Command, debug_wanted
from mastering.cli.documents import document, write
from mastering.cli.failures import EXIT_CODES_HELP, sentence
from mastering.cli.options import model_options
from mastering.cli.progress import open_board
from mastering.cli.runner import Result, collect
from mastering.cli.stems.remix_material import Wish
from mastering.cli.stems.remix_options import LEVELS, spelled_out
from mastering.cli.stems.remix_task import RemixTask, failed_remix
from mastering.cli.stems.separate import quality_options

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  tonmeister stems remix song.wav --vocals mute -o karaoke.wav
  tonmeister stems remix song.wav --vocals +2 --pan bass=L20 --fx vocals=gentle-glue -o remix.wav
  tonmeister stems remix song.wav --key +2 --stem-key drums=-2 --tempo 95% -o slower.wav
  tonmeister stems remix stems/ --spec remix.remix.json -o again.wav

"""


def _levels(function: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(LEVELS):
        option = click.option(f"--{name}", metavar="DB|mute|solo", help=f"Level of {name}.")
        function = option(function)
    return function


def _each(option: str, metavar: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(option, multiple=True, metavar=metavar, help=text)


def _existing(option: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(option, type=click.Path(path_type=Path), metavar="FILE.json", help=text)


@click.command("remix", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@_levels
@_each("--stem", "NAME=DB|mute|solo", "Level of a stem by its name; may be given several times.")
@_each("--pan", "NAME=L20", "Place from L100 over C to R100.")
@_each("--width", "NAME=120", "Width of stereo in percent: 0 is mono, 100 as it was, at most 200.")
@_each("--delay", "NAME=MS", "Later by milliseconds, earlier with a minus; rounded to whole samples.")
@_each(
    "--fx", "NAME=CHAIN", "A chain of effects: a file, or a name of `tonmeister presets list --kind chains`."
)
@_existing("--automation", 'Curves: {"vocals": {"gain_db": [[0, -6], [12.5, 0]]}}; pan, width_percent too.')
@click.option("--tempo", metavar="95%", help="Tempo of the whole, 50..200 %.")
@click.option("--key", metavar="+2", help="Key of the whole, -12..12 semitones.")
@_each("--stem-tempo", "NAME=95", "Tempo of one stem, which then leaves the others.")
@_each("--stem-key", "NAME=+2", "Key of one stem.")
@click.option("--keep-loudness", is_flag=True, help="One gain that keeps the input's integrated loudness.")
@_existing("--spec", "Start from a saved remix; other options go on top.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT", help="File to write."
)
@click.option(
    "--bit-depth",
    type=click.Choice(["16", "24", "32"]),
    default="24",
    show_default=True,
    help="16 and 24 are dithered, 32 is float.",
)
@model_options
@quality_options
@click.option("--force", is_flag=True, help="Replace existing outputs.")
@click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary, only errors.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Remix the stems of IN: a recording, which is separated first, or a folder of vocals.wav, drums.wav ...

    What no option names stays as it was, to the sample. Separations are kept in a cache, so that a second
    remix starts at once. NAME.remix.json beside the output repeats it: give it to --spec.
    """
    task = _task(ctx, options)
    with open_board(quiet=options["quiet"] or options["as_json"]) as board:
        entries: list[dict[str, Any]] = []
        codes: list[int] = []

        def each(result: Result) -> None:
            if result.failure is None:
                entries.append(result.value.entry)
                if not (options["quiet"] or options["as_json"]):
                    board.write(result.value.text)
                return
            failure = result.failure
            codes.append(failure.exit_code)
            entries.append(failed_remix(task, failure.code, failure.message, failure.hint))
            board.write(sentence(failure, debug=debug_wanted(ctx), where=f"{task.source}: "))

        collected = collect([task], jobs=1, board=board, interrupts=ctx.obj, each=each)
    if options["as_json"]:
        write(document(entries))
    if collected.interrupted is not None:
        click.echo("Interrupted: what is separated so far is kept.", err=True)
        ctx.exit(collected.interrupted.exit_code)
    ctx.exit(codes[0] if codes else 0)


def _task(ctx: click.Context, options: dict[str, Any]) -> RemixTask:
    """The task that the options spell out.

    Raises:
        TonmeisterError: a document that cannot be read, a number outside its range, an unknown suffix.
        click.UsageError: a value that cannot be read.
    """
    from mastering.cli.options import delivery_options
    from mastering.jobspec import container_of
    from mastering.target import DeliverySpec

    def typed(name: str) -> bool:
        return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT

    output: Path = options["output"]
    given = delivery_options({"container": container_of(output), "bit_depth": options["bit_depth"]})
    return RemixTask(
        spec=spelled_out(options),
        source=options["source"],
        output=output,
        delivery=DeliverySpec(**given),
        wish=Wish(
            model=options["model"],
            models_dir=options["models_dir"],
            device=options["device"] or "cpu",
            quality={name: options[name] for name in ("overlap", "shifts") if typed(name)},
        ),
        force=options["force"],
        downmix=options["downmix"],
    )
