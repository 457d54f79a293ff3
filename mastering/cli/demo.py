"""`tonmeister demo`: a piece of our own, mastered, to hear and read what a master is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mastering.cli.app import Command
from mastering.cli.progress import open_board
from mastering.cli.signals import Interrupts

if TYPE_CHECKING:
    from mastering.audio import Audio
    from mastering.jobspec import MasterJob
    from mastering.report.model import Report

__all__ = ["command"]

_DURATION_S = 30.0
_SAMPLE_RATE = 44_100
_STYLE, _TARGET = "balanced", "spotify"


@click.command("demo", cls=Command)
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("tonmeister-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the files; earlier demo files in it are replaced.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, help="Chooses the piece.")
@click.pass_context
def command(ctx: click.Context, /, output_dir: Path, seed: int) -> None:
    """Render a 30 s piece and master it in the style balanced for Spotify.

    Writes demo-drums, demo-bass, demo-chords, demo-lead and demo-mix (unmastered), and the master of
    the mix with its report and recipe.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    master = output_dir / "demo-mix.master.wav"
    interrupts: Interrupts = ctx.obj
    with open_board(quiet=False) as board:
        board.start(0, "demo")

        def progress(stage: str, fraction: float) -> None:
            interrupts.raise_if_received()
            board.update(0, stage, fraction)

        mix = _render(output_dir, seed)
        report = _master(mix, master, progress)
        board.finish(0)
    _tell(report, mix, master)


def _render(folder: Path, seed: int) -> Path:
    """Write the stems and their mix; answers where the mix is."""
    from generation.piece import render_piece

    stems = render_piece(seed, _DURATION_S, _SAMPLE_RATE)
    for name, audio in stems.parts.items():
        _write(folder / f"demo-{name}.wav", audio)
    mix = folder / "demo-mix.wav"
    _write(mix, stems.mix())
    return mix


def _write(path: Path, audio: Audio) -> None:
    from mastering.io.writer import open_writer

    with open_writer(
        path, sample_rate=audio.sample_rate, channels=audio.channels, force=True, frames=audio.frames
    ) as writer:
        for block in audio.blocks():
            writer.write(block)


def _master(mix: Path, master: Path, progress: Callable[[str, float], None]) -> Report:
    from mastering.delivery import master_file

    return master_file(mix, master, _job(), progress=progress)


def _job() -> MasterJob:
    from mastering.jobspec import MasterJob
    from mastering.library import load_style, load_target

    target = load_target(_TARGET)
    return MasterJob(style=load_style(_STYLE), target=target, delivery=target.delivery, force=True)


def _tell(report: Report, mix: Path, master: Path) -> None:
    from mastering.delivery import recipe_path, report_path
    from mastering.report.text import render_text

    click.echo(render_text(report), err=True)
    click.echo(f"mix     {mix}")
    click.echo(f"master  {master}")
    click.echo(f"report  {report_path(master)}")
    click.echo(f"recipe  {recipe_path(master)}")
