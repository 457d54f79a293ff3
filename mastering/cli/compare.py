"""`tonmeister compare`: two files side by side."""

from __future__ import annotations

from pathlib import Path

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.failures import EXIT_CODES_HELP
from mastering.cli.outputs import check_png
from mastering.codec import to_plain

__all__ = ["command"]


@click.command("compare", cls=Command, epilog=EXIT_CODES_HELP)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="PNG", help="Draw both.")
@click.option("--downmix", is_flag=True, help="Fold more than two channels down to stereo.")
def command(a: Path, b: Path, as_json: bool, plot: Path | None, downmix: bool) -> None:
    """Compare A with B: spectrum, loudness, dynamics and width; differences are B minus A."""
    if plot is not None:
        check_png(plot)
    from mastering.delivery import analyse_file
    from mastering.report.compare import compare, comparison_text

    (first, _), (second, _) = (analyse_file(path, downmix=downmix) for path in (a, b))
    if as_json:
        write(
            {
                "schema": 1,
                "a": {"input": str(a), "features": to_plain(first)},
                "b": {"input": str(b), "features": to_plain(second)},
                "difference": to_plain(compare(first, second)),
            }
        )
    else:
        click.echo(comparison_text(first, second, (str(a), str(b))), nl=False)
    if plot is not None:
        from mastering.report.plots import compare_png

        compare_png(first, second, (str(a), str(b)), plot)
