"""`tonmeister batch`: a catalogue mastered, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.cli.jobs import database_option, open_jobs
from mastering.cli.master_settings import MasterSettings, long_name, master_options
from mastering.cli.watch_plan import template_option
from mastering.errors import EnvironmentProblem, ParameterError
from mastering.report.wording import clean, number

if TYPE_CHECKING:
    from mastering.cli.catalogue.estimate import Estimate, Price
    from mastering.cli.catalogue.inputs import Asked
    from mastering.cli.catalogue.outbox import Outbox
    from mastering.cli.catalogue.plan import Work
    from mastering.cli.catalogue.record import Entry, Record
    from mastering.cli.catalogue.rows import Bad
    from mastering.cli.catalogue.run import Run, Tally
    from mastering.cli.progress import Board
    from mastering.jobs.service import Jobs

__all__ = ["command"]

_STEP_S = 0.2

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
    from mastering.cli.catalogue.outbox import Outbox

    price = _price(options)
    outbox = Outbox(_outbox(options))
    with _ready(ctx, outbox, options) as ready:
        if ready.bad:
            _tell_bad(ready.bad)
            ctx.exit(2)
        with open_jobs(options["database"]) as jobs:
            judged = _estimate(ready, jobs, price, options)
            if options["only_estimate"]:
                _tell_estimate(judged, options)
                return
            with _alone(outbox, jobs):
                code = _master(ctx, ready, jobs, judged, options)
    ctx.exit(code)


command.params[-3:-3] = [*_OPTIONS, template_option]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What stands before the run."""

    asked: Asked
    works: list[Work]
    bad: list[Bad]
    outbox: Outbox
    record: Record


def _price(options: Mapping[str, Any]) -> Price | None:
    from mastering.cli.catalogue.estimate import Price

    if options["per_core_hour"] is None:
        if options["currency"]:
            raise click.UsageError("--currency is of a price: give --price-per-core-hour, too.")
        return None
    return Price(per_core_hour=options["per_core_hour"], currency=options["currency"] or "")


def _outbox(options: Mapping[str, Any]) -> str:
    """Where masters go: --output, or the folder of the record that is gone on with."""
    from mastering.cli.catalogue.record import NAME
    from mastering.io.remote import is_url, local_path

    given = options["outbox"]
    inputs = options["inputs"]
    if given is None:
        text = inputs[0] if len(inputs) == 1 else ""
        if not text.endswith(NAME):
            raise click.UsageError("--output is missing: where shall the masters go?")
        return text.rpartition("/")[0] if is_url(text) else str(local_path(text).absolute().parent)
    if given.startswith("memory://"):
        raise ParameterError(
            "memory:// lives in one process, and songs are mastered in others",
            hint="Name a folder, or a storage that others reach.",
            code="remote_protocol",
        )
    return str(given) if is_url(given) else str(local_path(given))


@contextlib.contextmanager
def _ready(ctx: click.Context, outbox: Outbox, options: Mapping[str, Any]) -> Iterator[_Ready]:
    """The songs and what is known of them.

    Raises:
        TonmeisterError: an input or the outbox cannot be used, or what was typed is refused.
    """
    from mastering.cli.catalogue.inputs import gather
    from mastering.cli.catalogue.plan import plan
    from mastering.cli.catalogue.record import Record

    kinds = {
        long_name(option): "flag" if option.is_flag else "several" if option.multiple else ""
        for option in [*_OPTIONS, template_option]
        if isinstance(option, click.Option)
    }
    asked = gather(options["inputs"], outbox, kinds, albums=options["album"])
    settings = MasterSettings(ctx, options, [*_OPTIONS, template_option], hint=_MEND)
    settings.underlay(asked.settings)
    outbox.list()
    record = Record(outbox, settings.plain())
    works, bad = plan(asked, settings, outbox, record)
    yield _Ready(asked=asked, works=works, bad=bad, outbox=outbox, record=record)


def _tell_bad(bad: Sequence[Bad]) -> None:
    for one in bad:
        click.echo(clean(f"Error: {one.where}: {one.message}".replace(": : ", ": ")), err=True)
    click.echo("       Nothing was begun. Correct these, then run it again.", err=True)


