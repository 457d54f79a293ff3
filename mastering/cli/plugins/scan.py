"""`tonmeister plugins scan`: what is installed, and what of it works."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.plugins.describing import plural, status_text
from mastering.cli.plugins.files import own_file
from mastering.cli.plugins.finding import bundle_given
from mastering.cli.plugins.options import json_option, limit_options, limits_given
from mastering.cli.signals import Interrupted
from mastering.host.plugins.bundles import digest, find_bundles
from mastering.host.plugins.catalog import Catalog, catalog_file, load_catalog, save_catalog
from mastering.host.plugins.policy import Policy, Word, desktop_policy, load_words, save_words
from mastering.host.plugins.values import Scanned, WorkerLimits
from mastering.report.wording import clean, shorten

__all__ = ["command"]

_EXAMPLES = """\b
Examples:
  tonmeister plugins scan
  tonmeister plugins scan ~/my-plugins --timeout 60
  tonmeister plugins scan --force

"""

_EXIT_CODES_HELP = """\b
Exit codes:
  0    done; a plug-in that fails is recorded, it is no error
  2    usage: a folder that does not exist
  3    the catalog, or the list of allowed folders, cannot be written
  70   a bug in tonmeister
  130  interrupted by Ctrl-C (143 by SIGTERM); what was scanned is kept"""

_LONGEST_NAME = 40


@dataclass(slots=True, kw_only=True)
class _Run:
    """A scan in the making.

    Attributes:
        found: entries as they came.
        known: paths of those that were scanned before and were not loaded again.
    """

    started_s: float = field(default_factory=time.perf_counter)
    found: list[Scanned] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    interrupted: Interrupted | None = None

    @property
    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self.started_s


@click.command("scan", cls=Command, epilog=_EXAMPLES + _EXIT_CODES_HELP)
@click.argument(
    "folders", nargs=-1, metavar="[DIR]...", type=click.Path(path_type=Path, exists=True, readable=False)
)
@limit_options(prefix="", seconds="load_s")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    metavar="N",
    help="Bundles at a time, 1..64.",
)
@click.option("--force", is_flag=True, help="Also scan what is known and has not changed.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, folders: tuple[Path, ...], **options: Any) -> None:
    """Look for plug-ins in the system's folders and in DIR..., and try each out.

    Each bundle is loaded in a process of its own: one that crashes or hangs is recorded with its reason and
    is not loaded again until it changes, or --force is given. A DIR, or a single bundle, is allowed from
    then on. What has not changed since its last scan is not loaded again.
    """
    limits = limits_given(options)
    remembered = _remember(folders)
    for line in remembered:
        click.echo(clean(line), err=True)
    known, policy = load_catalog(), desktop_policy()
    bundles = _bundles(known, policy, folders)
    _keep(known)  # a catalog that cannot be written is said before minutes of work
    run = _scan(bundles, known, policy, limits, options)
    _keep(known.with_bundles(run.found))
    if options["as_json"]:
        write(_document(run, remembered))
    elif run.interrupted is None:
        click.echo(_summary(run, policy))
    if run.interrupted is not None:
        click.echo(f"Interrupted: {len(run.found)} of {plural(len(bundles), 'bundle')} kept.", err=True)
        ctx.exit(run.interrupted.exit_code)


def _remember(folders: Sequence[Path]) -> list[str]:
    """Allow folders and bundles that are not allowed yet; a line about each.

    Raises:
        click.UsageError: a file that is no bundle.
        EnvironmentProblem: the file of words cannot be written.
    """
    lines = []
    for folder in folders:
        words, policy = load_words(), desktop_policy()
        bundle = bundle_given(str(folder))
        if bundle is None and not folder.is_dir():
            raise click.UsageError(f"{folder} is neither a folder nor a plug-in's bundle.")
        real = folder.expanduser().resolve()
        if any(real.is_relative_to(Path(own).expanduser().resolve()) for own in policy.folders):
            continue
        if bundle is None:
            words = Policy(
                folders=(*words.folders, str(real)), allowed=words.allowed, forbidden=words.forbidden
            )
            lines.append(f"{real} is an allowed folder from now on.")
        else:
            word = Word(sha256=digest(bundle), name=bundle.stem)
            if any(word.sha256 == own.sha256 for own in (*words.allowed, *words.forbidden)):
                continue  # a ban is only taken back by `allow`
            words = words.allow(word)
            lines.append(f"{bundle} is allowed from now on.")
        with own_file():
            save_words(words)
    return lines


def _bundles(known: Catalog, policy: Policy, folders: Sequence[Path]) -> list[Path]:
    """Everything in the allowed folders and the given ones, and what was scanned elsewhere before."""
    before = [Path(entry.path) for entry in known.bundles]
    allowed = [Path(folder).expanduser() for folder in policy.folders]
    return find_bundles([*allowed, *folders, *(path for path in before if path.exists())])


def _scan(
    bundles: Sequence[Path], known: Catalog, policy: Policy, limits: WorkerLimits, options: dict[str, Any]
) -> _Run:
    from mastering.host.plugins.scan import scan

    run = _Run()
    before = {id(entry) for entry in known.bundles}
    width = max((len(shorten(path.stem, _LONGEST_NAME)) for path in bundles), default=0)
    entries: Any = scan(bundles, known, policy, limits, jobs=options["jobs"], force=options["force"])
    with _bar(bundles, quiet=options["as_json"]) as tell:
        try:
            with contextlib.closing(entries):
                for entry in entries:
                    is_known = id(entry) in before
                    run.found.append(entry)
                    if is_known:
                        run.known.add(entry.path)
                    tell(None if is_known and entry.status == "ok" else _line(entry, is_known, width))
        except Interrupted as interrupted:
            run.interrupted = interrupted
    return run


@contextlib.contextmanager
def _bar(bundles: Sequence[Path], *, quiet: bool) -> Iterator[Callable[[str | None], None]]:
    """A function that writes a bundle's line, if it has one; on a terminal a bar says which is looked at."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda line: None if quiet or line is None else click.echo(line, err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    name = TextColumn("{task.description}", markup=False)
    console = Console(stderr=True)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    names = [shorten(path.stem, _LONGEST_NAME) for path in bundles]
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(names[0] if names else "", total=len(names))
        left = iter([*names[1:], ""])

        def tell(line: str | None) -> None:
            if line is not None:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            bars.update(task, advance=1, description=next(left, ""))

        yield tell


