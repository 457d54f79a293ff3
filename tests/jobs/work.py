"""Kinds of work for the tests: found by import path, like any other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import AudioFileError
from mastering.io.atomic import AtomicFile, write_text_atomic
from mastering.jobs.kinds import Kinds
from mastering.jobs.model import About, GpuUse, Kind, Needs, Outcome

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Write the source's text in capitals to the output, slowly, with a second file beside it.

    Args:
        seconds: how slowly.
        gate: a file that has to be there before the second file is written.
    """

    source: Path
    output: Path
    seconds: float = 0.0
    gate: Path | None = None
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Come to grief in a certain way until `marker` holds as many characters as `times`."""

    how: str
    marker: Path
    times: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """Need more than there may be."""

    memory_mb: int = 0
    gpu: GpuUse = "none"


def about_greedy(request: Greedy) -> About:
    """What it needs."""
    return About(label="greedy", inputs=(), needs=Needs(memory_mb=request.memory_mb, gpu=request.gpu))


def greedy(request: Greedy, progress: Progress) -> Outcome:
    """Nothing."""
    return Outcome(text=os.environ.get("CUDA_VISIBLE_DEVICES", "none"))


def about_copy(request: Copy) -> About:
    """Its content counts; what takes long has a lane of its own."""
    return About(
        label=request.source.name,
        inputs=(request.source,),
        lane="long" if request.seconds > 5.0 else "short",
    )


def about_trouble(request: Trouble) -> About:
    """No content."""
    return About(label=request.how, inputs=())


def copy(request: Copy, progress: Progress) -> Outcome:
    """Write the main file, wait, write the second one."""
    text = request.source.read_text("utf-8").upper()
    target = AtomicFile(request.output, force=request.force, inputs=(request.source,))
    progress("read", 1.0)
    end_s = time.monotonic() + request.seconds
    target.temporary.write_text(text, "utf-8")
    while (left_s := end_s - time.monotonic()) > 0.0:
        progress("write", 1.0 - left_s / request.seconds)
        time.sleep(0.02)
    target.commit()
    time.sleep(request.seconds / 4.0)
    while request.gate is not None and not request.gate.exists():
        progress("gate", 0.0)
        time.sleep(0.02)
    write_text_atomic(request.output.with_suffix(".second"), text[::-1], request.force)
    return Outcome(entries=({"output": str(request.output), "silence": None},), text=f"{len(text)} letters")


def trouble(request: Trouble, progress: Progress) -> Outcome:
    """Fail, die, hang or take too much memory."""
    with request.marker.open("a", encoding="ascii") as file:
        file.write("x")
    if request.marker.stat().st_size > request.times:
        return Outcome(text="well in the end")
    if request.how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if request.how == "hang":
        progress("hanging", 0.5)
        time.sleep(600.0)
    if request.how == "memory":
        held = [bytearray(2**24) for _ in range(256)]
        return Outcome(text=str(len(held)))
    if request.how == "refuse":
        raise AudioFileError("song.wav: no audio in it", hint="Give it another.", code="not_audio")
    raise RuntimeError("a bug")


def kinds() -> Kinds:
    """All."""
    here = "tests.jobs.work"
    return Kinds(
        [
            Kind(name="copy", request=f"{here}:Copy", run=f"{here}:copy", about=f"{here}:about_copy"),
            Kind(
                name="trouble",
                request=f"{here}:Trouble",
                run=f"{here}:trouble",
                about=f"{here}:about_trouble",
            ),
            Kind(
                name="greedy",
                request=f"{here}:Greedy",
                run=f"{here}:greedy",
                about=f"{here}:about_greedy",
            ),
        ]
    )
