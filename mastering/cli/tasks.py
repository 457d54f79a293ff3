"""What a worker does for one input (or one album): files in, plain values out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.cli.documents import master_entry
from mastering.cli.memory import keep_freed_memory
from mastering.errors import EnvironmentProblem, ParameterError
from mastering.host.plugins.values import OnFailure, WorkerLimits
from mastering.report.wording import clean, number

if TYPE_CHECKING:
    from mastering.chain import SeparatedBy
    from mastering.host.plugins.host import PluginHost
    from mastering.host.plugins.policy import Policy
    from mastering.jobspec import MasterJob
    from mastering.ports import Separator
    from mastering.report.model import Check, Report
    from mastering.target import DeliverySpec, Recipe

__all__ = ["AlbumTask", "ApplyTask", "Done", "MasterTask", "MeasureTask", "PluginOrder", "StemsOrder"]

_Progress = Callable[[str, float], None]
_ALBUM = "album_lufs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One written (or planned) master.

    Attributes:
        entry: its place in the JSON document.
        text: the report for a terminal.
        line: the report in one line, for runs of many.
        missed: a check failed.
    """

    entry: dict[str, Any]
    text: str
    line: str
    missed: bool


def _done(source: Path, output: Path, status: str, report: Report) -> Done:
    from mastering.report.stems import stems_document
    from mastering.report.text import render_text

    planned = "Dry run, nothing is written. " if status == "skipped" else ""
    entry = master_entry(source, output, status, report)
    if report.recipe.stems is not None or report.stems is not None:
        entry["stems"] = stems_document(report)
    return Done(
        entry=entry,
        text=planned + render_text(report),
        line=planned + _line(source, output, report),
        missed=not report.passed,
    )


def _line(source: Path, output: Path, report: Report) -> str:
    level = f"{number(report.after.integrated_lufs)} LUFS, {number(report.after.true_peak_dbtp)} dBTP"
    missed = ", ".join(c.name for c in report.checks if not c.passed and c.name != _ALBUM)
    return clean(f"{source} -> {output}: {level}{'; missed: ' + missed if missed else ''}")


