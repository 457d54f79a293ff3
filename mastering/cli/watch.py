"""`tonmeister watch`: what is dropped into a folder is mastered, once, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.cli.executors import executor_options, opened_executor
from mastering.cli.jobs import database_option, folder_option, open_jobs
from mastering.cli.watch_hooks import Hooks, sending
from mastering.cli.watch_plan import FOLDER_OPTIONS, Planner
from mastering.errors import EnvironmentProblem, ParameterError

if TYPE_CHECKING:
    from mastering.cli.signals import Interrupts
    from mastering.cli.watch_log import Log
    from mastering.watch.values import Setup
    from mastering.watch.watcher import Watcher
    from mastering.webhooks.signing import Secret

__all__ = ["command"]

_TICK_S = 0.2
_LAST_SENDING_S = 30.0
_ALL_FOLDERS = 3
"""Where among the options those stand that folders may set, too."""

_EPILOG = """\b
Examples:
  tonmeister watch inbox --output masters --style warm
  tonmeister watch inbox --output masters --target spotify --once
  echo 'target = "spotify-loud"' > inbox/loud/tonmeister.toml
  echo 'album = true' > inbox/albums/tonmeister.toml

\b
Exit codes:
  0    --once: all that was there is mastered
  1    --once: some failed, or wait because of their settings
  2    usage: an option, or OUTBOX inside INBOX
  3    environment: a folder is missing or not permitted, or another tonmeister watches INBOX
  130  interrupted by Ctrl-C (143 by SIGTERM); what was under way goes on at the next start"""


@click.command("watch", cls=Command, epilog=_EPILOG)
@click.argument("inbox", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "outbox",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUTBOX",
    help="Folder for masters, recipes and reports; sub-folders are kept.",
)
@click.option("--once", is_flag=True, help="Do what lies there and end.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Masters at a time; else the cores.")
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.05, 3_600.0),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Time between two looks. A file is taken when it is the same on two.",
)
@click.option(
    "--settle",
    "settle_s",
    type=click.FloatRange(0.0, 3_600.0),
    default=5.0,
    show_default=True,
    metavar="S",
    help="How long an album's folder must have been the same: copying may pause between two songs.",
)
@click.option(
    "--webhook-secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The secret that webhooks are signed with (standardwebhooks.com); else $TONMEISTER_WEBHOOK_SECRET.",
)
@click.option(
    "--webhook-allow-private",
    is_flag=True,
    help="Let webhooks, those of folders too, go to addresses of your own network, there also by http://.",
)
@click.option(
    "--notify", is_flag=True, help="Desktop notifications of what is finished, where there are any."
)
@click.option("--log-json", is_flag=True, help="One JSON document per event, on a terminal too.")
@executor_options
@folder_option
@database_option
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Master what is dropped into INBOX, and move it to INBOX/done, or to INBOX/failed with the reason.

    A sub-folder may have settings of its own: a tonmeister.toml with options of this command (style, target,
    lufs, bit_depth, album, webhook, ...) and a reference.wav (or another format). Folders inside it inherit
    them.
    """
    from mastering.webhooks.signing import given_secret

    inbox, outbox = _folders(options["inbox"], options["outbox"])
    secret = given_secret(options["webhook_secret_file"], os.environ)
    hooks = Hooks(signed=secret is not None, allow_private=options["webhook_allow_private"])
    planner = Planner(ctx, options, hooks)
    planner({})  # what was typed is refused before anything begins
    ctx.exit(_watch(ctx, inbox, outbox, planner, secret, options))


command.params[_ALL_FOLDERS:_ALL_FOLDERS] = FOLDER_OPTIONS


