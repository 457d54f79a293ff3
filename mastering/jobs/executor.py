"""The port behind which attempts are made: processes on this machine (`lanes`), or a cluster (`cluster`).

Whatever is behind it keeps the same promises, and one suite of tests holds both to them:
- The attempt runs `mastering.jobs.worker.work(order)`, in a process that does nothing else meanwhile and that
  keeps what it has loaded for the next one.
- `Running.end` ends that process, without harm to any other, and the journal's lock goes with it.
- A process that dies, for whatever reason, is a failure with the code "worker_died".
- No process outlives the one that started it.
- What no worker can ever do is refused at once, in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mastering.errors import EnvironmentProblem
from mastering.failure import Failure
from mastering.jobs.model import Needs
from mastering.jobs.worker import Order, Work

__all__ = [
    "ENDED_BY_US",
    "EXECUTOR_LOST",
    "RESOURCE_ABSENT",
    "Executor",
    "Running",
    "executor_lost",
    "refuse_absent",
    "worker_died",
]

RESOURCE_ABSENT = "resource_absent"
EXECUTOR_LOST = "executor_lost"
"""Code of a failure that is none of the job's: it waits until the executor is back."""

ENDED_BY_US = Work(
    failure=Failure(code="cancelled", message="it was ended", hint="", exit_code=1),
)


class Running(Protocol):
    """An attempt that a worker has, or will have."""

    @property
    def begun(self) -> bool:
        """A worker has it: its time counts from now on."""
        ...

    def wait(self, timeout_s: float) -> Work | None:
        """What came of it; None if it still runs, or waits, after `timeout_s`."""
        ...

    def end(self) -> None:
        """Kill the worker that has it."""
        ...


class Executor(Protocol):
    """Where attempts are made."""

    @property
    def workers(self) -> Mapping[str, int]:
        """Lane -> how many attempts at a time; it may change."""
        ...

    def check(self, needs: Needs) -> None:
        """Refuse what no worker can ever do.

        Raises:
            EnvironmentProblem: "resource_absent".
        """
        ...

    def start(self, lane: str, order: Order) -> Running:
        """Make an attempt, as soon as one of the lane's workers is free; never blocks."""
        ...

    def stop(self) -> None:
        """End all workers, whatever they do."""
        ...


def refuse_absent(needs: Needs, *, gpus: int, memory_mb: int, where: str) -> None:
    """Raise if `needs` are not met.

    Args:
        needs: of a job.
        gpus: that there are.
        memory_mb: of the machine that has most; 0 where it is not known.
        where: "this machine".

    Raises:
        EnvironmentProblem: "resource_absent".
    """
    if needs.gpu == "required" and gpus < 1:
        raise EnvironmentProblem(
            f"a GPU was asked for, and {where} has none",
            hint="Use --device cpu, or --device auto, which takes what is there.",
            code=RESOURCE_ABSENT,
        )
    if needs.memory_mb > memory_mb > 0:
        raise EnvironmentProblem(
            f"the job needs {needs.memory_mb} MB of memory, and {where} has {memory_mb} MB",
            hint="Have it done by a machine with more memory.",
            code=RESOURCE_ABSENT,
        )


def worker_died(how: str = "") -> Work:
    """The attempt's process is gone; `how` is appended to the sentence."""
    return Work(
        failure=Failure(
            code="worker_died",
            message=f"the process that worked on it died{how}",
            hint="It may have run out of memory; report it if it dies each time.",
            exit_code=1,
        )
    )


def executor_lost(reason: str) -> Work:
    """The attempt was not made, or not to its end, because its executor is not there."""
    return Work(failure=Failure(code=EXECUTOR_LOST, message=reason, hint="It is tried again.", exit_code=1))