def _line(entry: Scanned, is_known: bool, width: int) -> str:
    """One bundle's verdict: name, state, seconds, and the reason."""
    name = shorten(Path(entry.path).stem, _LONGEST_NAME).ljust(width)
    took = "known" if is_known else f"{entry.seconds:.1f} s"
    return f"{name}  {status_text(entry.status):<11}  {took:>7}  {clean(entry.reason)}".rstrip()


def _summary(run: _Run, policy: Policy) -> str:
    """How many of what, in how long."""
    if not run.found:
        return clean(f"There are no plug-ins in {', '.join(policy.folders)}.")
    plugins = sum(len(entry.plugins) for entry in run.found)
    counts = Counter(entry.status for entry in run.found if entry.status != "ok")
    parts = [
        f"{plural(plugins, 'plug-in')} in {plural(len(run.found), 'bundle')}",
        *(f"{count} {status_text(status)}" for status, count in counts.items()),
        *([f"{len(run.known)} known"] if run.known else []),
        f"{run.seconds:.1f} s",
    ]
    return ", ".join(parts)


def _document(run: _Run, remembered: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "catalog": str(catalog_file()),
        "remembered": list(remembered),
        "bundles": [
            {
                "path": entry.path,
                "status": entry.status,
                "reason": entry.reason,
                "known": entry.path in run.known,
                "seconds": entry.seconds,
                "sha256": entry.sha256,
                "plugins": [plugin.ref.name for plugin in entry.plugins],
            }
            for entry in run.found
        ],
        "interrupted": run.interrupted is not None,
        "seconds": round(run.seconds, 3),
    }


def _keep(catalog: Catalog) -> None:
    """Save the catalog.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    with own_file():
        save_catalog(catalog)
