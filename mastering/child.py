"""A child process that is spoken to over its pipes, and that nobody waits for longer than agreed.

A child that does not answer in time is killed; one that ended says how. It is started lean: a new
interpreter with this process's import path, and one thread for libraries that would start many.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["Child", "ChildEnded", "environment"]

_PIPE_BYTES = 2**20


class ChildEnded(Exception):
    """The child is gone, or was killed because it was late.

    Attributes:
        late: it was killed at its deadline.
        closed: this process had closed it already.
        how: "exit status 3", "SIGSEGV", ...
        status: as subprocess has it; None where it is not known.
    """

    def __init__(self, how: str, status: int | None, *, late: bool, closed: bool) -> None:
        super().__init__(how)
        self.how, self.status, self.late, self.closed = how, status, late, closed


class Child:
    """A running child; `close` kills it.

    Args:
        command: to start.
        env: its whole environment.
        cwd: where it starts; None is here.
        stderr: where its standard error goes.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stderr: IO[bytes] | int = subprocess.DEVNULL,
    ) -> None:
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,
            env=dict(env),
            cwd=cwd,
        )
        self._in: Any = self._process.stdin
        self._out: Any = self._process.stdout
        _widen(self._out)
        self._deadline: float | None = None
        self._late = False
        self._closed = threading.Event()
        self._waiting = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill the child and wait for its end; nothing happens the second time."""
        self._closed.set()
        self._waiting.set()
        self._process.kill()
        self._process.wait()
        self._out.close()
        with contextlib.suppress(OSError):
            self._in.close()

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of it.

        Raises:
            ChildEnded: it is gone, or it did not read for `timeout_s`.
        """
        view = memoryview(data)
        with self._within(timeout_s):
            while view:
                try:
                    view = view[self._in.write(view) :]
                except (OSError, ValueError):
                    raise self._ended() from None

    def read_into(self, view: memoryview, timeout_s: float) -> None:
        """Fill `view` from the child.

        Raises:
            ChildEnded: it is gone, or it sent nothing for `timeout_s`.
        """
        while view:
            with self._within(timeout_s):
                count = 0 if self._out.closed else self._out.readinto(view)
            if not count:
                raise self._ended()
            view = view[count:]

    @contextlib.contextmanager
    def _within(self, timeout_s: float) -> Any:
        self._deadline = time.monotonic() + timeout_s
        self._waiting.set()
        try:
            yield
        finally:
            self._deadline = None
            self._waiting.clear()

    def _watch(self) -> None:
        """Kill the child at its deadline; sleeps while nobody waits for it."""
        while not self._closed.is_set():
            self._waiting.wait()
            deadline = self._deadline
            if deadline is None:
                self._closed.wait(0.002)
                continue
            if time.monotonic() > deadline:
                self._late = True
                self._process.kill()
                return
            self._closed.wait(min(max(deadline - time.monotonic(), 0.001), 0.5))

    def _ended(self) -> ChildEnded:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.poll()
        return ChildEnded(_how(status), status, late=self._late, closed=self._closed.is_set())


def _how(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def environment(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`inherited` plus the import path of this process, and one thread for OpenMP and OpenBLAS."""
    package_root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([*filter(None, sys.path), package_root])
    return {**inherited, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _widen(pipe: Any) -> None:
    """Let the child run ahead, where the system allows a wider pipe."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
