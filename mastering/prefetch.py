"""`prefetched`: a stream computed ahead in a thread, so that its consumer works at the same time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

__all__ = ["prefetched"]

T = TypeVar("T")


def prefetched(items: Iterator[T], depth: int = 3) -> Iterator[T]:
    """The same items, computed ahead in a thread: kernels release the GIL, so two cores work."""
    ready: queue.Queue[tuple[bool, object]] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def work() -> None:
        try:
            for item in items:
                if not _put(ready, stop, (True, item)):
                    return
            _put(ready, stop, (False, None))
        except BaseException as error:  # handed over and raised in the caller's thread
            _put(ready, stop, (False, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            more, value = ready.get()
            if not more:
                if isinstance(value, BaseException):
                    raise value
                return
            yield value  # type: ignore[misc]  # an item of T
    finally:
        stop.set()
        thread.join()


def _put(ready: queue.Queue[tuple[bool, object]], stop: threading.Event, entry: tuple[bool, object]) -> bool:
    while not stop.is_set():
        try:
            ready.put(entry, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
