"""Everything a running service has, put together and taken apart in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from mastering.errors import EnvironmentProblem
from mastering.jobs.kinds import Kinds
from mastering.jobs.lanes import DEFAULT_LANES
from mastering.jobs.model import Limits
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from mastering.service.feed import Feed
from mastering.service.keys import Keys
from mastering.service.limits import Rate
from mastering.service.ports import Workshop
from mastering.service.records import Records
from mastering.service.settings import Settings
from mastering.service.songs import Songs
from mastering.service.uploads import Uploads
from mastering.service.work import Work

__all__ = ["House"]

_FOLDERS = ("songs", "uploads", "results", "cache")

_log = logging.getLogger("tonmeister.service")


class House:
    """A service's rooms.

    Args:
        settings: how it runs.
        kinds: of jobs.
        workshop: makes the jobs' requests.

    Raises:
        EnvironmentProblem: its folder or databases cannot be used.
    """

    def __init__(self, settings: Settings, kinds: Kinds, workshop: Workshop) -> None:
        self.settings, self.workshop = settings, workshop
        data = _made(settings.data.absolute())
        self.records = Records(data / "service.sqlite")
        self.jobs = Jobs(Place.of(settings.database or str(data / "jobs")), kinds=kinds)
        self.keys = Keys(self.records)
        self.songs = Songs(self.records, data / "songs")
        self.uploads = Uploads(self.records, self.songs, data / "uploads", settings)
        self.feed = Feed(self.records, self.jobs, songs=data / "songs", results=data / "results")
        self.work = Work(self.records, self.songs, self.jobs, workshop, data / "results", self.feed)
        self.requests = Rate(settings.requests_per_minute, code="rate_limit", what="too many requests")
        self.failures = Rate(settings.failures_per_minute, code="key_guessing", what="too many wrong keys")
        self.stopping = threading.Event()

    def close(self) -> None:
        """Let go of the databases."""
        self.jobs.close()
        self.records.close()

    @contextlib.contextmanager
    def running(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """While this is open, jobs are done. Opened and closed in a thread: both take their time."""
        settings = self.settings
        lanes = dict(DEFAULT_LANES)
        lanes |= {"short": settings.workers} if settings.workers else {}
        lanes |= {"long": settings.long_workers} if settings.long_workers else {}
        limits = Limits(time_s=settings.job_timeout_s or None, memory_mb=settings.job_memory_mb or None)
        self.uploads.recover()
        self.work.sweep()
        with self.jobs.running(lanes=lanes, limits=limits, nice=settings.nice, finish_s=settings.finish_s):
            self.feed.start(loop)
            self.work.start()
            try:
                yield
            finally:
                self.stopping.set()
                self.work.stop()
        self.feed.stop()


def _made(data: Path) -> Path:
    try:
        for name in _FOLDERS:
            (data / name).mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
    except OSError as error:
        raise EnvironmentProblem(
            f"{data}: the service's folder cannot be made ({error.strerror})",
            hint="Name another one with --data.",
            code="data_not_writable",
        ) from error
    return data
