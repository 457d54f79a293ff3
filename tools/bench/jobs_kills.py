"""The kill loop of jobs.py."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from jobs_songs import synthesise, task

from mastering.cli.job_kinds import KINDS
from mastering.cli.tasks import MasterTask
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs

__all__ = ["Fire", "fire", "under_fire"]

_DURATION_S = 1.0
_HEADER = """| database | jobs | mains killed | workers killed | done | equal | interrupted | left over | s |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(slots=True, kw_only=True)
class Fire:
    """What came of one run."""

    database: str
    jobs: int = 0
    mains: int = 0
    workers: int = 0
    done: int = 0
    equal: int = 0
    interrupted: int = 0
    left_over: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, nothing left."""
        return self.done == self.equal == self.jobs and not self.left_over

    @property
    def row(self) -> str:
        """For the table."""
        cells = (self.database, self.jobs, self.mains, self.workers, self.done, self.equal, self.interrupted)
        return "| " + " | ".join(map(str, (*cells, self.left_over, round(self.seconds)))) + " |"


def fire(jobs: int, kills: int, server: str, seed: int) -> tuple[bool, str]:
    """Run it on SQLite, and on Postgres where `server` names one; good, and the table."""
    runs = []
    for name in ("SQLite", "Postgres") if server else ("SQLite",):
        with tempfile.TemporaryDirectory() as folder, _database(name, server, Path(folder)) as database:
            runs.append(under_fire(Path(folder), name, database, jobs, kills, seed))
    return all(run.good for run in runs), "\n".join([_HEADER, *(run.row for run in runs)])


@contextmanager
def _database(name: str, server: str, folder: Path) -> Iterator[str]:
    """An empty one, as --database takes it."""
    if name == "SQLite":
        yield str(folder / "jobs")
        return
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    fresh = f"tonmeister_bench_{secrets.token_hex(6)}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {fresh}"))
    try:
        made = url.set(drivername="postgresql", database=fresh)
        yield made.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {fresh} WITH (FORCE)"))
        engine.dispose()


def under_fire(folder: Path, name: str, database: str, count: int, kills: int, seed: int) -> Fire:
    """One run in an empty folder."""
    dice, run = random.Random(seed), Fire(database=name, jobs=count)
    (folder / "out").mkdir()
    songs = [synthesise(folder / "in" / f"{number:04}.wav", number, _DURATION_S) for number in range(count)]
    tasks = [task(song, folder / "out" / song.name) for song in songs]
    started_s = time.perf_counter()
    with Jobs(Place.of(database, folder=folder / "attempts"), kinds=KINDS) as jobs:
        found = [job.id for job in jobs.submit_all(tasks)]
        _disturb(run, database, jobs, dice, kills)
        known = jobs.wait(found, timeout_s=0.0)
        journals = list(jobs.place.journals.iterdir())
    run.seconds = time.perf_counter() - started_s
    run.done = sum(job.state == "done" for job in known)
    run.interrupted = sum(job.interruptions for job in known)
    run.equal = sum(map(_is_equal, tasks, _undisturbed(folder, tasks)))
    files = list((folder / "out").iterdir())
    run.left_over = len(journals) + abs(len(files) - 3 * count)
    for job in known:
        if job.state != "done":
            print(f"{job.id[:10]} {job.state} {job.failure}", file=sys.stderr)
    return run


def _disturb(run: Fire, database: str, jobs: Jobs, dice: random.Random, kills: int) -> None:
    """Have the jobs done by processes that are killed, and in the end by one that is not."""
    main = _start(database, jobs.place.folder)
    while run.mains + run.workers < kills and _left(jobs):
        time.sleep(dice.uniform(0.2, 3.0))
        workers = _children(main.pid)
        if workers and dice.random() < 0.6:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(workers), signal.SIGKILL)
            run.workers += 1
        else:
            main.kill()
            main.wait()
            run.mains += 1
            main = _start(database, jobs.place.folder)
    main.wait()
    while _left(jobs):  # what waited for another try when the last one looked
        _start(database, jobs.place.folder).wait()


def _start(database: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mastering.cli", "jobs", "run", "--database", database]
    command += ["--jobs-folder", str(folder)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _left(jobs: Jobs) -> int:
    count = jobs.count()
    return count.get("queued", 0) + count.get("running", 0)


def _children(parent: int) -> list[int]:
    """Its workers: Linux only."""
    found = []
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(text) for text in listed.read_text("ascii").split()]
    return [pid for pid in found if _is_worker(pid)]


def _is_worker(pid: int) -> bool:
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _undisturbed(folder: Path, tasks: list[MasterTask]) -> list[str]:
    """Digests of what the same tasks write when nobody disturbs them."""
    digests = []
    for one in tasks:
        output = folder / "wanted" / one.output.name
        task(one.source, output).run(lambda stage, share: None)
        digests.append(_digest(output))
    return digests


def _is_equal(made: MasterTask, wanted: str) -> bool:
    return made.output.exists() and _digest(made.output) == wanted


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
