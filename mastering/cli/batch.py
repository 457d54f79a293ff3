"""`tonmeister batch`: a catalogue mastered, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.cli.executors import executor_options, opened_executor
from mastering.cli.jobs import database_option, folder_option, open_jobs
from mastering.cli.master_settings import MasterSettings, master_options
from mastering.cli.watch_plan import template_option
from mastering.errors import EnvironmentProblem
from mastering.report.wording import clean

if TYPE_CHECKING:
    from mastering.cli.catalogue.estimate import Estimate, Price
    from mastering.cli.catalogue.outbox import Outbox
    from mastering.cli.catalogue.rows import Bad
    from mastering.cli.catalogue.session import Catalogue
    from mastering.jobs.service import Jobs

__all__ = ["command"]

_EPILOG = """\b
Examples:
  tonmeister batch songs --output masters --style warm --jobs 8
  tonmeister batch catalogue.csv --output masters --estimate --price-per-core-hour 0.04
  tonmeister batch s3://label/mixes --output s3://label/masters --target spotify
  tonmeister batch masters/batch.json

\b
A manifest is CSV with a header, a JSON list, or JSON lines. Each row has an `input`, and may have an
`output` (a path below --output), an `album` (its songs are mastered with one decision) and any long option:
  input,style,lufs,album
  mixes/one.wav,warm,-14,
Several values (reference, insert) are separated by |.

\b
Exit codes:
  0    everything done
  1    some songs failed, the others are done
  2    usage: an option, or rows of a manifest; nothing was begun
  3    environment: something is missing, full, not permitted or cannot be reached
  130  interrupted by Ctrl-C (143 by SIGTERM); the same command goes on"""

_NOT_HERE = frozenset(
    ("inputs", "output", "output_dir", "strict", "jobs", "as_json", "quiet", "album", "dry_run", "help")
)
_OPTIONS = master_options(_NOT_HERE)
_MEND = "Correct the row."


@click.command("batch", cls=Command, epilog=_EPILOG)
@click.argument("inputs", nargs=-1, required=True, metavar="FOLDER|GLOB|MANIFEST...")
@click.option(
    "--output",
    "outbox",
    metavar="OUTBOX",
    help="Folder or URL for masters, recipes, reports and the run's state; sub-folders are kept.",
)
@click.option("--album", is_flag=True, help="The songs of each folder are an album: one decision for all.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Songs at a time; else the cores.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say what it will take, and end.")
@click.option(
    "--price-per-core-hour",
    "per_core_hour",
    type=click.FloatRange(0.0),
    metavar="X",
    help="Say what it will cost, too.",
)
@click.option("--currency", metavar="NAME", help="Of the price.")
@click.option("--retry-failed", is_flag=True, help="Try again what has failed before.")
@executor_options
@folder_option
@database_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summaries, only errors.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Master a catalogue, as long as it takes.

    The run's state is in OUTBOX/batch.json, and its summary beside it (batch.csv, batch.html). The same
    command again, or `tonmeister batch OUTBOX/batch.json`, goes on: what is done and still there is not done
    again; new and changed inputs, and lost or changed masters, are.
    """
    from mastering.cli.catalogue.estimate import refuse_without_room
    from mastering.cli.catalogue.outbox import Outbox

    price = _price(options)
    outbox = Outbox(_outbox(options))
    catalogue, bad = _catalogue(ctx, outbox, options)
    if bad:
        _tell_bad(bad)
        ctx.exit(2)
    lanes = dict.fromkeys(("short", "long"), options["jobs"])
    with (
        open_jobs(options["database"], options["jobs_folder"]) as jobs,
        opened_executor(options["executor"], options["ray_address"], lanes, jobs.place) as executor,
    ):
        judged = _estimate(catalogue, jobs, executor.workers, price)
        if options["only_estimate"]:
            _tell_estimate(judged, as_json=options["as_json"])
            return
        refuse_without_room(judged, outbox)
        with _alone(outbox, jobs), jobs.running(executor=executor):
            code = _master(ctx, catalogue, judged, jobs, executor.workers, options)
    ctx.exit(code)


command.params[-3:-3] = [*_OPTIONS, template_option]


def _price(options: Mapping[str, Any]) -> Price | None:
    from mastering.cli.catalogue.estimate import Price

    if options["per_core_hour"] is None:
        if options["currency"]:
            raise click.UsageError("--currency is of a price: give --price-per-core-hour, too.")
        return None
    return Price(per_core_hour=options["per_core_hour"], currency=options["currency"] or "")


