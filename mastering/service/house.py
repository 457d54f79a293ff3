"""Everything a running service has, put together and taken apart in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.jobs.executor import Executor
from mastering.jobs.kinds import Kinds
from mastering.jobs.lanes import DEFAULT_LANES, Lanes
from mastering.jobs.model import Limits
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from mastering.service.checksums import Checksums
from mastering.service.desk import Desk
from mastering.service.feed import Feed
from mastering.service.hooks import Hooks
from mastering.service.keys import Keys
from mastering.service.limits import Rate
from mastering.service.ops import Metrics
from mastering.service.plugins import AllowedPlugins
from mastering.service.ports import NewWorkshop
from mastering.service.problems import problem_of
from mastering.service.records import Records
from mastering.service.retention import Retention
from mastering.service.room import Room
from mastering.service.rooms import Rooms
from mastering.service.settings import Settings
from mastering.service.shares import Shares
from mastering.service.songs import Songs
from mastering.service.uploads import Uploads
from mastering.service.work import Work

__all__ = ["House", "make_folders"]

_CLEAN_S = 600.0
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

    def __init__(self, settings: Settings, kinds: Kinds, workshop: NewWorkshop) -> None:
        if settings.executor == "ray" and importlib.util.find_spec("ray") is None:
            raise EnvironmentProblem(
                "jobs cannot be done by a Ray cluster: Ray is not installed",
                hint="pip install 'tonmeister[cluster]', or leave --executor out.",
                code="executor_missing",
            )
        self.settings = settings
        data = make_folders(settings.data)
        self.records = Records(data / "service.sqlite")
        self.keys = Keys(self.records)
        self._refuse_open()
        self.jobs = Jobs(Place.of(settings.database or str(data / "jobs"), folder=data / "jobs"), kinds=kinds)
        self.songs = Songs(self.records, data / "songs")
        room = Room(self.records, data, settings)
        self.uploads = Uploads(self.records, self.songs, data / "uploads", settings, room)
        self.hooks = Hooks(settings, data / "webhooks.sqlite")
        self.feed = Feed(
            self.records,
            self.jobs,
            self.hooks,
            songs=data / "songs",
            results=data / "results",
            most_streams=settings.concurrent_streams,
        )
        self.plugins = AllowedPlugins(self.records)
        self.workshop = workshop(self.plugins.policy)
        self.work = Work(
            self.records,
            self.songs,
            self.jobs,
            self.workshop,
            data / "results",
            self.feed,
            self.hooks,
            room,
            self.plugins,
        )
        self.desk = Desk()
        self.rooms = Rooms(self.desk, data / "cache", self.workshop.separators, room)
        self.checksums = Checksums(data / "cache")
        self.shares = Shares(self.records, settings.share_days)
        self.retention = Retention(
            self.records,
            self.songs,
            self.uploads,
            self.work,
            self.shares,
            self.rooms,
            data / "cache",
            settings,
            room,
        )
        self.metrics = Metrics(self.records)
        self.requests = Rate(settings.requests_per_minute, code="rate_limit", what="too many requests")
        self.failures = Rate(settings.failures_per_minute, code="key_guessing", what="too many wrong keys")
        self.stopping = threading.Event()

    def _refuse_open(self) -> None:
        """Without keys whoever reaches it could do everything; without a name nobody reaches it."""
        if self.keys.any and not self.settings.hosts:
            self.records.close()
            raise ParameterError(
                f"{self.settings.host} is no name that anybody asks for",
                hint='Say how it is reached: public_urls = ["https://desk.example.org"] in the settings.',
                code="public_urls_needed",
            )
        if self.settings.is_private or self.keys.any:
            return
        self.records.close()
        raise EnvironmentProblem(
            "without a key only this machine may reach the service, and these settings let others in",
            hint="`tonmeister serve keys add NAME --role admin` makes a key; or listen at 127.0.0.1 without "
            "public_urls.",
            code="keys_needed",
        )

    def close(self) -> None:
        """End the desk's processes and let go of the databases."""
        self.uploads.close()
        self.checksums.close()
        self.desk.stop()
        self.hooks.close()
        self.jobs.close()
        self.records.close()

    @contextlib.contextmanager
    def running(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """While this is open, jobs are done. Opened and closed in a thread: both take their time."""
        settings = self.settings
        limits = Limits(time_s=settings.job_timeout_s or None, memory_mb=settings.job_memory_mb or None)
        self.uploads.recover()
        self.work.sweep()
        with (
            _executor(settings, self.jobs.place) as executor,
            self.hooks.sending(),
            self.jobs.running(executor=executor, limits=limits, finish_s=settings.finish_s),
        ):
            self.feed.start(loop)
            self.work.queueing.start()
            cleaning = threading.Thread(target=self._clean, daemon=True, name="cleaning")
            cleaning.start()
            try:
                yield
            finally:
                self.stopping.set()
                self.work.queueing.stop()
                cleaning.join(30.0)
        self.feed.stop()

    def readiness(self) -> dict[str, str]:
        """What does its part, and what does not: "ok", or why not."""
        return {
            "records": _state(lambda: self.records.one("SELECT 1")),
            "jobs": "the database of jobs does not answer"
            if self.feed.database_away
            else _state(self.jobs.count),
            "disk": _room(self.settings),
            "service": "it is ending" if self.stopping.is_set() else "ok",
        }

    def _clean(self) -> None:
        while not self.stopping.is_set():
            try:
                self.retention.clean()
            except Exception as error:
                _log.error("cleaning up failed", exc_info=error)
            self.stopping.wait(_CLEAN_S)


@contextlib.contextmanager
def _executor(settings: Settings, place: Place) -> Iterator[Executor]:
    """Who does the jobs: processes of this machine, or of a Ray cluster."""
    lanes = {"short": settings.workers or None, "long": settings.long_workers or None}
    executor: Executor
    if settings.executor == "local":
        executor = Lanes(
            dict(DEFAULT_LANES) | {lane: n for lane, n in lanes.items() if n}, nice=settings.nice
        )
    else:
        from mastering.jobs.cluster.lanes import RayLanes

        executor = RayLanes(
            lanes, address=settings.ray_address or None, folder=place.folder, tell=_log.warning
        )
    try:
        yield executor
    finally:
        executor.stop()


def _state(look: Callable[[], object]) -> str:
    try:
        look()
    except Exception as error:
        return problem_of(error).detail
    return "ok"


def _room(settings: Settings) -> str:
    free_mb = shutil.disk_usage(settings.data).free // 10**6
    return "ok" if free_mb >= settings.min_free_mb else f"only {free_mb} MB are free"


def make_folders(data: Path) -> Path:
    """The folders of a service, which only its user may enter; gives the outer one.

    Raises:
        EnvironmentProblem: they cannot be made.
    """
    data = data.absolute()
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
