"""Body of a worker process: one attempt after the other, each under its limits and with its journal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.failure import Failure, describe
from mastering.jobs.model import Needs

__all__ = ["NOTE_BYTES", "Order", "Work", "prepare", "read_note", "take_one_thread", "work"]

NOTE_BYTES = 64
_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is to do.

    Args:
        request, run: as in Kind.
        plain: the request, as `mastering.codec` writes it.
        where: what the job is called in messages.
        journal, note: files of this attempt.
        memory_mb: as in Limits.
        needs: of the machine.
    """

    request: str
    run: str
    plain: dict[str, Any]
    where: str
    journal: Path
    note: Path
    memory_mb: int | None
    needs: Needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What came of it: the `Finished` of the journal as plain values, or a failure."""

    finished: dict[str, Any] | None = None
    failure: Failure | None = None


def prepare(nice: int = 0) -> None:
    """Start of a worker: it dies with its parent, and numerical libraries take one thread.

    Args:
        nice: how much less urgent than its parent it is.
    """
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    take_one_thread()
    threading.Thread(target=_die_with_parent, daemon=True).start()


def take_one_thread() -> None:
    """Keep numerical libraries that are yet to be loaded to one thread, unless the user says otherwise."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _die_with_parent() -> None:
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    if sys.platform == "win32":
        os._exit(1)
    os.kill(os.getpid(), signal.SIGKILL)


def work(order: Order) -> Work:
    """Run one attempt."""
    from mastering.codec import from_plain, to_plain
    from mastering.io.atomic import watched
    from mastering.jobs.journal import Journal
    from mastering.jobs.kinds import load

    try:
        with _limited(order.memory_mb), _noted(order.note) as progress:
            journal = Journal(order.journal)
            try:
                run = load(order.run)
                request = from_plain(load(order.request), order.plain, order.where)
                with watched(journal):
                    outcome = run(request, progress)
                return Work(finished=to_plain(journal.finish(outcome)))
            finally:
                journal.close()
    except Exception as error:
        return Work(failure=describe(error))


@contextlib.contextmanager
def _limited(memory_mb: int | None) -> Iterator[None]:
    """Private memory limited to so much more than is in use; elsewhere than on Linux nothing is."""
    if memory_mb is None or not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _private_bytes() + memory_mb * 2**20
    most = before[1] if before[1] != resource.RLIM_INFINITY else wanted
    resource.setrlimit(resource.RLIMIT_DATA, (min(wanted, most), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _private_bytes() -> int:
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[5]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def _noted(path: Path) -> Iterator[Callable[[str, float], None]]:
    """A Progress that writes stage and share over the note of this attempt."""
    last_stage, last_s = "", 0.0
    with path.open("wb", buffering=0) as file:

        def progress(stage: str, share: float) -> None:
            nonlocal last_stage, last_s
            now_s = time.monotonic()
            if stage == last_stage and now_s - last_s < _INTERVAL_S:
                return
            last_stage, last_s = stage, now_s
            text = f"{min(max(share, 0.0), 1.0):.4f} {stage}".encode()[: NOTE_BYTES - 1]
            file.seek(0)
            file.write(text.ljust(NOTE_BYTES - 1) + b"\n")

        yield progress


def read_note(path: Path) -> tuple[str, float] | None:
    """Stage and share that an attempt has noted last; None before the first."""
    try:
        share, _, stage = path.read_bytes().decode("utf-8", "replace").partition(" ")
        return stage.strip(), float(share)
    except (OSError, ValueError):
        return None
