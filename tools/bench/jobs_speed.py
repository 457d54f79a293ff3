"""How fast jobs are: part of jobs.py."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs_songs import real_songs, synthesise, task

from mastering.cli.executors import opened_executor
from mastering.cli.job_kinds import KINDS
from mastering.jobs.executor import Executor
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs

__all__ = ["Batch", "batch", "overhead_ms", "ratios", "speed"]

_SHORT_S = 5.0
_SHORT_COUNT = 12


_ONE_CORE = "local, on one core"
"""Processes of this machine that share a core: what a second one is to be compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How long a batch took.

    Attributes:
        start_s: until the executor could work.
        work_s: from then until the last song was done.
        busy_percent: of all cores, by anybody, meanwhile.
    """

    start_s: float
    work_s: float
    busy_percent: float


def speed(songs: int, repeats: int, executors: Sequence[str]) -> str:
    """All of it, as text."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare_ms, job_ms = overhead_ms(folder / "overhead")
        kind, sources = real_songs(songs, folder / "songs")
        wanted = [(_ONE_CORE, 1), ("local", 1), *((executor, 2) for executor in executors)]
        batches: dict[tuple[str, int], list[Batch]] = {key: [] for key in wanted}
        for number in range(repeats):
            for executor, workers in wanted:
                here = folder / f"{executor}{workers}-{number}"
                batches[executor, workers].append(batch(executor, workers, sources, here))
    lines = [
        f"{os.cpu_count()} cores, load {load:.1f} at the start; medians of {repeats}; {songs} {kind}.",
        "",
        f"A master of {_SHORT_S:.0f} s: {bare_ms:.0f} ms bare, {job_ms:.0f} ms as a job in a warm worker: "
        f"{job_ms - bare_ms:.0f} ms more.",
        "",
        "| executor | workers | until it can work, s | songs, s | cores busy, % |",
        "|---|---|---|---|---|",
    ]
    for (executor, workers), runs in batches.items():
        start_s, work_s, busy = (_median(runs, name) for name in ("start_s", "work_s", "busy_percent"))
        lines.append(f"| {executor} | {workers} | {start_s:.1f} | {work_s:.1f} | {busy:.0f} |")
    return "\n".join([*lines, "", *ratios(batches)])


def ratios(batches: dict[tuple[str, int], list[Batch]]) -> list[str]:
    def work_s(executor: str, workers: int) -> float:
        return _median(batches[executor, workers], "work_s")

    found = []
    if ("local", 2) in batches:
        alone, both = work_s(_ONE_CORE, 1) / work_s("local", 2), work_s("local", 1) / work_s("local", 2)
        found.append(
            f"Two workers on two cores do {alone:.2f} times what one does on one core, and {both:.2f} times "
            "what one does with both cores for its decoder and its threads."
        )
    if {("local", 2), ("ray", 2)} <= batches.keys():
        whole_s = work_s("ray", 2) + _median(batches["ray", 2], "start_s")
        found.append(
            f"Ray takes {work_s('ray', 2) / work_s('local', 2):.2f} times as long as local processes, "
            f"{whole_s / work_s('local', 2):.2f} times with the start of its cluster."
        )
    return found


def _median(runs: Sequence[Batch], name: str) -> float:
    return float(statistics.median(getattr(run, name) for run in runs))


def batch(executor: str, workers: int, sources: Sequence[Path], folder: Path) -> Batch:
    """Master the sources as jobs, in an empty folder."""
    started_s = time.perf_counter()
    with _cores(executor), _working(executor, workers, folder) as jobs:
        tasks = [task(source, folder / "out" / f"{source.stem}.wav") for source in sources]
        ready_s, busy_s = time.perf_counter(), _busy_s()
        done = jobs.wait([job.id for job in jobs.submit_all(tasks)])
        work_s = time.perf_counter() - ready_s
        busy_percent = 100.0 * (_busy_s() - busy_s) / (work_s * (os.cpu_count() or 1))
    bad = [job for job in done if job.state != "done"]
    if bad:
        raise SystemExit(f"not done: {bad[0].failure}")
    return Batch(start_s=ready_s - started_s, work_s=work_s, busy_percent=busy_percent)


@contextmanager
def _cores(executor: str) -> Iterator[None]:
    """While this is open this process and those it starts have one core, if that is what is measured."""
    if executor != _ONE_CORE or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _working(executor: str, workers: int, folder: Path) -> Iterator[Jobs]:
    place = Place.of(str(folder / "jobs"))
    made: Executor
    with (
        Jobs(place, kinds=KINDS) as jobs,
        opened_executor(
            "ray" if executor == "ray" else "local", None, {"short": workers, "long": 1}, place
        ) as made,
        jobs.running(executor=made),
    ):
        yield jobs


def overhead_ms(folder: Path) -> tuple[float, float]:
    """Medians of a short master: in this process, and as a job; both warm."""
    songs = [synthesise(folder / f"{n}.wav", n, _SHORT_S) for n in range(_SHORT_COUNT)]
    bare, jobs_ms = [], []
    for song in songs:
        started_s = time.perf_counter()
        task(song, folder / "bare" / song.name).run(lambda stage, share: None)
        bare.append(1e3 * (time.perf_counter() - started_s))
    with _working("local", 1, folder) as jobs:
        for song in songs:
            started_s = time.perf_counter()
            jobs.wait([jobs.submit(task(song, folder / "jobs-out" / song.name)).id])
            jobs_ms.append(1e3 * (time.perf_counter() - started_s))
    return statistics.median(bare[2:]), statistics.median(jobs_ms[2:])


def _busy_s() -> float:
    """Processor time that was spent on this machine since it started: Linux only, else 0."""
    try:
        fields = Path("/proc/stat").read_text("ascii").partition("\n")[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _, _, interrupts, soft, stolen = map(int, fields[:8])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
