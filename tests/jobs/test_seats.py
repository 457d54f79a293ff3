"""Who gets which seat, without any cluster."""

from __future__ import annotations

from mastering.jobs.cluster.messages import Node
from mastering.jobs.cluster.seats import Close, Open, Seat, Seats, Shape, Use

_PLAIN, _BIG, _GPU = Shape(memory_mb=600), Shape(memory_mb=2_000), Shape(gpus=1, memory_mb=2_000)


def _node(name: str, cpus: int = 2, gpus: int = 0, memory_mb: int = 8_000) -> Node:
    return Node(id=name, name=name, cpus=cpus, gpus=gpus, memory_mb=memory_mb)


def _seats(*nodes: Node) -> Seats:
    seats = Seats(idle_s=60.0)
    seats.use_nodes(nodes)
    return seats


def _steps(seats: Seats, now_s: float = 0.0) -> list[tuple[str, str, int | None]]:
    found = []
    while (step := seats.step(now_s)) is not None:
        found.append((type(step).__name__, step.seat.node, step.seat.attempt))
    return found


def _seat(seats: Seats, number: int) -> Seat:
    seat = seats.seat_of(number)
    assert seat is not None
    return seat


def test_work_is_spread_over_the_nodes_and_no_further_than_their_cores() -> None:
    seats = _seats(_node("a"), _node("b"))
    for number in range(5):
        seats.ask(number, _PLAIN, 0.0)
    steps = _steps(seats)
    assert [name for _, name, _ in steps] == ["a", "b", "a", "b"]
    assert seats.seat_of(4) is None
    seats.leave(_seat(seats, 2), 1.0)
    assert _steps(seats, 1.0) == [("Use", "a", 4)]


def test_a_warm_seat_is_taken_before_a_new_one_is_opened() -> None:
    seats = _seats(_node("a", cpus=8))
    seats.ask(0, _PLAIN, 0.0)
    assert isinstance(seats.step(0.0), Open)
    seats.leave(_seat(seats, 0), 1.0)
    seats.ask(1, _PLAIN, 1.0)
    assert isinstance(seats.step(1.0), Use)


def test_an_idle_seat_makes_room_for_another_shape() -> None:
    seats = _seats(_node("a", cpus=1))
    seats.ask(0, _PLAIN, 0.0)
    _steps(seats)
    seats.leave(_seat(seats, 0), 1.0)
    seats.ask(1, _BIG, 1.0)
    assert isinstance(seats.step(1.0), Close)
    assert _steps(seats, 1.0) == [("Open", "a", 1)]


def test_memory_and_gpus_count() -> None:
    seats = _seats(_node("a", cpus=8, memory_mb=3_000), _node("b", cpus=1, gpus=1))
    for number, shape in enumerate((_GPU, _BIG, _BIG, _PLAIN)):
        seats.ask(number, shape, 0.0)
    assert _steps(seats) == [("Open", "b", 0), ("Open", "a", 1), ("Open", "a", 3)]


def test_what_does_not_fit_lets_others_pass_but_not_for_ever() -> None:
    seats = _seats(_node("a", cpus=2, memory_mb=2_400))
    seats.ask(0, _PLAIN, 0.0)
    _steps(seats)
    seats.ask(1, _BIG, 0.0)
    seats.ask(2, _PLAIN, 0.0)
    assert _steps(seats) == [("Open", "a", 2)]
    seats.leave(_seat(seats, 2), 31.0)
    seats.ask(3, _PLAIN, 31.0)
    assert _steps(seats, 31.0) == []
    seats.leave(_seat(seats, 0), 32.0)
    assert [kind for kind, _, _ in _steps(seats, 32.0)][-1:] == ["Open"]
    assert _seat(seats, 1).shape == _BIG


def test_seats_that_nobody_needs_are_given_back() -> None:
    seats = _seats(_node("a"))
    seats.ask(0, _PLAIN, 0.0)
    _steps(seats)
    seats.leave(_seat(seats, 0), 1.0)
    assert _steps(seats, 60.0) == []
    assert _steps(seats, 62.0) == [("Close", "a", None)]
    assert seats.all == ()


def test_a_node_that_may_be_gone_gets_nothing_until_it_answers() -> None:
    seats = _seats(_node("a"))
    seats.ask(0, _PLAIN, 0.0)
    _steps(seats)
    seats.leave(_seat(seats, 0), 1.0)
    seats.avoid(frozenset({"a"}))
    seats.ask(1, _PLAIN, 1.0)
    assert _steps(seats, 1.0) == []
    seats.avoid(frozenset())
    assert _steps(seats, 1.0) == [("Use", "a", 1)]


def test_a_lost_node_takes_its_idle_seats_with_it() -> None:
    seats = _seats(_node("a", cpus=1), _node("b", cpus=1))
    seats.ask(0, _PLAIN, 0.0)
    seats.ask(1, _PLAIN, 0.0)
    _steps(seats)
    idle, busy = _seat(seats, 0), _seat(seats, 1)
    seats.leave(idle, 1.0)
    seats.use_nodes([])
    assert seats.all == (busy,)
    seats.remove(busy)
    seats.ask(2, _PLAIN, 2.0)
    assert _steps(seats, 2.0) == []
    assert seats.withdraw(2)
    assert not seats.withdraw(2)
