"""`tonmeister jobs`: recorded work looked at, ended, tried again, forgotten, and done."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.executors import executor_options, opened_executor
from mastering.cli.failures import describe, show
from mastering.cli.job_words import SHORT_ID, job_document, row, text, whole_document
from mastering.cli.submit import Tray, check_line, lay_out
from mastering.cli.tables import align
from mastering.errors import AudioFileError
from mastering.report.wording import clean

if TYPE_CHECKING:
    from mastering.jobs.model import Job, State
    from mastering.jobs.service import Jobs

__all__ = ["command", "database_option", "folder_option", "open_jobs"]

C = TypeVar("C", bound=Callable[..., Any])

_STATES = ("queued", "running", "done", "failed", "cancelled")

_EXIT_CODES = """\b
Exit codes:
  0    done
  1    a job that was worked on or waited for has failed
  2    there is no such job, or it is in another state
  3    the database of jobs cannot be opened, or the cluster cannot be used"""

_SUBMIT_EXAMPLES = """\b
Examples:
  tonmeister jobs submit master song.wav -r reference.flac -o song.master.wav
  tonmeister jobs submit stems separate album/ -o stems
  tonmeister jobs run

"""

_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")


def database_option(command: C) -> C:
    """--database, of every command that has to do with jobs."""
    return click.option(
        "--database",
        metavar="FOLDER|URL",
        help="Where jobs are recorded: a folder, or postgresql://USER:PASSWORD@HOST/NAME; else "
        "$TONMEISTER_JOBS, else the user's data folder.",
    )(command)


def folder_option(command: C) -> C:
    """--jobs-folder, of every command that works on jobs: `jobs_folder`."""
    return click.option(
        "--jobs-folder",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="FOLDER",
        help="Where it is written down what running jobs have begun, so that another can undo it: a folder "
        "that all machines share which work on them; else $TONMEISTER_JOBS_FOLDER, else beside the database, "
        "else the user's data folder.",
    )(command)


def open_jobs(database: str | None, folder: Path | None = None) -> Jobs:
    """The jobs of a database, of all kinds.

    Args:
        database: folder or URL, as typed.
        folder: of the journals, as typed.

    Raises:
        EnvironmentProblem: it cannot be opened.
    """
    from mastering.cli.job_kinds import KINDS
    from mastering.jobs.place import Place
    from mastering.jobs.service import Jobs

    return Jobs(Place.of(database, folder=folder), kinds=KINDS)


class _Group(click.Group):
    command_class = Command


@click.group("jobs", cls=_Group, epilog=_EXIT_CODES)
def command() -> None:
    """Jobs: work that is recorded before it starts, and survives that the program or the power fails.

    A JOB is named by the beginning of its id. What is queued is worked on by `jobs run`.
    """


@command.command("list", epilog=_EXIT_CODES)
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only in this state.")
@click.option("--kind", "kinds", multiple=True, metavar="NAME", help="Only of this kind, such as master.")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="At most so many."
)
@click.option("--offset", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first N.")
@database_option
@_json
def list_command(
    states: tuple[State, ...],
    kinds: tuple[str, ...],
    limit: int,
    offset: int,
    database: str | None,
    as_json: bool,
) -> None:
    """List jobs, the newest first."""
    with open_jobs(database) as jobs:
        found = jobs.list(states=states, kinds=kinds, limit=limit, offset=offset)
        count = jobs.count()
    if as_json:
        write({"schema": 1, "count": count, "jobs": [job_document(job) for job in found]})
        return
    click.echo(", ".join(f"{count[state]} {state}" for state in _STATES if state in count) or "no jobs")
    if found:
        click.echo(align([("  Job", "Kind", "Input", "State", "Tries", "Submitted", ""), *map(row, found)]))


@command.command(
    "submit",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog=_SUBMIT_EXAMPLES + _EXIT_CODES,
)
@click.argument("line", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND ARGUMENT...")
@database_option
@_json
@click.pass_context
def submit_command(ctx: click.Context, line: tuple[str, ...], database: str | None, as_json: bool) -> None:
    """Record what master, apply, stems or plugins render would do, and leave it to `jobs run`.

    COMMAND is a command of tonmeister as it would be typed; --database and --json come before it. The same
    work on the same content is one job.
    """
    check_line(line)
    tray, said = Tray(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(said):  # its document would tell of work that is not done
        code = lay_out(ctx, line, tray)
    if tray.tasks:
        failed, found = _submitted(tray.tasks, database)
        _tell(found, as_json)
        code = code or failed
    else:
        said.seek(0)
        click.echo(said.read(), nl=False)  # its help, or what failed
    ctx.exit(code)


@command.command("show", epilog=_EXIT_CODES)
@click.argument("job", metavar="JOB")
@database_option
@_json
def show_command(job: str, database: str | None, as_json: bool) -> None:
    """Show a job: its request, how far it is, what it has written, why it failed."""
    with open_jobs(database) as jobs:
        found = jobs.get(job)
    if as_json:
        write({"schema": 1, "job": whole_document(found)})
        return
    click.echo(text(found))


@command.command("cancel", epilog=_EXIT_CODES)
@click.argument("names", nargs=-1, required=True, metavar="JOB...")
@database_option
@_json
def cancel_command(names: tuple[str, ...], database: str | None, as_json: bool) -> None:
    """End jobs; what a running one has written so far is removed."""
    with open_jobs(database) as jobs:
        found = [jobs.cancel(name) for name in names]
    _tell(found, as_json)


@command.command("retry", epilog=_EXIT_CODES)
@click.argument("names", nargs=-1, metavar="JOB...")
@click.option("--failed", "all_failed", is_flag=True, help="All that have failed.")
@database_option
@_json
def retry_command(names: tuple[str, ...], all_failed: bool, database: str | None, as_json: bool) -> None:
    """Queue jobs again that failed or were cancelled."""
    if bool(names) == all_failed:
        raise click.UsageError("Name jobs, or give --failed.")
    with open_jobs(database) as jobs:
        chosen = [job.id for job in jobs.list(states=["failed"])] if all_failed else names
        found = [jobs.retry(name) for name in chosen]
    _tell(found, as_json)


@command.command("clear", epilog=_EXIT_CODES)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(("done", "failed", "cancelled")),
    help="Only in this state; else all that have ended.",
)
@click.option("--older-than", type=click.FloatRange(0.0), metavar="DAYS", help="Only what ended before that.")
@database_option
@_json
def clear_command(
    states: tuple[State, ...], older_than: float | None, database: str | None, as_json: bool
) -> None:
    """Forget jobs that have ended; the files they wrote stay."""
    from mastering.jobs.model import ENDED

    before_s = None if older_than is None else time.time() - older_than * 86_400.0
    with open_jobs(database) as jobs:
        removed = jobs.clear(states or ENDED, before_s=before_s)
    if as_json:
        write({"schema": 1, "removed": removed})
        return
    click.echo(f"{removed} jobs forgotten.")


@command.command("run", epilog=_EXIT_CODES)
@click.option(
    "--short", type=click.IntRange(1, 256), metavar="N", help="Short jobs at a time; else one for each core."
)
@click.option("--long", type=click.IntRange(1, 256), metavar="N", help="Separations at a time; else 1.")
@click.option("--timeout", "time_s", type=click.FloatRange(0.1), metavar="S", help="Longest time of a job.")
@click.option("--memory", "memory_mb", type=click.IntRange(64), metavar="MB", help="Most memory of a job.")
@executor_options
@folder_option
@database_option
@click.pass_context
def run_command(
    ctx: click.Context,
    short: int | None,
    long: int | None,
    time_s: float | None,
    memory_mb: int | None,
    executor: str | None,
    ray_address: str | None,
    jobs_folder: Path | None,
    database: str | None,
) -> None:
    """Work on what is queued, until nothing is; what is not done when this is interrupted stays queued."""
    from mastering.jobs.model import Limits

    limits = Limits(time_s=time_s, memory_mb=memory_mb)
    lanes = {"short": short, "long": long}
    with (
        open_jobs(database, jobs_folder) as jobs,
        opened_executor(executor, ray_address, lanes, jobs.place) as workers,
        jobs.running(executor=workers, limits=limits),
    ):
        with ctx.obj.held():
            count = before = jobs.count()
        while count.get("queued", 0) + count.get("running", 0):
            time.sleep(0.2)
            with ctx.obj.held():
                count = jobs.count()
    click.echo(
        ", ".join(f"{count[state]} {state}" for state in _STATES if state in count) or "no jobs", err=True
    )
    ctx.exit(1 if count.get("failed", 0) > before.get("failed", 0) else 0)


def _submitted(tasks: Sequence[Any], database: str | None) -> tuple[int, list[Job]]:
    """The jobs of those that can be submitted, and the exit code of the others."""
    codes, found = [], []
    with open_jobs(database) as jobs:
        for task in tasks:
            try:
                found.append(jobs.submit(task))
            except AudioFileError as error:
                codes.append(show(describe(error), debug=False))
    return max(codes, default=0), found


def _tell(jobs: list[Job], as_json: bool) -> None:
    if as_json:
        write({"schema": 1, "jobs": [job_document(job) for job in jobs]})
        return
    for job in jobs:
        state = "ending" if job.cancelling else job.state
        click.echo(clean(f"{job.id[:SHORT_ID]}  {job.label}: {state}"))
