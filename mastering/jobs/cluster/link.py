"""The driver process, seen from the program: started, spoken to, and ended."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mastering.errors import EnvironmentProblem
from mastering.jobs.cluster.connect import no_token_fits
from mastering.jobs.cluster.driver import drive
from mastering.jobs.cluster.messages import (
    Begun,
    Connected,
    End,
    Ended,
    Node,
    Nodes,
    Refused,
    Settings,
    Start,
    Stop,
    Unfit,
)
from mastering.jobs.cluster.session import Session
from mastering.jobs.executor import ENDED_BY_US, executor_lost
from mastering.jobs.worker import Order, Work

__all__ = ["LOST", "Attempt", "Link", "ended"]

_REACH_S = 5.0
_CONNECT_S = 15.0
_START_S = 90.0
_PROBE_S = 90.0
_STOP_S = 10.0
_LOOK_S = 0.1

LOST = executor_lost("the Ray cluster cannot be reached")


class Attempt:
    """An attempt that the driver was given: a `Running`.

    Args:
        end: asks the driver to kill its worker.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end
        self._done = threading.Event()
        self._work: Work | None = None
        self.begun = False

    def wait(self, timeout_s: float) -> Work | None:
        """What came of it; None if it still runs, or waits, after `timeout_s`."""
        self._done.wait(timeout_s)
        return self._work

    def end(self) -> None:
        """Kill the worker that has it."""
        self._end()

    def conclude(self, work: Work) -> None:
        """Make known what came of it."""
        self._work = self._work or work
        self._done.set()


def ended(work: Work) -> Attempt:
    """An attempt that was never begun."""
    attempt = Attempt(lambda: None)
    attempt.conclude(work)
    return attempt


class Link:
    """A driver process that is connected to a cluster.

    Args:
        address: of the cluster; None starts one on this machine.
        folder: of the jobs, which all nodes share.
        cpus, memory_mb: of a cluster of our own.
        tell: called with what a person should know.
        lost: called when the driver is gone without being asked.

    Raises:
        EnvironmentProblem: the cluster cannot be joined or started, or a node of it cannot do our work.
    """

    def __init__(
        self,
        address: str | None,
        folder: Path,
        *,
        cpus: int,
        memory_mb: int,
        tell: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        if address is not None and address != "auto":
            _reach(address)
        self.nodes: tuple[Node, ...] = ()
        self.lost = False
        self._tell, self._when_lost = tell, lost
        self._stopping = False
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._attempts: dict[int, Attempt] = {}
        self._session = Session()
        self._settings = Settings(
            address=address,
            session=self._session.path,
            cpus=cpus,
            memory_mb=memory_mb,
            folder=folder,
            log=self._session.path / "driver.log",
        )
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=drive, args=(theirs, self._settings), daemon=True)
        try:
            self._process.start()
            theirs.close()
            self._begin()
        except BaseException:
            self._destroy()
            raise
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, order: Order) -> Attempt:
        """Hand an attempt over."""
        number = next(self._numbers)
        attempt = Attempt(lambda: self._send(End(number)))
        with self._lock:
            if not self.lost:
                self._attempts[number] = attempt
        if self.lost or not self._send(Start(number, order)):
            attempt.conclude(LOST)
        return attempt

    def stop(self) -> None:
        """End all workers, and a cluster of our own."""
        self._stopping = True
        self._send(Stop())
        self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
        self._reader.join(_STOP_S)
        self._destroy()
        self._conclude_all(ENDED_BY_US)

    def _begin(self) -> None:
        """Wait until the driver can work."""
        own = self._settings.address is None
        self._expect(Connected, _START_S if own else _CONNECT_S)
        self.nodes = self._expect(Nodes, _PROBE_S).nodes

    def _expect(self, kind: type[Any], timeout_s: float) -> Any:
        deadline_s = time.monotonic() + timeout_s
        while not self._connection.poll(_LOOK_S):
            if self._token_is_wrong():
                raise no_token_fits(self._settings.address)
            if time.monotonic() > deadline_s:
                raise self._no_answer(f"nothing within {timeout_s:.0f} s")
        try:
            message = self._connection.recv()
        except (EOFError, OSError):
            raise self._no_answer("Ray has given up") from None
        if isinstance(message, Refused):
            raise message.error
        if not isinstance(message, kind):
            raise self._no_answer("it answers something else")
        return message

    def _token_is_wrong(self) -> bool:
        """Ray keeps asking a cluster that refuses its token; only its log tells."""
        with contextlib.suppress(OSError):
            return b"InvalidAuthToken" in self._settings.log.read_bytes()
        return False

    def _no_answer(self, reason: str) -> EnvironmentProblem:
        where = self._settings.address
        return EnvironmentProblem(
            f"the Ray cluster at {where} does not answer ({reason})"
            if where is not None
            else f"Ray does not start on this machine ({reason})",
            hint="Look at `ray status` there." if where is not None else "Work with --executor local.",
            code="cluster_unreachable" if where is not None else "cluster_not_started",
        )

    def _send(self, message: Any) -> bool:
        try:
            with self._lock:
                self._connection.send(message)
        except (OSError, ValueError):
            return False
        return True

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._take(self._connection.recv())
        self.lost = True
        self._conclude_all(LOST)
        if not self._stopping:
            self._when_lost()

    def _take(self, message: Any) -> None:
        if isinstance(message, Nodes):
            self.nodes = message.nodes
        elif isinstance(message, Unfit):
            self._tell(f"{message.reason}; it gets no work")
        elif isinstance(message, Begun):
            with self._lock:
                attempt = self._attempts.get(message.number)
            if attempt is not None:
                attempt.begun = True
        elif isinstance(message, Ended):
            with self._lock:
                attempt = self._attempts.pop(message.number, None)
            if attempt is not None:
                attempt.conclude(message.work)

    def _conclude_all(self, work: Work) -> None:
        with self._lock:
            attempts, self._attempts = list(self._attempts.values()), {}
        for attempt in attempts:
            attempt.conclude(work)

    def _destroy(self) -> None:
        self.lost = True
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_STOP_S)
        self._connection.close()
        self._session.remove()


def _reach(address: str) -> None:
    """See whether anything listens there at all: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except OSError as error:
        raise EnvironmentProblem(
            f"no Ray cluster answers at {address} ({(error.strerror or str(error)).lower()})",
            hint="Give HOST:PORT of its head; the port is 6379 unless it was started otherwise.",
            code="cluster_unreachable",
        ) from error
