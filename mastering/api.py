"""The door for programs: `mastering.master`, `mastering.apply`, `mastering.analyse` on files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal, TypeAlias

from mastering.delivery import analyse_file, apply_recipe, master_file
from mastering.errors import ParameterError
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import Insert, insert_of
from mastering.jobspec import (
    DEFAULT_MATCHER,
    MasterJob,
    Progress,
    container_of,
    default_style_name,
    ignore_progress,
    load_recipe,
    merge_delivery,
)
from mastering.library import load_style, load_target
from mastering.measure.features import Features
from mastering.ports import ASPECTS, Aspect, Separator
from mastering.report.model import Report
from mastering.target import DeliverySpec, Recipe

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
    eq: Literal["linear", "parametric"] = "linear",
    matcher: str = DEFAULT_MATCHER,
    refine_steps: int = 0,
    separator: Separator | None = None,
    inserts: Sequence[str | Insert] = (),
    plugins: PluginHost | None = None,
    downmix: bool = False,
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
        eq: a linear-phase curve or up to 8 parametric bands.
        matcher: name of a registered matcher.
        refine_steps: gradient steps on the matched chain; a few seconds for 30. 0 takes the prediction.
        separator: takes input and reference apart, so that each stem is matched to its counterpart before
            the whole; needs a reference. None masters the mix as it is.
        inserts: external plug-ins, as text ("ZaMaximX2?thresh=-6 dB": before the limiter) or as `Insert`.
        plugins: runs them; None runs them by the user's catalog and policy.
        downmix: fold more than two channels down instead of refusing.
        force: replace existing files.
        write_report: write NAME.report.html too.
        progress: called with stage and share.
        delivery: fields of `DeliverySpec` that beat the target's, such as integrated_lufs=-12.0.

    Raises:
        AudioFileError, ParameterError, PresetError, EnvironmentProblem, ModelError, PluginError: as
            their messages say.
    """
    output = Path(output)
    references = _paths(reference)
    goal = load_target(target) if target is not None else None
    style_name = default_style_name(references, style, target)
    look = load_style(style_name) if style_name is not None else None
    given = delivery if "container" in delivery else {"container": container_of(output), **delivery}
    known = [field.name for field in fields(DeliverySpec)]
    for name in given:
        if name not in known:
            raise ParameterError(
                f"mastering.master has no argument {name!r}: DeliverySpec has {', '.join(known)}"
            )
    job = MasterJob(
        references=references,
        style=look,
        target=goal,
        delivery=merge_delivery(look, goal, given, referenced=bool(references), only=tuple(only)),
        amount_percent=amount_percent,
        only=tuple(only),
        eq=eq,
        matcher=matcher,
        refine_steps=refine_steps,
        downmix=downmix,
        force=force,
        write_report=write_report,
    )
    with contextlib.ExitStack() as stack:
        host = plugins or stack.enter_context(PluginHost())
        found = tuple(insert_of(host, insert) if isinstance(insert, str) else insert for insert in inserts)
        job = replace(job, inserts=found)
        return master_file(Path(source), output, job, separator=separator, plugins=host, progress=progress)


def apply(
    recipe: Recipe | PathLike,
    source: PathLike,
    output: PathLike,
    *,
    separator: Separator | None = None,
    plugins: PluginHost | None = None,
    force: bool = False,
) -> Report:
    """Run a chain on a file, as it is.

    Args:
        recipe: a report's recipe, a recipe's or a chain's file, or the name of a chain of the library.
        source: the file.
        output: what to write; its extension chooses the container.
        separator: of the same model as the recipe's, where that changes stems.
        plugins: as in `master`.
        force: replace existing files.

    Raises:
        AudioFileError, ParameterError, PresetError, EnvironmentProblem, ModelError, PluginError: as
            their messages say.
    """
    output = Path(output)
    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    delivery = replace(loaded.delivery, container=container_of(output))
    return apply_recipe(
        loaded, Path(source), output, separator=separator, plugins=plugins, force=force, delivery=delivery
    )


def _paths(reference: PathLike | Sequence[PathLike] | None) -> tuple[Path, ...]:
    if reference is None:
        return ()
    if isinstance(reference, (str, os.PathLike)):
        return (Path(reference),)
    return tuple(Path(path) for path in reference)
