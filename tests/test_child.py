"""A child process: nobody waits for it longer than agreed, and it is buried."""

from __future__ import annotations

import operator
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mastering
from mastering.child import Child, ChildEnded, environment

ECHO = """
import sys
while data := sys.stdin.buffer.read1(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""
Start = Callable[..., Child]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python children; all are closed in the end."""
    children: list[Child] = []

    def run(code: str, **given: object) -> Child:
        child = Child([sys.executable, "-I", "-S", "-c", code], env={"PATH": os.environ["PATH"]}, **given)  # type: ignore[arg-type]
        children.append(child)
        return child

    yield run
    for child in children:
        child.close()


def said(child: Child, count: int, timeout_s: float = 20.0) -> bytes:
    answer = bytearray(count)
    child.read_into(memoryview(answer), timeout_s)
    return bytes(answer)


def test_what_goes_in_comes_back(start: Start) -> None:
    child = start(ECHO)
    for data in (b"x", bytes(range(256)) * 50, b"again"):
        child.write(data, 20.0)
        assert said(child, len(data)) == data
    assert child.alive
    child.close()
    assert not child.alive
    child.close()


def test_more_than_a_pipe_holds(start: Start) -> None:
    child = start("import sys; sys.stdout.buffer.write(bytes(5_000_000)); sys.stdin.read()")
    assert said(child, 5_000_000) == bytes(5_000_000)


@pytest.mark.parametrize(
    ("code", "how", "status"),
    [
        ("raise SystemExit(3)", "exit status 3", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", -signal.SIGSEGV),
        ("import os; os.abort()", "SIGABRT", -signal.SIGABRT),
    ],
)
def test_an_end_says_how(start: Start, code: str, how: str, status: int) -> None:
    child = start(code)
    with pytest.raises(ChildEnded) as caught:
        said(child, 1)
    assert (caught.value.how, caught.value.status) == (how, status)
    assert not caught.value.late
    assert not caught.value.closed


def test_an_end_in_the_middle_of_an_answer(start: Start) -> None:
    child = start("import os; os.write(1, b'abc')")
    with pytest.raises(ChildEnded):
        said(child, 4)


def test_silence_is_ended_at_its_time(start: Start) -> None:
    child = start("import time; time.sleep(60)")
    started_s = time.monotonic()
    with pytest.raises(ChildEnded) as caught:
        said(child, 1, 0.3)
    assert 0.29 <= time.monotonic() - started_s < 10.0
    assert caught.value.late
    assert caught.value.how == "SIGKILL"
    assert not child.alive


def test_a_child_that_does_not_read_is_ended_at_its_time(start: Start) -> None:
    child = start("import time; time.sleep(60)")
    with pytest.raises(ChildEnded) as caught:
        child.write(bytes(4_000_000), 0.3)
    assert caught.value.late


def test_time_counts_from_each_call(start: Start) -> None:
    """A child that answers always in time is never late, however long that goes on."""
    child = start("import os, time\nfor _ in range(6): time.sleep(0.25); os.write(1, b'.')\ntime.sleep(60)")
    time.sleep(0.2)
    for _ in range(6):
        assert said(child, 1, 1.0) == b"."
    time.sleep(0.1)
    assert child.alive


def test_nobody_is_ended_while_nobody_waits(start: Start) -> None:
    child = start(ECHO)
    child.write(b"x", 0.2)
    time.sleep(0.6)
    assert said(child, 1, 0.5) == b"x"
    time.sleep(0.6)
    assert child.alive


def test_close_ends_whoever_waits(start: Start) -> None:
    child = start("import time; time.sleep(60)")
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            said(child, 1, 30.0)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    child.close()
    thread.join(10.0)
    assert not thread.is_alive()
    assert isinstance(caught[0], ChildEnded)
    assert caught[0].closed


def test_after_the_end_every_call_says_so(start: Start) -> None:
    child = start(ECHO)
    child.close()
    for call in (lambda: said(child, 1), lambda: child.write(b"x", 1.0)):
        with pytest.raises(ChildEnded) as caught:
            call()
        assert caught.value.closed


def test_what_cannot_be_started_is_an_os_error() -> None:
    with pytest.raises(OSError):
        Child(["/no/such/program"], env={})


def test_errors_and_folder(start: Start, tmp_path: Path) -> None:
    with (tmp_path / "errors").open("w+b") as errors:
        child = start("import os; os.write(2, os.getcwd().encode())", cwd=tmp_path, stderr=errors)
        with pytest.raises(ChildEnded):
            said(child, 1)
    assert (tmp_path / "errors").read_text() == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_nothing_is_left_of_many(start: Start) -> None:
    def state() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = state()

    def none_more(now: tuple[int, int]) -> bool:
        return all(map(operator.le, now, before))  # others' threads may end meanwhile

    for number in range(8):
        child = start(ECHO if number % 2 else "raise SystemExit(1)")
        child.close()
        with pytest.raises(ChildProcessError):
            os.waitpid(child.pid, os.WNOHANG)
    deadline_s = time.monotonic() + 5.0
    while not none_more(state()) and time.monotonic() < deadline_s:
        time.sleep(0.01)  # the threads that watched them
    assert none_more(state())


def test_the_environment_of_a_lean_child(monkeypatch: pytest.MonkeyPatch) -> None:
    made = environment({"HOME": "/h", "PYTHONPATH": "/else"})
    assert made["HOME"] == "/h"
    assert made["OMP_NUM_THREADS"] == made["OPENBLAS_NUM_THREADS"] == "1"
    folders = made["PYTHONPATH"].split(os.pathsep)
    assert str(Path(mastering.__file__).resolve().parents[1]) in folders
    assert all(path in folders for path in sys.path if path)
