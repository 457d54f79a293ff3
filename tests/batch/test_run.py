"""What a run does with jobs that need no worker to be looked at."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from mastering.cli.catalogue.ready import Readied
from mastering.cli.catalogue.run import Run
from mastering.cli.progress import SilentBoard
from mastering.cli.signals import Interrupted, Interrupts
from mastering.errors import ParameterError
from mastering.jobs.model import Job


class _Jobs:
    """Jobs that are queued and never end."""

    def __init__(self) -> None:
        self.submitted: list[Job] = []

    def submit(self, task: Any) -> Job:
        job = Job(id=task.label, kind="batch", label=task.label, lane=task.lane, state="queued")
        self.submitted.append(job)
        return job

    def get(self, job: str) -> Job:
        for known in self.submitted:
            if known.id == job:
                return known
        raise ParameterError("there is none")


class _Run(Run):
    """Without a search for what was submitted before."""

    def _submit(self, readied: Readied) -> None:
        task: Any = readied.task
        self._pursue(readied, self._jobs.submit(task))

    def _begun_entries(self, readied: Readied, job: Job) -> Iterator[Any]:
        return iter(())


class _Readier:
    def all(self, works: Sequence[Any]) -> Iterator[Any]:
        for work in works:
            yield SimpleNamespace(work=work, task=work, failure=None, done=False)


def test_long_work_does_not_stand_before_short() -> None:
    """Each lane has as many open as it may, in order, however they are mixed."""
    works: Any = [SimpleNamespace(label=f"long {n}", lane="long") for n in range(5)]
    works += [SimpleNamespace(label=f"short {n}", lane="short") for n in range(5)]
    jobs: Any = _Jobs()
    readier: Any = _Readier()
    run = _Run(
        works,
        jobs=jobs,
        kinds=SimpleNamespace(),  # type: ignore[arg-type]
        readier=readier,
        outbox=SimpleNamespace(),  # type: ignore[arg-type]
        record=SimpleNamespace(),  # type: ignore[arg-type]
        board=SilentBoard(),
        say=lambda entry, how: None,
        most_open={"short": 3, "long": 2},
        retry_failed=False,
    )
    for _ in range(2):
        run.step()
    names = sorted(job.id for job in jobs.submitted)
    assert names == ["long 0", "long 1", "short 0", "short 1", "short 2"]
    assert not run.finished
    run.close()


def test_a_signal_is_heard_between_two_steps() -> None:
    """Not in the middle of one, where it would leave a database's connection in the middle of a query."""
    steps = []
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            steps.append("whole")
        steps.append("never")
    assert steps == ["whole"]
