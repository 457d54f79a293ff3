"""Which worker on which node takes what comes next. Knows nothing of Ray.

A seat is a worker: it holds a core of its node, and the memory and the GPU that the work it was opened for
needs, and keeps them, with the models it has loaded, for more work of that shape. An idle seat makes room
for work of another shape. First come, first served; what does not fit lets others pass, but not for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mastering.jobs.cluster.messages import Node

__all__ = ["Close", "Open", "Seat", "Seats", "Shape", "Use"]

_PATIENCE_S = 30.0
"""How long others may pass an attempt that does not fit yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a worker holds besides its core."""

    gpus: int = 0
    memory_mb: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """A worker.

    Attributes:
        node: its id.
        shape: what it holds.
        attempt: number of the attempt it has; None while it is idle.
        since_s: when that became so.
        actor: whatever the driver needs to reach it.
    """

    node: str
    shape: Shape
    attempt: int | None
    since_s: float
    actor: Any = None


@dataclass(frozen=True, slots=True)
class Use:
    """Give the attempt to an idle seat."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Open:
    """Start the worker of a new seat, and give it the attempt."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Close:
    """End the worker of an idle seat."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class _Waiting:
    number: int
    shape: Shape
    since_s: float


class Seats:
    """The seats of a cluster, and who waits for one.

    Args:
        idle_s: how long a seat is kept that nobody needs.
    """

    def __init__(self, *, idle_s: float) -> None:
        self._idle_s = idle_s
        self._nodes: dict[str, Node] = {}
        self._doubted: frozenset[str] = frozenset()
        self._seats: list[Seat] = []
        self._waiting: list[_Waiting] = []

    @property
    def all(self) -> tuple[Seat, ...]:
        """Every seat."""
        return tuple(self._seats)

    def use_nodes(self, nodes: Iterable[Node]) -> None:
        """These are there now; seats on others are lost, which their attempts tell by themselves."""
        self._nodes = {node.id: node for node in nodes}
        self._seats = [seat for seat in self._seats if seat.attempt is not None or seat.node in self._nodes]

    def avoid(self, doubted: frozenset[str]) -> None:
        """These nodes get nothing for the time being."""
        self._doubted = doubted

    def ask(self, number: int, shape: Shape, now_s: float) -> None:
        """An attempt waits for a seat."""
        self._waiting.append(_Waiting(number, shape, now_s))

    def withdraw(self, number: int) -> bool:
        """An attempt waits no more; False if it does not wait."""
        left = [one for one in self._waiting if one.number != number]
        found = len(left) < len(self._waiting)
        self._waiting = left
        return found

    def seat_of(self, number: int) -> Seat | None:
        """The seat that an attempt has."""
        return next((seat for seat in self._seats if seat.attempt == number), None)

    def leave(self, seat: Seat, now_s: float) -> None:
        """A seat's attempt has ended, and its worker is well."""
        seat.attempt, seat.since_s = None, now_s

    def remove(self, seat: Seat) -> None:
        """A seat's worker is gone."""
        self._seats = [one for one in self._seats if one is not seat]

    def step(self, now_s: float) -> Use | Open | Close | None:
        """What to do next; call again until there is nothing."""
        for one in self._waiting:
            found = self._step_for(one, now_s)
            if found is not None:
                return found
            if now_s - one.since_s > _PATIENCE_S:
                return None
        for seat in self._seats:
            if seat.attempt is None and now_s - seat.since_s > self._idle_s:
                self.remove(seat)
                return Close(seat)
        return None

    def _step_for(self, one: _Waiting, now_s: float) -> Use | Open | Close | None:
        for seat in self._seats:
            if seat.attempt is None and seat.shape == one.shape and seat.node not in self._doubted:
                seat.attempt, seat.since_s = one.number, now_s
                self.withdraw(one.number)
                return Use(seat)
        usable = [node for node in self._nodes.values() if node.id not in self._doubted]
        by_room = sorted(usable, key=lambda node: self._free(node)[0], reverse=True)
        for node in by_room:
            if _fits(one.shape, self._free(node)):
                seat = Seat(node=node.id, shape=one.shape, attempt=one.number, since_s=now_s)
                self._seats.append(seat)
                self.withdraw(one.number)
                return Open(seat)
        for node in by_room:
            if _fits(one.shape, self._free(node, idle_too=True)):
                seat = min(self._idle_on(node), key=lambda seat: seat.since_s)
                self.remove(seat)
                return Close(seat)
        return None

    def _idle_on(self, node: Node) -> list[Seat]:
        return [seat for seat in self._seats if seat.node == node.id and seat.attempt is None]

    def _free(self, node: Node, *, idle_too: bool = False) -> tuple[int, int, int]:
        """Cores, GPUs and megabytes that no seat holds, or no seat that has work."""
        held = [s for s in self._seats if s.node == node.id and not (idle_too and s.attempt is None)]
        gpus, memory_mb = sum(s.shape.gpus for s in held), sum(s.shape.memory_mb for s in held)
        return node.cpus - len(held), node.gpus - gpus, node.memory_mb - memory_mb


def _fits(shape: Shape, free: tuple[int, int, int]) -> bool:
    cpus, gpus, memory_mb = free
    return cpus >= 1 and gpus >= shape.gpus and memory_mb >= shape.memory_mb
