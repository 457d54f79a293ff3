"""The executor for a Ray cluster."""

from __future__ import annotations

import importlib.util
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mastering.errors import EnvironmentProblem, ParameterError, TonmeisterError
from mastering.jobs import machine
from mastering.jobs.cluster.link import LOST, Link, ended
from mastering.jobs.executor import Running, refuse_absent
from mastering.jobs.lanes import DEFAULT_LANES
from mastering.jobs.model import Needs
from mastering.jobs.worker import Order

__all__ = ["RayLanes"]

_AGAIN_S = 5.0
_ADDRESS = re.compile(r"[A-Za-z0-9_.\-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}|auto")


def _ignore(_: str) -> None:
    pass


class RayLanes:
    """Workers in a Ray cluster: an `Executor`.

    A connection that is lost is made again; what ran then, and what comes meanwhile, is queued again.

    Args:
        lanes: lane -> how many attempts at a time; None, or a lane that is missing, is what the cluster
            bears.
        address: HOST:PORT of the cluster's head, or "auto" for the one of this machine; None starts one on
            this machine, for this process alone.
        folder: of the jobs, which all nodes share.
        tell: called with what a person should know: a connection lost and made again, a node that cannot
            work.

    Raises:
        ParameterError: an address that is none.
        EnvironmentProblem: Ray is missing, the cluster cannot be joined or started, or a node of it has not
            the same version of this program or does not see the folder.
    """

    def __init__(
        self,
        lanes: Mapping[str, int | None],
        *,
        address: str | None = None,
        folder: Path,
        tell: Callable[[str], None] = _ignore,
    ) -> None:
        _check(address)
        self._lanes = {**(DEFAULT_LANES if address is None else {}), **_given(lanes)}
        self._address, self._folder, self._tell = address, folder, tell
        self._lock = threading.Lock()
        self._stopped = False
        self._mending = False
        self._tried_s = 0.0
        self._link = self._connect()

    @property
    def workers(self) -> Mapping[str, int]:
        """Lane -> how many; separations get a GPU each where there are some, else one for each node."""
        nodes = self._link.nodes
        cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
        wanted = {"short": cpus, "long": gpus or len(nodes), **self._lanes}
        return {lane: max(1, min(count, cpus)) for lane, count in wanted.items()}

    def check(self, needs: Needs) -> None:
        """Refuse what no node can ever do, as far as nodes are known."""
        nodes = self._link.nodes
        if nodes:
            where = "this machine" if self._address is None else "the largest node of the Ray cluster"
            refuse_absent(
                needs,
                gpus=max(node.gpus for node in nodes),
                memory_mb=max(node.memory_mb for node in nodes),
                where=where,
            )

    def start(self, lane: str, order: Order) -> Running:
        """Hand an attempt to the cluster; lanes are kept by whoever hands them over."""
        if self._link.lost:
            self._mend()
            return ended(LOST)
        return self._link.start(order)

    def stop(self) -> None:
        """End all workers, and the cluster if it is our own."""
        with self._lock:
            self._stopped = True
        self._link.stop()

    def _connect(self) -> Link:
        return Link(
            self._address,
            self._folder,
            cpus=sum(self._lanes.values()),
            memory_mb=machine.memory_mb(),
            tell=self._tell,
            lost=self._mend,
        )

    def _mend(self) -> None:
        with self._lock:
            if self._mending or self._stopped or time.monotonic() - self._tried_s < _AGAIN_S:
                return
            self._mending = True
        threading.Thread(target=self._connect_again, daemon=True).start()

    def _connect_again(self) -> None:
        if not self._tried_s:
            self._tell("the Ray cluster is lost; trying to reach it again")
        self._tried_s = time.monotonic()
        try:
            link = self._connect()
        except (TonmeisterError, OSError):
            return  # the next attempt tries again
        finally:
            self._mending = False
        with self._lock:
            old, self._link = self._link, link
            stopped = self._stopped
        (link if stopped else old).stop()
        self._tried_s = 0.0
        self._tell("the Ray cluster is there again")


def _given(lanes: Mapping[str, int | None]) -> dict[str, int]:
    return {lane: count for lane, count in lanes.items() if count is not None}


def _check(address: str | None) -> None:
    if importlib.util.find_spec("ray") is None:
        raise EnvironmentProblem(
            "Ray is not installed",
            hint="Install it: pip install 'tonmeister[cluster]'.",
            code="ray_missing",
        )
    if address is not None and not _ADDRESS.fullmatch(address):
        hint = "Give HOST:PORT of the cluster's head, or auto for the cluster this machine belongs to."
        if address.startswith("ray://"):
            hint = f"Ray's client is not supported: join this machine with `ray start`. {hint}"
        raise ParameterError(f"'{address}' is no address of a Ray cluster", hint=hint, code="cluster_address")
