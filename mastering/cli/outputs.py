"""Where masters go: names, formats by suffix, and refusing to collide before anything runs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click

from mastering.cli.inputs import MASTER_MARK, Input
from mastering.jobspec import container_of
from mastering.target import Container

__all__ = ["agreed_container", "check_png", "plan_outputs"]


def agreed_container(output: Path | None, chosen: Container | None) -> Container | None:
    """The container that -o and --format ask for together; None where neither says.

    Raises:
        ParameterError: a suffix of no container.
        click.UsageError: the two disagree.
    """
    if output is None:
        return chosen
    container = container_of(output)
    if chosen not in (None, container):
        raise click.UsageError(f"-o {output} and --format {chosen} disagree; leave one out.")
    return container


def plan_outputs(
    inputs: Sequence[Input],
    *,
    output: Path | None,
    output_dir: Path | None,
    container: Container,
    references: Sequence[Path] = (),
) -> list[Path]:
    """One output for each input: `-o`, or NAME.master.SUFFIX in --output-dir or beside the input.

    Raises:
        click.UsageError: -o for several inputs, two inputs with one output, or an output that is
            an input or a reference.
    """
    if output is not None and output_dir is not None:
        raise click.UsageError("-o and --output-dir exclude each other.")
    if output is not None and len(inputs) > 1:
        raise click.UsageError(f"-o names one file, but there are {len(inputs)} inputs; use --output-dir.")
    if output is not None and output.is_dir():
        raise click.UsageError(f"-o {output} is a folder; use --output-dir {output}.")
    planned = [output or _default(item, output_dir, container) for item in inputs]
    _refuse_collisions(inputs, planned)
    _refuse_overwriting([item.path for item in inputs], planned, "an input")
    _refuse_overwriting(references, planned, "a reference")
    return planned


def _default(item: Input, output_dir: Path | None, container: Container) -> Path:
    folder = item.path.parent if output_dir is None else output_dir / item.folder
    return folder / f"{item.path.stem}{MASTER_MARK}.{container}"


def _refuse_collisions(inputs: Sequence[Input], planned: Sequence[Path]) -> None:
    sources: dict[str, list[str]] = defaultdict(list)
    for item, path in zip(inputs, planned, strict=True):
        sources[_identity(path)].append(str(item.path))
    clashes = [names for names in sources.values() if len(names) > 1]
    if clashes:
        listed = "\n".join("  " + ", ".join(names) for names in clashes)
        raise click.UsageError(f"These inputs would be written to the same output; rename one:\n{listed}")


def _refuse_overwriting(originals: Sequence[Path], planned: Sequence[Path], role: str) -> None:
    taken = {_identity(path) for path in originals}
    for path in planned:
        if _identity(path) in taken:
            raise click.UsageError(f"{path} is {role}; originals are never written over.")


def _identity(path: Path) -> str:
    """Equal for two names of one file: links, `..`, and other case where the disk ignores case."""
    try:
        status = path.stat()
    except OSError:
        return os.path.normcase(os.path.realpath(path))
    return f"{status.st_dev}:{status.st_ino}"


def check_png(plot: Path) -> None:
    """Refuse a --plot that is no PNG: a slip must not write over a song.

    Raises:
        click.UsageError: another suffix.
    """
    if plot.suffix.lower() != ".png":
        raise click.UsageError(f"--plot {plot}: allowed a name that ends in .png.")
