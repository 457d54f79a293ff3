"""The run: works become jobs, a few at a time; what came of them is recorded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mastering.cli.catalogue.outbox import Kept, Outbox
from mastering.cli.catalogue.plan import Work
from mastering.cli.catalogue.ready import Readied, Readier
from mastering.cli.catalogue.record import Entry, Problem, Record
from mastering.cli.catalogue.task import BatchTask, beside
from mastering.cli.progress import Board
from mastering.errors import ParameterError
from mastering.failure import Failure
from mastering.jobs.kinds import Kinds, content_key
from mastering.jobs.model import Job, JobFailure
from mastering.jobs.service import Jobs

__all__ = ["Run", "Tally"]

_MOST_TAKES = 100
_LONGEST_STEP_S = 1.0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What this run has done."""

    mastered: int = 0
    known: int = 0
    failed: int = 0
    worker_s: float = 0.0
    audio_s: float = 0.0

    @property
    def settled(self) -> int:
        """Songs that need nothing more."""
        return self.mastered + self.known + self.failed


@dataclass(slots=True, kw_only=True)
class _Open:
    """A job that has not ended."""

    readied: Readied
    job: Job
    index: int
    shown: bool = False


class Run:
    """One run over works.

    Args:
        works: to do.
        jobs: where they are done.
        kinds: of these jobs.
        readier: looks at inputs.
        outbox, record: of the run.
        board: shows progress.
        say: hears of each song that is done or failed: entry and "mastered", "known" or "failed".
        most_open: lane -> jobs at a time: enough to keep its workers busy, few enough for others to get
            their turn.
        retry_failed: try again what has failed.
    """

    def __init__(
        self,
        works: Sequence[Work],
        *,
        jobs: Jobs,
        kinds: Kinds,
        readier: Readier,
        outbox: Outbox,
        record: Record,
        board: Board,
        say: Callable[[Entry, str], None],
        most_open: Mapping[str, int],
        retry_failed: bool,
    ) -> None:
        self._jobs, self._kinds, self._outbox, self._record = jobs, kinds, outbox, record
        self._board, self._say = board, say
        self._most_open, self._retry_failed = most_open, retry_failed
        lanes = {lane: [work for work in works if work.lane == lane] for lane in most_open}
        self._waiting = {lane: readier.all(mine) for lane, mine in lanes.items() if mine}
        self._open: dict[str, _Open] = {}
        self._begun = 0
        self.tally = Tally()

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        return not self._waiting and not self._open

    def close(self) -> None:
        """Look at no further inputs."""
        for waiting in self._waiting.values():
            waiting.close()

    def step(self) -> None:
        """Conclude what has ended, and begin what there is room for.

        Raises:
            EnvironmentProblem: the outbox or the jobs' database cannot be used.
        """
        for key, one in list(self._open.items()):
            try:
                one.job = self._jobs.get(one.job.id)
            except ParameterError as error:  # somebody has cleared it
                one.job = replace(one.job, state="cancelled", failure=_cleared(error))
            if one.job.ended:
                del self._open[key]
                self._conclude(one.readied, one.job, fresh=True)
                if one.shown:
                    self._board.finish(one.index)
            elif one.job.state == "running":
                self._show(one)
        for lane in list(self._waiting):
            self._begin_some(lane, time.monotonic() + _LONGEST_STEP_S)

    def _begin_some(self, lane: str, until_s: float) -> None:
        """Begin what there is room for on a lane; what was done before goes by in between."""
        while time.monotonic() < until_s:
            if sum(one.job.lane == lane for one in self._open.values()) >= self._most_open[lane]:
                return
            readied = next(self._waiting[lane], None)
            if readied is None:
                del self._waiting[lane]
                return
            self._begin(readied)

    def _begin(self, readied: Readied) -> None:
        if readied.failure is not None:
            self._fail(readied, readied.failure)
        elif readied.done:
            for song in readied.work.songs:
                self._settle(self._record.entries[song.output], "known")
        else:
            self._submit(readied)

    def _submit(self, readied: Readied) -> None:
        """Find the job, or queue it.

        Where what a job wrote is gone or changed it is done again, as another take. Names that an earlier run
        has written under may be written over.
        """
        assert readied.task is not None, "without a task there is a failure"
        task = readied.task
        while (known := self._known(task)) is not None and task.take < _MOST_TAKES:
            if known.state != "done" or all(map(self._outbox.is_intact, _files(known, self._outbox))):
                self._pursue(replace(readied, task=task), known)
                return
            task = replace(task, take=task.take + 1)
        force = task.job.force or task.take > 0 or readied.owned
        task = replace(task, job=replace(task.job, force=force))
        self._pursue(replace(readied, task=task), self._jobs.submit(task))

    def _known(self, task: BatchTask) -> Job | None:
        """The job of a task, if there is one, with leave to write over an older master or without."""
        for force in dict.fromkeys((task.job.force, True)):
            wanted = replace(task, job=replace(task.job, force=force))
            with contextlib.suppress(ParameterError):
                return self._jobs.get(content_key(self._kinds.of(wanted), wanted, ()))
        return None

    def _pursue(self, readied: Readied, job: Job) -> None:
        if job.ended and job.state != "done" and self._retry_failed:
            job = self._jobs.retry(job.id)
        for output, known in self._begun_entries(readied, job):
            self._record.put(replace(self._record.entries[output], state="running", problem=None, **known))
        if job.ended:
            self._conclude(readied, job, fresh=False)
        else:
            self._open[job.id] = _Open(readied=readied, job=job, index=self._begun)
            self._begun += 1

    def _begun_entries(self, readied: Readied, job: Job) -> Iterator[tuple[str, dict[str, Any]]]:
        """Output and what is known of each song of a job, however it will end."""
        assert readied.task is not None, "without a task nothing is submitted"
        for song, stamp, located in zip(readied.work.songs, readied.stamps, readied.task.songs, strict=True):
            yield (
                song.output,
                {
                    "version": located.source.version,
                    "stamp": stamp,
                    "identity": readied.identity,
                    "take": readied.task.take,
                    "job": job.id,
                },
            )

    def _conclude(self, readied: Readied, job: Job, *, fresh: bool) -> None:
        """Enter what came of a job; `fresh`: this run has seen it end."""
        if job.state != "done" or job.outcome is None:
            failure = job.failure
            self._fail(
                readied,
                Failure(
                    code=failure.code if failure else "cancelled",
                    message=failure.message if failure else "it was cancelled",
                    hint=failure.hint if failure else "Use --retry-failed to have it done.",
                    exit_code=1,
                ),
            )
            return
        took_s = (job.finished_s or 0.0) - (job.started_s or 0.0)
        lengths = [float(entry["before"]["duration_s"] or 0.0) for entry in job.outcome.entries]
        whole_s = sum(lengths) or 1.0
        kept = [self._outbox.kept(file.path, file.size_bytes, file.sha256) for file in job.files]
        for song, one, length_s in zip(readied.work.songs, job.outcome.entries, lengths, strict=True):
            entry = replace(
                self._record.entries[song.output],
                state="done",
                files=tuple(file for file in kept if file.path in beside(song.output)),
                seconds=round(took_s * length_s / whole_s, 3),
                **_measured(one),
            )
            self._settle(entry, "mastered" if fresh else "known")
        if fresh:
            self.tally.worker_s += took_s
            self.tally.audio_s += sum(lengths)

    def _fail(self, readied: Readied, failure: Failure) -> None:
        problem = Problem(code=failure.code, message=failure.message, hint=failure.hint)
        for song in readied.work.songs:
            entry = self._record.entries[song.output]
            self._settle(replace(entry, state="failed", problem=problem), "failed")

    def _settle(self, entry: Entry, how: str) -> None:
        setattr(self.tally, how, getattr(self.tally, how) + 1)
        self._record.put(entry)
        self._say(entry, how)

    def _show(self, one: _Open) -> None:
        if not one.shown:
            one.shown = True
            self._board.start(one.index, one.job.label)
        self._board.update(one.index, one.job.stage, one.job.share)


def _files(job: Job, outbox: Outbox) -> list[Kept]:
    """What a job wrote, to be recognised by its bytes."""
    return [
        Kept(path=outbox.relative(file.path), size_bytes=file.size_bytes, sha256=file.sha256, stamp="")
        for file in job.files
    ]


def _cleared(error: ParameterError) -> JobFailure:
    return JobFailure(code=error.code, message=error.message, hint="The same command has it done.")


def _measured(entry: Any) -> dict[str, Any]:
    """What a summary says of a master, out of its place in the JSON document."""
    before, after = entry["before"], entry["after"]
    return {
        "duration_s": before["duration_s"],
        "lufs_before": before["integrated_lufs"],
        "lufs_after": after["integrated_lufs"],
        "true_peak_dbtp": after["true_peak_dbtp"],
        "plr_db": after["plr_db"],
        "missed": tuple(check["name"] for check in entry["checks"] if not check["passed"]),
        "notices": tuple(notice["message"] for notice in entry["notices"]),
    }