def _album_line(check: Check) -> str:
    missed = "" if check.passed else "; missed"
    return f"Album: {number(check.measured)} LUFS, {number(check.limit)} LUFS were wanted{missed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsOrder:
    """How to separate: a value that a worker makes a separator of.

    Args:
        model: name or file; None is the separator's default, or a recipe's own.
        models_dir: where models are looked for first.
        device: where the model runs.
    """

    model: str | None = None
    models_dir: Path | None = None
    device: str = "cpu"

    def separator(self, made_by: SeparatedBy | None = None) -> Separator:
        """The separator; for a recipe the one that its stems were made by.

        Raises:
            ParameterError: no such model; for a recipe's own that was a file, `model` must name it.
            ModelError: its files are missing.
        """
        from stems.separate import Separator

        settings: dict[str, Any] = {}
        if made_by is not None:
            known = made_by.settings
            settings = {name: known[name] for name in ("overlap", "shifts", "engine") if name in known}
        model = self.model or (made_by.model if made_by is not None else None)
        device: Any = self.device
        try:
            return Separator(model, models_dir=self.models_dir, device=device, **settings)
        except ParameterError as error:
            if made_by is None or self.model is not None:
                raise
            raise ParameterError(
                f"the recipe's stems were separated by the model '{clean(made_by.model)}', which is not "
                f"known here: {error.message}",
                hint="Name its file with --model.",
                code="model_unknown",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginOrder:
    """How external plug-ins run: a value that a worker makes a host of.

    Args:
        limits: of each plug-in's process.
        on_failure: "fail" or "bypass".
        policy: what may be loaded; None is the user's.
    """

    limits: WorkerLimits = WorkerLimits()
    on_failure: OnFailure = "fail"
    policy: Policy | None = None

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.host.plugins.policy import Policy

        return {"Policy": Policy}

    def host(self) -> PluginHost:
        """A host with the user's catalog."""
        from mastering.host.plugins.host import PluginHost

        return PluginHost(policy=self.policy, limits=self.limits, on_failure=self.on_failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterTask:
    """Master one file, or with `dry_run` say what would be done; `stems` None masters the mix as it is."""

    source: Path
    output: Path
    job: MasterJob
    stems: StemsOrder | None = None
    plugins: PluginOrder = PluginOrder()
    dry_run: bool = False
    make_folder: bool = False

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.jobspec import MasterJob

        return {"MasterJob": MasterJob}

    @property
    def label(self) -> str:
        """The input's name."""
        return self.source.name

    def run(self, progress: _Progress) -> list[Done]:
        """Write the master, or plan it."""
        keep_freed_memory()
        from mastering.delivery import master_file, plan_file

        given: dict[str, Any] = {} if self.stems is None else {"separator": self.stems.separator()}
        with self.plugins.host() as host:
            given |= {"plugins": host, "progress": progress}
            if self.dry_run:
                report = plan_file(self.source, self.output, self.job, **given)
                return [_done(self.source, self.output, "skipped", report)]
            _prepare(self.output, self.make_folder)
            report = master_file(self.source, self.output, self.job, **given)
        return [_done(self.source, self.output, "mastered", report)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumTask:
    """Master several files with one decision on loudness and tone, or with `dry_run` plan it."""

    pairs: tuple[tuple[Path, Path], ...]
    job: MasterJob
    plugins: PluginOrder = PluginOrder()
    dry_run: bool = False
    make_folder: bool = False

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.jobspec import MasterJob

        return {"MasterJob": MasterJob}

    @property
    def label(self) -> str:
        """How many songs there are."""
        return f"album of {len(self.pairs)}"

    def run(self, progress: _Progress) -> list[Done]:
        """Write all masters, or plan them; the line of the last one tells the album's loudness too."""
        keep_freed_memory()
        from mastering.delivery import master_album, plan_album

        with self.plugins.host() as host:
            given: dict[str, Any] = {"plugins": host, "progress": progress}
            if self.dry_run:
                status, reports = "skipped", plan_album(self.pairs, self.job, **given)
            else:
                for _, output in self.pairs:
                    _prepare(output, self.make_folder)
                status, reports = "mastered", master_album(self.pairs, self.job, **given)
        done = [_done(*pair, status, report) for pair, report in zip(self.pairs, reports, strict=True)]
        for check in (check for check in reports[-1].checks if check.name == _ALBUM):
            done[-1] = replace(done[-1], line=f"{done[-1].line}\n{_album_line(check)}")
        return done


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTask:
    """Apply a recipe to one file; `delivery` None is the recipe's own."""

    recipe: Recipe
    source: Path
    output: Path
    force: bool
    downmix: bool
    write_report: bool
    delivery: DeliverySpec | None = None
    stems: StemsOrder = StemsOrder()
    plugins: PluginOrder = PluginOrder()
    make_folder: bool = False

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.target import DeliverySpec, Recipe

        return {"Recipe": Recipe, "DeliverySpec": DeliverySpec}

    @property
    def label(self) -> str:
        """The input's name."""
        return self.source.name

    def run(self, progress: _Progress) -> list[Done]:
        """Write the output."""
        keep_freed_memory()
        from mastering.delivery import apply_recipe

        _prepare(self.output, self.make_folder)
        given: dict[str, Any] = {}
        if self.recipe.stems is not None:
            given["separator"] = self.stems.separator(self.recipe.stems.separator)
        with self.plugins.host() as host:
            report = apply_recipe(
                self.recipe,
                self.source,
                self.output,
                force=self.force,
                downmix=self.downmix,
                write_report=self.write_report,
                delivery=self.delivery,
                plugins=host,
                progress=progress,
                **given,
            )
        return [_done(self.source, self.output, "mastered", report)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTask:
    """Measure one file."""

    source: Path
    downmix: bool = False

    @property
    def label(self) -> str:
        """The input's name."""
        return self.source.name

    def run(self, progress: _Progress) -> Any:
        """Features and notices."""
        from mastering.delivery import analyse_file

        return analyse_file(self.source, downmix=self.downmix)


def _prepare(output: Path, make_folder: bool) -> None:
    """Make the folder of an output below --output-dir; one that -o names must be there."""
    if not make_folder:
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"{output.parent}: the folder for the output cannot be made ({error.strerror})",
            hint="Choose another folder or change its permissions.",
            code="output_not_writable",
        ) from error