def _lanes(options: Mapping[str, Any]) -> dict[str, int]:
    from mastering.jobs.lanes import DEFAULT_LANES

    return {lane: options["jobs"] or count for lane, count in DEFAULT_LANES.items()}


def _estimate(ready: _Ready, jobs: Jobs, price: Price | None, options: Mapping[str, Any]) -> Estimate:
    from mastering.cli.catalogue.estimate import estimate, refuse_without_room
    from mastering.cli.catalogue.rates import from_history

    judged = estimate(
        ready.works,
        ready.record,
        ready.outbox,
        ready.asked.found,
        workers=_lanes(options),
        history=from_history(jobs),
        price=price,
    )
    refuse_without_room(judged, ready.outbox)
    return judged


def _tell_estimate(judged: Estimate, options: Mapping[str, Any]) -> None:
    from mastering.cli.catalogue.estimate import sentences
    from mastering.cli.documents import write

    if options["as_json"]:
        write({"schema": 1, "estimate": judged})
        return
    click.echo("\n".join(sentences(judged)))


@contextlib.contextmanager
def _alone(outbox: Outbox, jobs: Jobs) -> Iterator[None]:
    """While this is open nobody else on this machine works on the same outbox.

    Raises:
        EnvironmentProblem: somebody does.
    """
    import hashlib

    from mastering.jobs.journal import lock_file

    name = hashlib.sha256(outbox.location.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    folder = jobs.place.folder / "batch"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a", encoding="ascii") as file:
        try:
            lock_file(file)
        except OSError as error:
            raise EnvironmentProblem(
                f"{outbox.location}: another tonmeister batch works on this folder already",
                hint="Stop that one first.",
                code="outbox_busy",
            ) from error
        yield


def _master(
    ctx: click.Context, ready: _Ready, jobs: Jobs, judged: Estimate, options: Mapping[str, Any]
) -> int:
    """Master all; gives the exit code."""
    from mastering.cli.catalogue.estimate import sentences
    from mastering.cli.progress import open_board
    from mastering.codec import to_plain

    quiet = options["quiet"] or options["as_json"]
    record, outbox = ready.record, ready.outbox
    record.begin(_first_entries(ready))
    record.facts["estimate"] = to_plain(judged)
    record.write("running", {})
    began_s = time.monotonic()
    with open_board(quiet=quiet) as board, _running(jobs, _lanes(options)):
        if not quiet:
            for text in sentences(judged):
                board.write(text)
        run = _run(ready, jobs, board, options, quiet=quiet)
        state = "interrupted"
        try:
            while not run.finished:
                ctx.obj.raise_if_received()
                run.step()
                _tell_progress(run, board, judged, began_s)
                if record.due:
                    _write(record, outbox, "running", run.tally, judged, began_s)
                if not run.finished:
                    time.sleep(_STEP_S)
            state = "finished"
        finally:
            _write(record, outbox, state, run.tally, judged, began_s)
            if not quiet:
                board.write(_end(run.tally, judged, began_s, state, outbox))
    if options["as_json"]:
        click.echo(record.text(state), nl=False)
    return 1 if run.tally.failed else 0


@contextlib.contextmanager
def _running(jobs: Jobs, lanes: Mapping[str, int]) -> Iterator[None]:
    """While this is open this process works on what is queued."""
    with jobs.running(lanes=lanes):
        yield


def _first_entries(ready: _Ready) -> Iterator[Entry]:
    """What an earlier run knew of each song, until it is known better."""
    from dataclasses import replace

    from mastering.cli.catalogue.record import Entry

    for work in ready.works:
        for song in work.songs:
            row, before = song.row, ready.record.before(song.output)
            own: dict[str, Any] = {"input": row.input, "album": row.album, "settings": row.settings}
            if before is None or before.input != row.input:
                files = before.files if before is not None else ()
                yield Entry(output=song.output, files=files, **own)
            else:
                state = before.state if before.state in ("done", "failed") else "waiting"
                yield replace(before, state=state, **own)


def _run(ready: _Ready, jobs: Jobs, board: Board, options: Mapping[str, Any], *, quiet: bool) -> Run:
    from mastering.cli.catalogue.ready import Readier
    from mastering.cli.catalogue.run import Run
    from mastering.cli.job_kinds import KINDS

    workers = sum(_lanes(options).values())
    songs = sum(len(work.songs) for work in ready.works)

    def say(entry: Entry, how: str) -> None:
        if how == "failed" and entry.problem is not None:
            message = entry.problem.message
            where = "" if message.startswith(entry.input) else f"{entry.input}: "
            board.write(clean(f"Error: {where}{message}"))
            if entry.problem.hint:
                board.write(clean(f"       {entry.problem.hint}"))
        elif how == "mastered" and not quiet:
            board.write(clean(f"[{run.tally.settled} of {songs}] {_line(entry)}"))

    run = Run(
        ready.works,
        jobs=jobs,
        kinds=KINDS,
        readier=Readier(ready.outbox, ready.record, ready.asked.found, threads=min(8, max(2, workers))),
        outbox=ready.outbox,
        record=ready.record,
        board=board,
        say=say,
        most_open=4 * workers + 8,
        retry_failed=options["retry_failed"],
    )
    return run


def _line(entry: Entry) -> str:
    def level(value: float | None) -> str:
        return "silent" if value is None else number(value)

    missed = f"; missed: {', '.join(entry.missed)}" if entry.missed else ""
    return (
        f"{entry.output}: {level(entry.lufs_before)} -> {level(entry.lufs_after)} LUFS, "
        f"{level(entry.true_peak_dbtp)} dBTP{missed}"
    )


def _tell_progress(run: Run, board: Board, judged: Estimate, began_s: float) -> None:
    from mastering.cli.catalogue.estimate import span

    tally = run.tally
    whole = judged.songs + judged.done_before
    share = tally.settled / whole if whole else 1.0
    left = ""
    if tally.audio_s > 0.0 and judged.audio_s > tally.audio_s:
        elapsed_s = time.monotonic() - began_s
        left = f", {span(elapsed_s * (judged.audio_s / tally.audio_s - 1.0))} left"
    failed = f", {tally.failed} failed" if tally.failed else ""
    board.overall(f"{tally.settled} of {whole}{failed}{left}", share)


def _write(
    record: Record, outbox: Outbox, state: str, tally: Tally, judged: Estimate, began_s: float
) -> None:
    from mastering.cli.catalogue.estimate import span
    from mastering.cli.catalogue.summary import CSV_NAME, HTML_NAME, csv_text, html_text

    elapsed_s = time.monotonic() - began_s
    record.facts["actual"] = {
        "mastered": tally.mastered,
        "known": tally.known,
        "failed": tally.failed,
        "wall_s": round(elapsed_s, 2),
        "worker_s": round(tally.worker_s, 2),
        "audio_s": round(tally.audio_s, 2),
    }
    entries = record.all
    states = [entry.state for entry in entries]
    done, failed = states.count("done"), states.count("failed")
    verdict = f"{done} of {len(entries)} done" + (f", {failed} failed" if failed else "")
    if state != "finished":
        verdict += f" ({state})"
    facts = [
        ("Audio mastered", span(tally.audio_s)),
        ("Time", f"{span(elapsed_s)} (estimated {span(judged.wall_s)})"),
        ("Work", f"{span(tally.worker_s)} (estimated {span(judged.worker_s)})"),
    ]
    record.write(
        state,
        {
            CSV_NAME: csv_text(entries).encode("utf-8", "backslashreplace"),
            HTML_NAME: html_text(entries, outbox, verdict, facts).encode("utf-8", "backslashreplace"),
        },
    )


def _end(tally: Tally, judged: Estimate, began_s: float, state: str, outbox: Outbox) -> str:
    from mastering.cli.catalogue.estimate import span
    from mastering.cli.catalogue.summary import HTML_NAME

    known = f", {tally.known} known before" if tally.known else ""
    failed = f", {tally.failed} failed" if tally.failed else ""
    text = f"{tally.mastered} mastered{known}{failed} in {span(time.monotonic() - began_s)}"
    if tally.mastered:
        text += (
            f" (estimated {span(judged.wall_s)}); work {span(tally.worker_s)} "
            f"(estimated {span(judged.worker_s)})"
        )
    if state == "interrupted":
        whole = judged.songs + judged.done_before
        return f"{text}. {whole - tally.settled} are left: the same command goes on."
    return f"{text}. See {outbox.full(HTML_NAME)}"
