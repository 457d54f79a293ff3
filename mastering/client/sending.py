"""Sending a file by tus: where the connection breaks, it goes on at what has arrived."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from mastering.client.transport import API, AWAY, Transport, error_of, wait_s
from mastering.client.values import ServiceError

__all__ = ["Sending"]

_VERSION = {"Tus-Resumable": "1.0.0"}
_BLOCK_BYTES = 2**18
_BREAKS = 20
_SOON_S = 0.2
_AGAIN = (408, 409, 423, *AWAY)


class Sending:
    """One file on its way.

    Args:
        transport: to the service.
        path: the file.
        url: where an earlier attempt went; None begins anew.
        name: what it is called there; None is its own name.

    Raises:
        ServiceError: there is no such file, or the service does not take it.

    Attributes:
        url: where it goes: with it a later program can go on.
    """

    def __init__(
        self, transport: Transport, path: Path, *, url: str | None = None, name: str | None = None
    ) -> None:
        self._transport, self._path = transport, path
        if not path.is_file():
            raise ServiceError(f"{path}: there is no such file", hint="Check the name.", code="file_missing")
        self._length = path.stat().st_size
        self.url = url or self._announced(name or path.name)

    def run(self, on_progress: Callable[[float], None] = lambda _: None) -> str:
        """Send what has not arrived; gives the song's id.

        Raises:
            ServiceError: the file is refused, or the connection broke too often.
        """
        for broken in range(_BREAKS):
            pause_s = _SOON_S * broken
            response = self._look()
            song = _song(response)
            try:
                if song is None:
                    song = self._send(int(response.headers["upload-offset"]), on_progress)
            except httpx.TransportError:
                pass
            except ServiceError as error:
                if error.status not in _AGAIN:
                    raise
                pause_s = wait_s(error, pause_s)
            if song is not None:
                on_progress(1.0)
                return song
            time.sleep(pause_s)
        raise ServiceError(
            f"{self._path.name}: the connection broke {_BREAKS} times", hint="Try again.", code="unreachable"
        )

    def _announced(self, name: str) -> str:
        filename = base64.b64encode(name.encode("utf-8", "replace")).decode("ascii")
        headers = {
            **_VERSION,
            "Upload-Length": str(self._length),
            "Upload-Metadata": f"filename {filename}",
        }
        return str(self._transport.ask("POST", f"{API}/uploads", headers=headers).headers["location"])

    def _look(self) -> httpx.Response:
        return self._transport.ask("HEAD", self.url, headers=_VERSION)

    def _send(self, offset: int, on_progress: Callable[[float], None]) -> str | None:
        """The song's id, as all has arrived.

        Raises:
            httpx.TransportError: the connection broke.
            ServiceError: the service says no, or not now.
        """
        headers = {
            **_VERSION,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self._length - offset),
        }
        response = self._transport.http.patch(
            self.url, headers=headers, content=self._blocks(offset, on_progress)
        )
        if response.is_success:
            return _song(response)
        raise error_of(response)

    def _blocks(self, offset: int, on_progress: Callable[[float], None]) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(offset)
            while block := file.read(_BLOCK_BYTES):
                offset += len(block)
                yield block
                on_progress(min(1.0, offset / max(1, self._length)))


def _song(response: httpx.Response) -> str | None:
    """The song that an upload has become, where all has arrived."""
    found = response.headers.get("tonmeister-song")
    return None if found is None else str(found)
