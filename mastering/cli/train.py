"""`tonmeister train`: a style of one's own from a folder of finished masters."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.inputs import MASTER_MARK, expand
from mastering.cli.signals import Interrupts
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.report.wording import clean, duration, number

if TYPE_CHECKING:
    from mastering.train.masters import Master, Masters
    from mastering.train.personal import Outcome

__all__ = ["command"]

_MINUTES = 5.0

_EPILOG = """\b
Examples:
  tonmeister train ~/masters --name mine
  tonmeister master mix.wav --style mine

\b
Exit codes:
  0    the style is there (files that were left out are named)
  1    the folder cannot be learned from: missing, no audio, too little that is usable
  2    usage: an option is wrong, or the name is taken
  3    environment: PyTorch or the shipped model is broken, or the presets cannot be written
  70   a bug in tonmeister
  130  interrupted by Ctrl-C (143 by SIGTERM); nothing was written"""


@click.command("train", cls=Command, epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="NAME", help="Name of the style, as --style takes it.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1, 1_440.0),
    default=_MINUTES,
    show_default=True,
    metavar="LIMIT",
    help="Stop training after about this long; measuring the files comes on top.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of everything random."
)
@click.option("--force", is_flag=True, help="Replace a style of that name, or hide a shipped one.")
@click.option("--dry-run", is_flag=True, help="Measure, and say what would be used; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary, only errors.")
@click.pass_context
def command(ctx: click.Context, /, folder: Path, **options: Any) -> None:
    """Learn from your own finished masters in FOLDER, and make the style NAME from them.

    At least 3 songs of 20 s or more and 2 minutes in all; ten songs teach well. The shipped matcher is
    fine-tuned on them; every fifth song is kept back to see whether that helps, and where it does not
    the shipped weights are kept. Everything stays on this machine.
    """
    quiet = options["quiet"] or options["as_json"]
    try:
        masters, outcome = _run(ctx.obj, folder, options, quiet=quiet)
    except Exception:
        ctx.obj.raise_if_received()  # the signal is the reason, not what it broke
        raise
    if options["as_json"]:
        write(_document(masters, outcome, options))
    elif not quiet:
        click.echo(_text(masters, outcome, options["name"]), err=True)


def _run(
    interrupts: Interrupts, folder: Path, options: dict[str, Any], *, quiet: bool
) -> tuple[Masters, Outcome | None]:
    """What the folder holds, and what was made of it: nothing for a dry run."""
    from mastering import library
    from mastering.train.masters import gather
    from mastering.train.places import check_name, check_writable

    presets = library.user_folder()
    check_name(options["name"], presets, force=options["force"])
    check_writable(presets)
    files = _audio_files(folder)
    train = None if options["dry_run"] else _trainer(options)
    with _bars(quiet=quiet) as show_stage:

        def progress(stage: str, share: float) -> None:
            interrupts.raise_if_received()
            show_stage(stage, share)

        masters = gather(folder, files, lambda share: progress("measure", share))
        return masters, train(masters, progress) if train is not None else None


def _audio_files(folder: Path) -> list[Path]:
    """The folder's audio files, recursively, in natural order, as `master` takes them.

    Raises:
        AudioFileError: no such folder, or one without audio.
        OSError: a folder that cannot be read.
    """
    from mastering.train.masters import NEEDED

    if not folder.is_dir():
        found = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise AudioFileError(
            f"{folder}: {found}",
            hint="Name the folder that holds your finished masters.",
            code="not_a_folder" if folder.exists() else "folder_missing",
        )
    next(folder.iterdir(), None)  # says why, where it cannot be read
    items = expand([str(folder)])
    if items[0].failure is not None:
        raise AudioFileError(
            f"{items[0].failure.message}; {NEEDED}",
            hint=f"Files named *{MASTER_MARK}.* do not count: tonmeister itself made them.",
            code="no_audio",
        )
    return [item.path for item in items]


def _trainer(options: dict[str, Any]) -> Callable[[Masters, Callable[[str, float], None]], Outcome]:
    """What trains, once PyTorch and the shipped model have been loaded: before time is spent on measuring.

    Raises:
        EnvironmentProblem: PyTorch does not load.
        ModelError: the shipped model is missing or damaged.
    """
    try:
        from mastering.train import personal
    except (ImportError, OSError) as error:
        raise EnvironmentProblem(
            f"what training needs does not load: {error}",
            hint="PyTorch comes with tonmeister: put it right with pip install --force-reinstall torch.",
            code="torch_missing",
        ) from error
    base = personal.load_base()
    order = personal.Order(**{key: options[key] for key in ("name", "seed", "minutes", "force")})
    return lambda masters, progress: personal.train_personal(masters, order, base, progress=progress)


@contextmanager
def _bars(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar for each stage that has begun, if standard error is a terminal and nobody asked for quiet."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda stage, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        begun: dict[str, Any] = {}

        def show_stage(stage: str, share: float) -> None:
            if stage not in begun:
                begun[stage] = bars.add_task(stage, total=1.0)
            bars.update(begun[stage], completed=share)

        yield show_stage


def _text(masters: Masters, outcome: Outcome | None, name: str) -> str:
    """The run for people."""
    lines = [f"Left out {left.path}: {left.reason}" for left in masters.left_out]
    lines.append(f"{len(masters.used)} masters, {duration(masters.duration_s)} in all:")
    lines += [
        f"  {master.path.name}: {duration(master.features.duration_s)}, "
        f"{number(master.features.integrated_lufs)} LUFS, PLR {number(master.features.plr_db)} dB"
        for master in masters.used
    ]
    if outcome is None:
        lines.append(f"Dry run, nothing is written. Without --dry-run they would become the style {name}.")
    else:
        lines += _verdict(outcome)
        lines.append(f"Written: {outcome.places.style}")
        lines.append(f"Use it:  tonmeister master mix.wav --style {shlex.quote(name)}")
    return "\n".join(clean(line) for line in lines)


def _verdict(outcome: Outcome) -> list[str]:
    """Whether fine-tuning helped, and by how much."""
    trial = outcome.trial
    before, after = trial.before, trial.after
    songs = f"{len(outcome.held)} song{'' if len(outcome.held) == 1 else 's'} kept back"
    if not trial.improved:
        return [
            f"Fine-tuning on {len(outcome.trained)} songs did not help on {songs}: the shipped weights "
            "judge, with your masters as their reference."
        ]
    return [
        f"Fine-tuned on {len(outcome.trained)} songs. What is left of a degradation of {songs}, medians:",
        *(
            f"  {what:<6}{after[key]:.2f} dB; {before[key]:.2f} dB with the shipped weights, "
            f"{after[key + '_before']:.2f} dB untouched"
            for what, key in (("tone", "mid"), ("width", "side"))
        ),
        f"  made worse {after['harmed_percent']:.0f} % of the cases; "
        f"{before['harmed_percent']:.0f} % with the shipped weights",
    ]


def _document(masters: Masters, outcome: Outcome | None, options: dict[str, Any]) -> dict[str, Any]:
    """The run for machines."""
    return {
        "schema": 1,
        "status": _status(outcome),
        "name": options["name"],
        "seed": options["seed"],
        "folder": str(masters.folder),
        "minutes": round(masters.duration_s / 60.0, 2),
        "masters": [_entry(master, outcome) for master in masters.used],
        "left_out": [
            {"input": str(left.path), "code": left.code, "message": left.reason} for left in masters.left_out
        ],
        "result": None if outcome is None else _result(outcome),
    }


def _status(outcome: Outcome | None) -> str:
    if outcome is None:
        return "planned"
    return "fine-tuned" if outcome.trial.improved else "kept shipped weights"


def _entry(master: Master, outcome: Outcome | None) -> dict[str, Any]:
    use = "style"
    if outcome is None:
        use = "planned"
    elif master in outcome.trained:
        use = "training"
    elif master in outcome.held:
        use = "validation"
    features = master.features
    return {
        "input": str(master.path),
        "use": use,
        "duration_s": features.duration_s,
        "integrated_lufs": features.integrated_lufs,
        "plr_db": features.plr_db,
    }


def _result(outcome: Outcome) -> dict[str, Any]:
    trial = outcome.trial
    return {
        "style": str(outcome.places.style),
        "weights": str(outcome.places.weights),
        "card": str(outcome.places.card),
        "sha256": outcome.sha256,
        "base": {"name": outcome.base.name, "version": outcome.base.version, "sha256": outcome.base.sha256},
        "steps": trial.steps,
        "best_step": trial.best_step,
        "validation": {"cases": trial.cases, "before": trial.before, "after": trial.after},
        "seconds": outcome.seconds,
    }
