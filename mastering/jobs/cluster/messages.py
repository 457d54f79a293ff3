"""What the program and the driver process say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mastering.errors import TonmeisterError
from mastering.jobs.worker import Order, Work

__all__ = [
    "Begun",
    "Connected",
    "End",
    "Ended",
    "Node",
    "Nodes",
    "Refused",
    "Settings",
    "Start",
    "Stop",
    "Unfit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the driver is started with.

    Args:
        address: of a cluster that is there; None starts one on this machine.
        session: folder for a cluster of our own.
        cpus, memory_mb: of a cluster of our own.
        folder: of the journals.
        log: file for what Ray prints.
    """

    address: str | None
    session: Path
    cpus: int
    memory_mb: int
    folder: Path
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the cluster that can do our work."""

    id: str
    name: str
    cpus: int
    gpus: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Start:
    """To the driver: make an attempt."""

    number: int
    order: Order


@dataclass(frozen=True, slots=True)
class End:
    """To the driver: kill the worker of an attempt."""

    number: int


@dataclass(frozen=True, slots=True)
class Stop:
    """To the driver: end everything."""


@dataclass(frozen=True, slots=True)
class Connected:
    """From the driver: the cluster answers; its nodes are looked at next."""


@dataclass(frozen=True, slots=True)
class Refused:
    """From the driver, before it ends: it cannot work."""

    error: TonmeisterError


@dataclass(frozen=True, slots=True)
class Nodes:
    """From the driver: the nodes that can work are these now."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unfit:
    """From the driver: a node that came later cannot work."""

    reason: str


@dataclass(frozen=True, slots=True)
class Begun:
    """From the driver: a worker has the attempt."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """From the driver: what came of an attempt."""

    number: int
    work: Work
