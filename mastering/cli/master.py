"""`tonmeister master`: files in, delivered and measured masters out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.cli.deliver import Order, Pair, Work, deliver
from mastering.cli.failures import EXIT_CODES_HELP
from mastering.cli.inputs import expand
from mastering.cli.options import (
    complete_aspects,
    complete_names,
    delivery_options,
    level_options,
    model_given,
    model_options,
    parse_amount,
    parse_aspects,
    plugin_options,
    plugins_given,
    reference_files,
    run_options,
    spec_options,
)
from mastering.cli.outputs import agreed_container, plan_outputs
from mastering.cli.tasks import AlbumTask, MasterTask, PluginOrder, StemsOrder
from mastering.jobspec import (
    DEFAULT_MATCHER,
    DEFAULT_STYLE,
    MasterJob,
    check_stems,
    default_style_name,
    merge_delivery,
)
from mastering.ports import ASPECTS

if TYPE_CHECKING:
    from mastering.host.plugins.inserts import Insert

__all__ = ["asked", "command"]

_EXAMPLES = """\b
Examples:
  tonmeister master song.wav
  tonmeister master song.wav -r reference.flac -o master.wav
  tonmeister master song.wav -r reference.flac --stems
  tonmeister master song.wav --insert "ZaMaximX2?thresh=-6 dB" --insert-at post
  tonmeister master album/ --album --style warm --target spotify --output-dir out

"""


@click.command("master", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=click.Path())
@click.option(
    "-r",
    "--reference",
    "references",
    multiple=True,
    type=click.Path(),
    metavar="REF",
    help="File to match; give several to match their average.",
)
@click.option(
    "--style",
    metavar="NAME",
    shell_complete=complete_names("styles"),
    help=f"How it should sound; without reference, style or target it is {DEFAULT_STYLE}. With -r the "
    "reference gives the curves, the style its filters, colour, compressor and limits.",
)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_names("targets"),
    help="Where it goes: loudness, ceiling and format of a platform.",
)
@click.option(
    "--amount",
    callback=parse_amount,
    metavar="auto|0..100",
    help="How much of the difference to take over; auto keeps what is likely mastering.",
)
@click.option(
    "--only",
    callback=parse_aspects,
    shell_complete=complete_aspects,
    metavar="LIST",
    help=f"Change nothing else, out of {','.join(ASPECTS)}; "
    "a style's high-pass and saturation count as tone.",
)
@click.option(
    "--eq", type=click.Choice(["linear", "parametric"]), help="Linear-phase curve, or up to 8 bands."
)
@click.option(
    "--matcher", metavar="NAME", help=f"{DEFAULT_MATCHER} or another registered one; see `tonmeister doctor`."
)
@click.option(
    "--refine",
    type=click.IntRange(0, 500),
    metavar="STEPS",
    help="Refine the matched chain by gradient steps on a loud stretch of the input: 30 take some seconds.",
)
@click.option(
    "--stems",
    is_flag=True,
    help="Separate input and references, match each stem to its counterpart, then master the sum.",
)
@model_options
@click.option(
    "--insert",
    "inserts",
    multiple=True,
    metavar="PLUGIN",
    help='Insert an external plug-in: "NAME?parameter=value&parameter=value"; several in this order. See '
    "`tonmeister plugins list` and `show`; @mix=50%, @part=side, @state=FILE, @preset=FILE and "
    "@automation=FILE are the host's.",
)
@click.option(
    "--insert-at",
    "places",
    multiple=True,
    metavar="PLACE",
    help="Where: pre (what is matched is its sound), post (the default: before the limiter), before:KIND or "
    "after:KIND of a step, such as before:compressor. Once for all, or once for each --insert.",
)
@plugin_options
@level_options
@spec_options
@click.option("--album", is_flag=True, help="Treat the inputs as one album: one decision for all songs.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@run_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Master IN... to references, a style or a delivery target.

    IN may be files, folders (their audio files, recursively) and globs. Each master is written
    together with NAME.recipe.json, which repeats it, and NAME.report.html, which explains it.
    """
    job, stems, plugins = asked(options)
    inputs = expand(options["inputs"])
    outputs = plan_outputs(
        inputs,
        output=options["output"],
        output_dir=options["output_dir"],
        container=job.delivery.container,
        references=job.references,
    )
    pairs = [Pair(source=item, output=path) for item, path in zip(inputs, outputs, strict=True)]
    deliver(ctx, pairs, _works(pairs, job, stems, plugins, options), Order.of(ctx, options))


