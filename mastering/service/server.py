"""Listening: the socket, the server, and its end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

import uvicorn

from mastering.errors import EnvironmentProblem
from mastering.jobs.kinds import Kinds
from mastering.service.app import create_app
from mastering.service.house import House, make_folders
from mastering.service.ops import set_up_logs
from mastering.service.ports import NewWorkshop
from mastering.service.settings import Settings

__all__ = ["listening", "serve"]

_KEEP_ALIVE_S = 30
_BACKLOG = 512
_LAST_ANSWERS_S = 10
"""How long answers may still take when it ends; then jobs end, or go back to the queue."""


class _Server(uvicorn.Server):
    """Says when it listens, and ends streams when it is told to end: else it would wait for them."""

    def __init__(self, config: uvicorn.Config, house: House, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._house, self._ready = house, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end; the second one ends answers that still run, too."""
        self._house.stopping.set()
        self._house.feed.tell()
        self.force_exit = self.should_exit
        self.should_exit = True


def listening(settings: Settings) -> tuple[socket.socket, Settings]:
    """The socket, and the settings with the port it has.

    Raises:
        EnvironmentProblem: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise EnvironmentProblem(
            f"{settings.host}:{settings.port}: cannot listen there ({error.strerror})",
            hint="Choose another --port, or end what listens there.",
            code="address_taken",
        ) from error
    return listener, replace(settings, port=listener.getsockname()[1])


def serve(
    settings: Settings,
    listener: socket.socket,
    kinds: Kinds,
    workshop: NewWorkshop,
    *,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal says to end.

    Args:
        settings: with the port of the listener.
        listener: bound.
        kinds, workshop: as `create_app`.
        ready: called once it listens.

    Raises:
        EnvironmentProblem: its folder or databases cannot be used, or another service uses them.
    """
    with listener, _alone(make_folders(settings.data)):
        set_up_logs(settings.log)
        app = create_app(settings, kinds, workshop)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=",".join(settings.trusted_proxies),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
            backlog=_BACKLOG,
            ws="none",
            lifespan="on",
        )
        _Server(config, app.state.house, ready).run(sockets=[listener])


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """While this is open no other service uses the folder; the system ends that when the process dies."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    with (data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EnvironmentProblem(
                f"{data}: another service runs on this folder",
                hint="End that first, or give this one another --data.",
                code="data_in_use",
            ) from error
        yield
