"""The door for programs: `mastering.master`, `mastering.apply`, `mastering.analyse` on files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from mastering.delivery import analyse_file, apply_recipe, master_file
from mastering.errors import ParameterError
from mastering.jobspec import MasterJob, Progress, ignore_progress
from mastering.library import load_style, load_target
from mastering.measure.features import Features
from mastering.ports import ASPECTS, Aspect
from mastering.report.model import Report
from mastering.target import CONTAINERS, Container, DeliverySpec, Recipe

__all__ = ["analyse", "apply", "master"]

PathLike: TypeAlias = str | os.PathLike[str]


def analyse(path: PathLike) -> Features:
    """Measure a file.

    Raises:
        AudioFileError: it cannot be read.
    """
    features, _ = analyse_file(Path(path))
    return features


def master(
    source: PathLike,
    output: PathLike,
    *,
    reference: PathLike | Sequence[PathLike] | None = None,
    style: str | None = None,
    target: str | None = None,
    amount_percent: float | None = None,
    only: Sequence[Aspect] = ASPECTS,
    force: bool = False,
    write_report: bool = True,
    progress: Progress = ignore_progress,
    **delivery: object,
) -> Report:
    """Master a file to a reference, a style or a target; without any of them, to the style "balanced".

    Args:
        source: the mix.
        output: the master to write; its extension chooses the container.
        reference: one or several files to match.
        style, target: names or paths of presets.
        amount_percent: 0..100; None is auto.
        only: aspects that may change: "tone", "dynamics", "width", "level".
        force: replace existing files.
        write_report: write NAME.report.html too.
        progress: called with stage and share.
        delivery: fields of `DeliverySpec` that beat the target's, such as integrated_lufs=-12.0.

    Raises:
        AudioFileError, ParameterError, PresetError, EnvironmentProblem: as their messages say.
    """
    output = Path(output)
    references = _paths(reference)
    goal = load_target(target) if target is not None else None
    look = load_style(style or "balanced") if style or not (references or target) else None
    spec = goal.delivery if goal is not None else DeliverySpec()
    if goal is None and not references and look is not None:
        spec = replace(spec, integrated_lufs=look.integrated_lufs, ceiling_dbtp=look.ceiling_dbtp)
    spec = replace(spec, **{"container": _container(output), **delivery})  # type: ignore[arg-type]
    job = MasterJob(
        references=references,
        style=look,
        target=goal,
        delivery=spec,
        amount_percent=amount_percent,
        only=tuple(only),
        force=force,
        write_report=write_report,
    )
    return master_file(Path(source), output, job, progress=progress)


def apply(recipe: Recipe, source: PathLike, output: PathLike, *, force: bool = False) -> Report:
    """Run a recipe's chain on another file, as it is."""
    return apply_recipe(recipe, Path(source), Path(output), force=force)


def _paths(reference: PathLike | Sequence[PathLike] | None) -> tuple[Path, ...]:
    if reference is None:
        return ()
    if isinstance(reference, (str, os.PathLike)):
        return (Path(reference),)
    return tuple(Path(path) for path in reference)


def _container(output: Path) -> Container:
    suffix = output.suffix.lower().lstrip(".")
    names: dict[str, Container] = {name: name for name in CONTAINERS} | {"aif": "aiff"}
    if suffix not in names:
        raise ParameterError(
            f"{output.name}: allowed endings are {', '.join(CONTAINERS)}", hint="Choose one of these endings."
        )
    return names[suffix]
