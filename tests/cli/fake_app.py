"""The real command line on a delivery that does what an input's name says: run as a script by tests.

Names: "dies" (the process is killed), "dies-once" (only the first time), "refused", "environment",
"bug", "full" (an OSError), "missed" (a failed check), "slow" (waits to be interrupted, holding a
temporary file), anything else is mastered. Worker processes import this file too, so that they see
the same fake.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mastering.chain import Limiter, MasteringChain
from mastering.cli import main
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.host.plugins.host import PluginHost
from mastering.jobspec import MasterJob, Progress, ignore_progress
from mastering.measure.features import Features
from mastering.notice import Notice
from mastering.report.model import Check, Curves, Report
from mastering.target import DeliverySpec, Recipe

SEEN: list[tuple[str, Any]] = []
"""What the fake was asked for in this process."""


def features(integrated_lufs: float = -14.0) -> Features:
    """Measurements of no music in particular."""
    return Features(
        integrated_lufs=integrated_lufs,
        max_momentary_lufs=integrated_lufs + 4.0,
        max_short_term_lufs=integrated_lufs + 2.0,
        loudness_range_lu=6.0,
        true_peak_dbtp=-1.0,
        sample_peak_dbfs=-1.2,
        plr_db=-1.0 - integrated_lufs,
        psr_db=9.0,
        crest_db=(9.0,) * 4,
        level_percentiles_db=((-40.0, -30.0, -25.0, -20.0, -15.0),) * 4,
        band_levels_mid_db=(-30.0,) * 31,
        band_levels_side_db=(float("-inf"),) * 31,
        tilt_db_per_octave=-4.5,
        side_to_mid_db=(float("-inf"),) * 31,
        correlation=1.0,
        band_correlation=(1.0,) * 4,
        clipped_frames=0,
        clipped_runs=0,
        dc_offset=0.0,
        bandwidth_hz=20_000.0,
        noise_floor_dbfs=-90.0,
        duration_s=30.0,
        sample_rate=44_100,
        channels=2,
        short_term_lufs=(integrated_lufs,) * 30,
    )


def report(source: Path, output: Path, delivery: DeliverySpec) -> Report:
    """A report as delivery would write it."""
    limit = -14.0 if delivery.integrated_lufs is None else delivery.integrated_lufs
    check = Check(
        name="integrated_lufs", measured=limit, limit=limit, unit="LUFS", passed="missed" not in source.name
    )
    return Report(
        input_name=source.name,
        output_name=output.name,
        input_sha256="0" * 64,
        output_sha256="1" * 64,
        reference_names=(),
        style="",
        target="",
        before=features(-20.0),
        after=features(limit),
        references=(),
        match=None,
        recipe=Recipe(chain=MasteringChain(limiter=Limiter(ceiling_dbtp=-1.0)), delivery=delivery),
        checks=(check,),
        notices=(Notice(code="fake", message="This is a fake."),),
        curves=Curves(step_s=0.1),
        versions={"tonmeister": "0"},
        seconds={"measure": 0.1},
    )


def _behave(source: Path, output: Path, progress: Progress) -> None:
    name = source.stem
    progress("measure", 0.5)
    if not source.exists():
        raise AudioFileError(f"{source}: there is no such file", hint="Check.", code="file_missing")
    if name.startswith("dies-once"):
        marker = source.with_suffix(".died")
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    elif name.startswith("slow"):
        _wait_to_be_interrupted(output, progress)
    elif name in _ERRORS:
        raise _ERRORS[name]


_ERRORS: dict[str, Exception] = {
    "refused": AudioFileError("refused: this is no audio", hint="Export it again.", code="not_audio"),
    "environment": EnvironmentProblem("the disk is full", hint="Free some space.", code="disk_full"),
    "bug": ZeroDivisionError("division by zero"),
    "full": OSError(errno.ENOSPC, "No space left on device", "out.wav"),
}


def _wait_to_be_interrupted(output: Path, progress: Progress) -> None:
    temporary = output.with_name(f".temporary-{output.name}")
    try:
        temporary.write_text("half a master")
        for step in range(600):
            progress("render", step / 600)
            time.sleep(0.05)
    finally:
        temporary.unlink(missing_ok=True)


def _write(output: Path, force: bool) -> None:
    if output.exists() and not force:
        raise AudioFileError(f"{output}: a file of that name exists already", code="file_exists")
    output.write_text("a master")


def master_file(
    source: Path,
    output: Path,
    job: MasterJob,
    *,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> Report:
    SEEN.append(("master_file", job))
    _behave(source, output, progress)
    _write(output, job.force)
    return report(source, output, job.delivery)


def plan_file(
    source: Path,
    output: Path,
    job: MasterJob,
    *,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> Report:
    SEEN.append(("plan_file", job))
    _behave(source, output, progress)
    return report(source, output, job.delivery)


def master_album(
    pairs: Sequence[tuple[Path, Path]],
    job: MasterJob,
    *,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> list[Report]:
    SEEN.append(("master_album", pairs))
    for source, output in pairs:
        _behave(source, output, progress)
    for _, output in pairs:
        _write(output, job.force)
    return [album_report(source, output, job.delivery) for source, output in pairs]


def plan_album(
    pairs: Sequence[tuple[Path, Path]],
    job: MasterJob,
    *,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> list[Report]:
    SEEN.append(("plan_album", pairs))
    for source, output in pairs:
        _behave(source, output, progress)
    return [album_report(source, output, job.delivery) for source, output in pairs]


def album_report(source: Path, output: Path, delivery: DeliverySpec) -> Report:
    """A song's report with the check of its album in place of its own loudness."""
    song = report(source, output, delivery)
    return replace(song, checks=(replace(song.checks[0], name="album_lufs", measured=-13.9),))


def apply_recipe(recipe: Recipe, source: Path, output: Path, **settings: Any) -> Report:
    SEEN.append(("apply_recipe", {"recipe": recipe, **settings}))
    _behave(source, output, settings["progress"])
    _write(output, settings["force"])
    return report(source, output, settings["delivery"] or recipe.delivery)


def analyse_file(source: Path, *, downmix: bool = False) -> tuple[Features, tuple[Notice, ...]]:
    _behave(source, source, ignore_progress)
    return features(), (Notice(code="truncated", message="It ends early."),)


def module() -> types.ModuleType:
    """The fake as the module `mastering.delivery`."""
    fake = types.ModuleType("mastering.delivery")
    for function in (master_file, plan_file, master_album, plan_album, apply_recipe, analyse_file):
        setattr(fake, function.__name__, function)
    return fake


if __name__ in ("__main__", "__mp_main__"):
    sys.modules["mastering.delivery"] = module()
if __name__ == "__main__":
    main()
