"""Ctrl-C and SIGTERM as one exception that unwinds everything, so that temporary files go.

A signal that arrives inside a C callback may lose its exception there; the flag stays, and
long work calls `raise_if_received` between steps.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupted", "Interrupts"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(BaseException):
    """The user or the system asked the run to end; not an Exception, so that nothing swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM: what a shell reports for a process a signal ended."""
        return 128 + self.signal_number


class Interrupts:
    """Context manager: while it is open the first signal raises Interrupted, later ones are ignored.

    Ignoring the later ones lets the clean-up finish; it is short.

    Args:
        ignored: signals that are somebody else's business (a worker leaves Ctrl-C to its parent).
    """

    def __init__(self, *, ignored: tuple[int, ...] = ()) -> None:
        self._ignored = ignored
        self._received: int | None = None
        self._held = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_IGN and number not in self._ignored:
                    continue  # started under nohup or in the background: stay deaf to it
                handler: Callable[[int, FrameType | None], None] | signal.Handlers = self._handle
                self._previous[number] = signal.signal(
                    number, signal.SIG_IGN if number in self._ignored else handler
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._received is None:
            self._received = number
            if not self._held:
                raise Interrupted(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this is open a signal is noted, and raised at its end.

        For what an exception out of nowhere would leave in a bad state: a connection to a database that is
        given back in the middle of a query blocks whoever has it next.
        """
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.raise_if_received()

    def raise_if_received(self) -> None:
        """Raise Interrupted again if a signal came whose exception was lost on the way."""
        if self._received is not None:
            raise Interrupted(self._received)
