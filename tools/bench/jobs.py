"""Jobs under fire: short masters while workers and the main process are killed -9 at random moments.

python tools/bench/jobs.py [--jobs 200] [--kills 30] [--database postgresql://...] [--seed 1]

Every job has to be done once, every output equal to an undisturbed run's, and no temporary file left.
The exit code is 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from mastering import library
from mastering.cli.job_kinds import KINDS
from mastering.cli.tasks import MasterTask
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from mastering.jobspec import MasterJob, merge_delivery

_RATE_HZ = 44_100
_DURATION_S = 1.0


@dataclass(slots=True)
class Kills:
    """How often which process was killed."""

    mains: int = 0
    workers: int = 0


def main() -> int:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--database", help="postgresql://..., an empty one; else SQLite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return 0 if _fire(Path(name), given) else 1


def _fire(folder: Path, given: argparse.Namespace) -> bool:
    dice = random.Random(given.seed)
    database = given.database or str(folder / "jobs")
    tasks = _tasks(folder, given.jobs)
    started_s = time.perf_counter()
    with Jobs(Place.of(database), kinds=KINDS) as jobs:
        before = {path.name for path in jobs.place.journals.iterdir()}
        found = [job.id for job in jobs.submit_all(tasks)]
        submitted_s = time.perf_counter() - started_s
        kills = _disturb(database, jobs, dice, given.kills)
        known = [jobs.get(job) for job in found]
        left = {path.name for path in jobs.place.journals.iterdir()} - before
    taken_s = time.perf_counter() - started_s
    wanted = _undisturbed(folder, tasks)
    made = [
        hashlib.sha256(task.output.read_bytes()).hexdigest() if task.output.exists() else "" for task in tasks
    ]
    done = sum(job.state == "done" for job in known)
    equal = sum(one == other for one, other in zip(made, wanted, strict=True))
    temporary = list((folder / "out").rglob(".tonmeister-*"))
    several = len(list((folder / "out").iterdir())) - 3 * len(tasks)
    interrupted, attempts = sum(job.interruptions for job in known), sum(job.attempts for job in known)
    print(f"jobs          {len(found)}, submitted in {submitted_s:.1f} s, all ended after {taken_s:.1f} s")
    print(f"killed        {kills.mains} main processes, {kills.workers} workers")
    print(f"done          {done}; failed {[job.failure for job in known if job.state == 'failed']}")
    print(f"equal         {equal} outputs to the undisturbed run's")
    print(f"interrupted   {interrupted}, attempts {attempts}")
    print(f"left over     {len(temporary)} temporary files, {len(left)} journals, {several} files too many")
    return done == equal == len(found) and not (temporary or left or several)


def _tasks(folder: Path, count: int) -> list[MasterTask]:
    """Short songs that differ."""
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    style = library.load_style("balanced")
    job = MasterJob(style=style, delivery=merge_delivery(style, None, {}, referenced=False))
    tasks = []
    for number in range(count):
        rng = np.random.default_rng(number)
        samples = np.cumsum(rng.standard_normal((round(_DURATION_S * _RATE_HZ), 2)), axis=0)
        samples -= np.linspace(samples[0], samples[-1], len(samples))
        source = folder / "in" / f"{number:04}.wav"
        soundfile.write(source, 0.3 * samples / np.abs(samples).max(), _RATE_HZ, subtype="PCM_24")
        tasks.append(MasterTask(source=source, output=folder / "out" / f"{number:04}.wav", job=job))
    return tasks


def _disturb(database: str, jobs: Jobs, dice: random.Random, kills: int) -> Kills:
    """Have the jobs done by processes that are killed, and in the end by one that is not."""
    done, main = Kills(), _start(database)
    while done.mains + done.workers < kills and _left(jobs):
        time.sleep(dice.uniform(0.2, 3.0))
        workers = _children(main.pid)
        if workers and dice.random() < 0.6:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(workers), signal.SIGKILL)
            done.workers += 1
        else:
            main.kill()
            main.wait()
            done.mains += 1
            main = _start(database)
    main.wait()
    while _left(jobs):  # what waited for another try when the last one looked
        _start(database).wait()
    return done


def _start(database: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mastering.cli", "jobs", "run", "--database", database]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _left(jobs: Jobs) -> int:
    count = jobs.count()
    return count.get("queued", 0) + count.get("running", 0)


def _children(parent: int) -> list[int]:
    """Its workers: Linux only."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(text) for text in task.read_text("ascii").split()]
    return [pid for pid in found if _is_worker(pid)]


def _is_worker(pid: int) -> bool:
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _undisturbed(folder: Path, tasks: list[MasterTask]) -> list[str]:
    """Digests of what the same tasks write when nobody disturbs them."""
    (folder / "wanted").mkdir()
    digests = []
    for task in tasks:
        output = folder / "wanted" / task.output.name
        MasterTask(source=task.source, output=output, job=task.job).run(lambda stage, share: None)
        digests.append(hashlib.sha256(output.read_bytes()).hexdigest())
    return digests


if __name__ == "__main__":
    sys.exit(main())