def _outbox(options: Mapping[str, Any]) -> str:
    """Where masters go: --output, or the folder of the record that is gone on with."""
    from mastering.cli.catalogue.inputs import refuse_memory
    from mastering.cli.catalogue.record import NAME
    from mastering.io.remote import is_url, local_path

    given = options["outbox"]
    inputs = options["inputs"]
    if given is None:
        text = inputs[0] if len(inputs) == 1 else ""
        if not text.endswith(NAME):
            raise click.UsageError("--output is missing: where shall the masters go?")
        return text.rpartition("/")[0] if is_url(text) else str(local_path(text).absolute().parent)
    refuse_memory(given)
    return str(given) if is_url(given) else str(local_path(given))


def _catalogue(ctx: click.Context, outbox: Outbox, options: Mapping[str, Any]) -> tuple[Catalogue, list[Bad]]:
    """The songs with what is known of them, and what is wrong with them.

    Raises:
        TonmeisterError: an input or the outbox cannot be used, or what was typed is refused.
        click.UsageError: options that contradict each other.
    """
    from mastering.cli.catalogue.inputs import gather
    from mastering.cli.catalogue.plan import plan
    from mastering.cli.catalogue.record import Record
    from mastering.cli.catalogue.session import Catalogue

    settings = MasterSettings(ctx, options, [*_OPTIONS, template_option], hint=_MEND)
    asked = gather(options["inputs"], outbox, settings.kinds, albums=options["album"])
    settings.underlay(asked.settings)
    outbox.list()
    record = Record(outbox, settings.plain())
    works, bad = plan(asked, settings, outbox, record)
    return Catalogue(works=works, outbox=outbox, record=record, found=asked.found), bad


def _tell_bad(bad: Sequence[Bad]) -> None:
    for one in bad:
        click.echo(clean(f"Error: {one.where}: {one.message}".replace(": : ", ": ")), err=True)
    click.echo("       Nothing was begun. Correct these, then run it again.", err=True)


def _estimate(catalogue: Catalogue, jobs: Jobs, workers: Mapping[str, int], price: Price | None) -> Estimate:
    from mastering.cli.catalogue.estimate import estimate
    from mastering.cli.catalogue.rates import from_history

    return estimate(
        catalogue.works,
        catalogue.record,
        catalogue.outbox,
        catalogue.found,
        workers=workers,
        history=from_history(jobs),
        price=price,
    )


def _tell_estimate(judged: Estimate, *, as_json: bool) -> None:
    from mastering.cli.catalogue.estimate import sentences
    from mastering.cli.documents import write

    if as_json:
        write({"schema": 1, "estimate": judged})
    else:
        click.echo("\n".join(sentences(judged)))


@contextlib.contextmanager
def _alone(outbox: Outbox, jobs: Jobs) -> Iterator[None]:
    """While this is open nobody else on this machine works on the same outbox.

    Raises:
        EnvironmentProblem: somebody does.
    """
    import hashlib

    from mastering.jobs.locks import lock

    name = hashlib.sha256(outbox.location.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    folder = jobs.place.folder / "batch"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a", encoding="ascii") as file:
        try:
            lock(file)
        except OSError as error:
            raise EnvironmentProblem(
                f"{outbox.location}: another tonmeister batch works on this folder already",
                hint="Stop that one first.",
                code="outbox_busy",
            ) from error
        yield


def _master(
    ctx: click.Context,
    catalogue: Catalogue,
    judged: Estimate,
    jobs: Jobs,
    workers: Mapping[str, int],
    options: Mapping[str, Any],
) -> int:
    """Master all; gives the exit code."""
    from mastering.cli.catalogue.session import Session
    from mastering.cli.job_kinds import KINDS
    from mastering.cli.progress import open_board

    quiet = options["quiet"] or options["as_json"]
    with open_board(quiet=quiet) as board:
        session = Session(
            catalogue,
            judged,
            jobs=jobs,
            kinds=KINDS,
            board=board,
            quiet=quiet,
            workers=workers,
            retry_failed=options["retry_failed"],
        )
        session.follow(ctx.obj)
    if options["as_json"]:
        click.echo(catalogue.record.text("finished"), nl=False)
    return 1 if session.failed else 0
