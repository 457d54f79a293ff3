"""What came of `tonmeister plugins render`: for people, and for the JSON document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mastering.cli.documents import features_entry
from mastering.cli.failures import Failure
from mastering.cli.plugins.finding import Found
from mastering.codec import to_plain
from mastering.notice import Notice
from mastering.report.wording import clean, number

if TYPE_CHECKING:
    from mastering.chain import External
    from mastering.cli.plugins.render_task import RenderTask
    from mastering.measure.features import Features

__all__ = ["Rendering", "entry_of", "failed_render", "text_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A finished render: its place in the JSON document, and the summary for people."""

    entry: dict[str, Any]
    text: str


def entry_of(
    task: RenderTask,
    found: Found,
    step: External,
    before: Features | None,
    after: Features,
    notices: tuple[Notice, ...],
    gain_db: float,
    seconds: float,
) -> dict[str, Any]:
    """What the document says of a finished render."""
    return {
        "input": str(task.source),
        "output": str(task.output),
        "status": "rendered",
        "plugin": to_plain(found.info.ref),
        "path": found.info.path,
        "step": to_plain(step),
        "gain_db": gain_db,
        "before": None if before is None else features_entry(before),
        "after": features_entry(after),
        "notices": to_plain(notices),
        "seconds": round(seconds, 3),
        "error": None,
    }


def failed_render(task: RenderTask, failure: Failure) -> dict[str, Any]:
    """What the document says where nothing was written: the same keys."""
    nothing = dict.fromkeys(("plugin", "path", "step", "gain_db", "before", "after"))
    return {
        "input": str(task.source),
        "output": str(task.output),
        "status": "error",
        **nothing,
        "notices": [],
        "seconds": None,
        "error": {"code": failure.code, "message": failure.message, "hint": failure.hint},
    }


def text_of(
    task: RenderTask,
    found: Found,
    step: External,
    before: Features | None,
    after: Features,
    notices: tuple[Notice, ...],
) -> str:
    """The summary for people."""

    def level(features: Features) -> str:
        lufs = number(features.integrated_lufs, missing="silent")
        return f"{lufs} LUFS, {number(features.true_peak_dbtp, missing='silent')} dBTP"

    ref = found.info.ref
    settings = task.setup.summary(step, found.info)
    lines = [
        f"{task.source} -> {task.output}",
        f"  plug-in   {ref.name} {ref.version}{f' by {ref.vendor}' if ref.vendor else ''}",
        *([f"  settings  {settings}"] if settings else []),
        *([f"  before    {level(before)}"] if before is not None else []),
        f"  after     {level(after)}",
        *(f"  note      {notice.message}" for notice in notices),
    ]
    return "\n".join(clean(line) for line in lines)