def _folders(inbox: Path, outbox: Path) -> tuple[Path, Path]:
    """Both folders, if they can be used together.

    Raises:
        ParameterError: one lies inside the other.
        EnvironmentProblem: one is missing or cannot be written.
    """
    for folder, role in ((inbox, "inbox"), (outbox, "outbox")):
        if not folder.is_dir():
            raise EnvironmentProblem(
                f"{folder}: the {role} is no folder that is there", hint="Make it first.", code="no_folder"
            )
    real_inbox, real_outbox = inbox.resolve(), outbox.resolve()
    if real_inbox.is_relative_to(real_outbox) or real_outbox.is_relative_to(real_inbox):
        raise ParameterError(
            f"{outbox}: masters may not go into {inbox}, nor above it, or they would be mastered again",
            hint="Choose two folders of which neither lies in the other.",
            code="folders_nested",
        )
    for folder, role in ((inbox, "inbox"), (outbox, "outbox")):
        _check_writable(folder, role)
    return inbox.absolute(), outbox.absolute()


def _check_writable(folder: Path, role: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder}: the {role} cannot be written ({error.strerror})",
            hint="Choose another folder or change its permissions.",
            code="output_not_writable",
        ) from error


def _watch(
    ctx: click.Context,
    inbox: Path,
    outbox: Path,
    planner: Planner,
    secret: Secret | None,
    options: dict[str, Any],
) -> int:
    """Watch until there is nothing more to do; gives the exit code."""
    from mastering.cli.notify import Notifier
    from mastering.cli.watch_log import Log
    from mastering.io.files import probe
    from mastering.watch.folders import Folders
    from mastering.watch.hint import Waker
    from mastering.watch.ledger import Ledger, ledger_name
    from mastering.watch.watcher import Watcher

    once, lanes = options["once"], {"short": options["jobs"], "long": None}
    log = Log(as_json=options["log_json"])
    with contextlib.ExitStack() as stack:
        jobs = stack.enter_context(open_jobs(options["database"], options["jobs_folder"]))
        workers = stack.enter_context(
            opened_executor(options["executor"], options["ray_address"], lanes, jobs.place)
        )
        count = sum(workers.workers.values())
        ledger = stack.enter_context(Ledger(jobs.place.folder / "watch", inbox))
        hooks = jobs.place.folder / "webhooks" / f"{ledger_name(inbox)}.sqlite"
        sender = stack.enter_context(
            sending(hooks, secret, log, allow_private=options["webhook_allow_private"])
        )
        tell = stack.enter_context(Notifier(log)) if options["notify"] else log
        waker = stack.enter_context(Waker(inbox))
        stack.enter_context(jobs.running(executor=workers))
        watcher = Watcher(
            _setup(inbox, outbox, options, most_open=2 * count + 6),
            jobs,
            ledger,
            Folders(inbox, planner),
            probe=probe,
            tell=tell,
            publish=sender.publish if sender is not None else None,
            once=once,
        )
        log("started", inbox=str(inbox), output=str(outbox), jobs=workers.workers["short"])
        try:
            _work(watcher, waker, log, ctx.obj, once=once)
            if sender is not None and (left := sender.flush(_LAST_SENDING_S)):
                log("webhook_waits", count=left, message="they are sent when it runs the next time")
        finally:
            log.close()
            log("stopped", **_totals(watcher))
    return 1 if watcher.totals.failed or watcher.is_kept_waiting else 0


def _setup(inbox: Path, outbox: Path, options: dict[str, Any], *, most_open: int) -> Setup:
    from mastering.cli.inputs import AUDIO_SUFFIXES
    from mastering.watch.values import Setup

    times = {name: options[name] for name in ("interval_s", "settle_s")}
    return Setup(inbox=inbox, outbox=outbox, suffixes=AUDIO_SUFFIXES, most_open=most_open, **times)


def _work(watcher: Watcher, waker: Any, log: Log, interrupts: Interrupts, *, once: bool) -> None:
    with interrupts.held():
        watcher.recover()
    hint = False
    while True:
        with interrupts.held():
            watcher.tick(hint=hint)
        if once and watcher.finished:
            return
        log.status(
            "{mastered} mastered, {known} known, {failed} failed, {under_way} under way, "
            "{waiting} waiting".format_map(_totals(watcher))
        )
        hint = waker.wait(_TICK_S)


def _totals(watcher: Watcher) -> dict[str, int]:
    totals = watcher.totals
    return {
        "mastered": totals.mastered,
        "known": totals.known,
        "failed": totals.failed,
        "under_way": watcher.under_way,
        "waiting": watcher.waiting,
    }
