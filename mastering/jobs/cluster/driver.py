"""Body of the driver process: it holds the connection to Ray and the workers, and does what the program asks.

It ends when the program does: then the pipe between them is closed. Workers end with it, because Ray ends the
actors of a driver that is gone, also of one that was killed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

from mastering.errors import EnvironmentProblem, TonmeisterError
from mastering.failure import describe
from mastering.jobs.cluster.connect import connect
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
from mastering.jobs.cluster.nodes import Roll, on_node
from mastering.jobs.cluster.probe import Probe
from mastering.jobs.cluster.seats import Close, Open, Seat, Seats, Shape
from mastering.jobs.executor import ENDED_BY_US, RESOURCE_ABSENT, worker_died
from mastering.jobs.worker import Order, Work, take_one_thread, work

__all__ = ["Worker", "drive"]

_TICK_S = 1.0
_IDLE_S = 5.0
"""How long a worker is kept warm in a cluster that is there for others, too."""


class Worker:
    """A worker, made an actor by the driver."""

    def __init__(self) -> None:
        take_one_thread()

    def ready(self) -> None:
        """Answers as soon as the worker is there."""

    def work(self, order: Order) -> Work:
        """Make an attempt."""
        return work(order)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A worker, or a node that was asked, has answered.

    Attributes:
        of: what it was called for.
        key: seat and attempt, or the node's id.
        future: of the answer.
    """

    of: Literal["ready", "work", "probe"]
    key: Any
    future: Future[Any]