def asked(options: dict[str, Any]) -> tuple[MasterJob, StemsOrder | None, PluginOrder]:
    """What the options ask for, whatever the inputs are.

    Raises:
        TonmeisterError: an unknown preset, a number outside its range, a plug-in that is not there, ...
        click.UsageError: options that contradict each other.
    """
    job = _job(options)
    stems = _stems(job, options)
    plugins = plugins_given(options)
    return replace(job, inserts=_inserts(plugins, options)), stems, plugins


def _job(options: dict[str, Any]) -> MasterJob:
    """The job that the options spell out.

    Raises:
        TonmeisterError: an unknown preset, a number outside its range, or what the format cannot hold.
        click.UsageError: options that contradict each other.
    """
    from mastering import library
    from mastering.io.encoders import check_spec

    references = reference_files(options["references"])
    style_name = default_style_name(references, options["style"], options["target"])
    style = library.load_style(style_name) if style_name else None
    target = library.load_target(options["target"]) if options["target"] else None
    container = agreed_container(options["output"], options["container"])
    given = delivery_options({**options, "container": container})
    only = options["only"] or ASPECTS
    delivery = merge_delivery(style, target, given, referenced=bool(references), only=only)
    check_spec(delivery)
    return MasterJob(
        references=references,
        style=style,
        target=target,
        delivery=delivery,
        downmix=options["downmix"],
        force=options["force"],
        write_report=not options["no_report"],
        **_choices(options),
    )


def _stems(job: MasterJob, options: dict[str, Any]) -> StemsOrder | None:
    """How to separate; None where the mix is mastered as it is.

    Raises:
        ParameterError: no reference, or an album.
        click.UsageError: options of a separation that was not asked for.
    """
    given = model_given(options)
    if not options["stems"]:
        for name in given:
            raise click.UsageError(f"--{name.replace('_', '-')} says how to separate: give --stems, too.")
        return None
    check_stems(job.references, 2 if options["album"] else 1)
    return StemsOrder(**given)


def _inserts(plugins: PluginOrder, options: dict[str, Any]) -> tuple[Insert, ...]:
    """The plug-ins to insert.

    Raises:
        PluginError, ParameterError: one that is not there, or is set to what it does not take.
        click.UsageError: places that do not go with the plug-ins.
    """
    texts, places = options["inserts"], options["places"]
    if places and not texts:
        raise click.UsageError("--insert-at says where a plug-in goes: give --insert, too.")
    if len(places) > 1 and len(places) != len(texts):
        raise click.UsageError(
            f"--insert-at was given {len(places)} times for {len(texts)} plug-ins: give one, or one for each."
        )
    if not texts:
        return ()
    from mastering.host.plugins.inserts import insert_of

    each = places if len(places) == len(texts) else (places or ("post",)) * len(texts)
    with plugins.host() as host:
        return tuple(insert_of(host, text, place) for text, place in zip(texts, each, strict=True))


def _choices(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of MasterJob that were typed and need no merging."""
    given = {name: options[name] for name in ("only", "eq", "matcher") if options[name] is not None}
    if options["refine"] is not None:
        given["refine_steps"] = options["refine"]
    if options["amount"] is not None:
        given["amount_percent"] = None if options["amount"] == "auto" else options["amount"]
    return given


def _works(
    pairs: list[Pair],
    job: MasterJob,
    stems: StemsOrder | None,
    plugins: PluginOrder,
    options: dict[str, Any],
) -> list[Work]:
    ready = [pair for pair in pairs if pair.source.failure is None]
    make_folder = options["output_dir"] is not None
    if options["album"] and ready:
        files: tuple[tuple[Path, Path], ...] = tuple((pair.source.path, pair.output) for pair in ready)
        album = AlbumTask(
            pairs=files, job=job, plugins=plugins, dry_run=options["dry_run"], make_folder=make_folder
        )
        return [Work(task=album, pairs=tuple(ready))]
    return [
        Work(
            task=MasterTask(
                source=pair.source.path,
                output=pair.output,
                job=job,
                stems=stems,
                plugins=plugins,
                dry_run=options["dry_run"],
                make_folder=make_folder,
            ),
            pairs=(pair,),
        )
        for pair in ready
    ]