def drive(connection: Connection, settings: Settings) -> None:
    """Do what the program asks, until it asks for the end or is gone itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's
    _print_to(settings)
    try:
        ray = connect(settings)
        connection.send(Connected())
        _Driver(connection, ray, settings).run()
    except TonmeisterError as error:
        with contextlib.suppress(OSError):
            connection.send(Refused(error))
    finally:
        _leave()


def _print_to(settings: Settings) -> None:
    """All that Ray prints, from Python and from C++, goes to a file."""
    log = os.open(settings.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)


def _leave() -> None:
    """Let go of the cluster; one of our own ends with that."""
    if "ray" in sys.modules:
        with contextlib.suppress(Exception):
            sys.modules["ray"].shutdown()


class _Driver:
    """The driver's state: one thread changes it, others only put events into its queue."""

    def __init__(self, connection: Connection, ray: Any, settings: Settings) -> None:
        self._connection, self._ray = connection, ray
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._probe = Probe(settings.folder)
        self._roll = Roll(ray, self._probe, lambda id, future: self._events.put(_Answer("probe", id, future)))
        self._seats = Seats(idle_s=_IDLE_S if settings.address is not None else float("inf"))
        self._orders: dict[int, Order] = {}
        self._worker = ray.remote(Worker)
        self._told: tuple[tuple[Node, ...], int] = ((), 0)

    def run(self) -> None:
        """Work until Stop.

        Raises:
            EnvironmentProblem: a node that is there from the beginning cannot do our work.
        """
        with self._probe.laid():
            self._roll.look()
            while self._roll.asking:
                self._take(self._next())
                self._roll.look()
            if self._roll.unfit:
                raise self._roll.unfit[0]
            if not self._roll.fit:
                raise EnvironmentProblem(
                    "no node of the Ray cluster has a core to work with",
                    hint="Add one: `ray start --address=HOST:PORT` without --num-cpus=0.",
                    code=RESOURCE_ABSENT,
                )
            threading.Thread(target=self._read, daemon=True).start()
            self._tell_nodes()
            while not isinstance(event := self._next(), Stop):
                self._take(event)
                self._roll.look()
                self._tell_nodes()
                self._place()
        for seat in self._seats.all:
            self._kill(seat)

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._events.put(self._connection.recv())
        self._events.put(Stop())

    def _next(self) -> Any:
        try:
            return self._events.get(timeout=_TICK_S)
        except queue.Empty:
            return None

    def _take(self, event: Any) -> None:
        if isinstance(event, Start):
            self._orders[event.number] = event.order
            self._seats.ask(event.number, self._shape(event.order), time.monotonic())
        elif isinstance(event, End):
            self._end(event.number)
        elif isinstance(event, _Answer) and event.of == "probe":
            self._roll.answered(event.key, event.future)
        elif isinstance(event, _Answer):
            self._answered(event)

    def _shape(self, order: Order) -> Shape:
        gpu, there = order.needs.gpu, any(node.gpus for node in self._roll.fit)
        wanted = gpu == "required" or (gpu == "if_there" and there)
        return Shape(gpus=int(wanted), memory_mb=order.needs.memory_mb)

    def _tell_nodes(self) -> None:
        fit, unfit = self._roll.fit, self._roll.unfit
        nodes, told = self._told
        if fit != nodes:
            self._seats.use_nodes(fit)
            self._connection.send(Nodes(fit))
        for problem in unfit[told:]:
            self._connection.send(Unfit(problem.message))
        self._told = (fit, len(unfit))

    def _place(self) -> None:
        self._seats.avoid(self._roll.doubted)
        while (step := self._seats.step(time.monotonic())) is not None:
            if isinstance(step, Close):
                self._kill(step.seat)
                continue
            if isinstance(step, Open):
                self._open(step.seat)
            else:
                self._connection.send(Begun(_number(step.seat)))
            self._call("work", step.seat, step.seat.actor.work.remote(self._orders[_number(step.seat)]))

    def _open(self, seat: Seat) -> None:
        options = self._worker.options(
            num_cpus=1,
            num_gpus=seat.shape.gpus,
            memory=seat.shape.memory_mb * 2**20,
            scheduling_strategy=on_node(seat.node),
            max_restarts=0,
            max_task_retries=0,
        )
        seat.actor = options.remote()
        self._call("ready", seat, seat.actor.ready.remote())

    def _call(self, of: Literal["ready", "work"], seat: Seat, reference: Any) -> None:
        key = (seat, seat.attempt)
        reference.future().add_done_callback(lambda future: self._events.put(_Answer(of, key, future)))

    def _answered(self, answer: _Answer) -> None:
        seat, number = answer.key
        if seat.attempt != number or seat not in self._seats.all:
            return  # it was ended meanwhile
        error = answer.future.exception()
        if error is not None:
            self._kill(seat)
            self._conclude(number, self._why(seat, error))
        elif answer.of == "ready":
            self._connection.send(Begun(number))
        else:
            self._seats.leave(seat, time.monotonic())
            self._conclude(number, answer.future.result())

    def _why(self, seat: Seat, error: BaseException) -> Work:
        """What a call that failed means: nearly always that the worker, or its node, is gone."""
        if isinstance(error, self._ray.exceptions.RayTaskError):
            return Work(failure=describe(error))
        self._roll.doubt(seat.node)
        names = [node.name for node in self._roll.fit if node.id == seat.node]
        return worker_died(f" on the node {names[0]}" if names else ", and its node is gone")

    def _end(self, number: int) -> None:
        seat = self._seats.seat_of(number)
        if seat is not None:
            self._kill(seat)
        elif not self._seats.withdraw(number):
            return  # it has ended by itself
        self._conclude(number, ENDED_BY_US)

    def _conclude(self, number: int, work: Work) -> None:
        self._orders.pop(number, None)
        self._connection.send(Ended(number, work))

    def _kill(self, seat: Seat) -> None:
        self._seats.remove(seat)
        if seat.actor is not None:
            with contextlib.suppress(Exception):  # one that is gone already
                self._ray.kill(seat.actor, no_restart=True)


def _number(seat: Seat) -> int:
    if seat.attempt is None:
        raise AssertionError("a seat that is to be used has an attempt")
    return seat.attempt
