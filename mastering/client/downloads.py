"""Results as files: each goes on where its connection broke, and has its name once it is whole."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import httpx

from mastering.client.transport import AWAY, Transport, error_of, wait_s
from mastering.client.values import Result, ServiceError

__all__ = ["fetch"]

_SOON_S = 0.3
_BREAKS = 10


def fetch(transport: Transport, result: Result, path: Path) -> Path:
    """Write one result, and check it by its digest.

    Raises:
        ServiceError: what arrived is not what was written there, or the service stays away.
    """
    part = path.with_name(f".{path.name}.part")
    for broken in range(_BREAKS):
        pause_s = _SOON_S * broken
        try:
            _continue(transport, result, part)
            break
        except httpx.TransportError:
            pass
        except ServiceError as error:
            if error.status not in AWAY:
                raise
            pause_s = wait_s(error, pause_s)
        time.sleep(pause_s)
    else:
        raise ServiceError(
            f"{path.name}: the connection broke {_BREAKS} times", hint="Try again.", code="unreachable"
        )
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != result.sha256:
        part.unlink()
        raise ServiceError(f"{path.name}: what arrived is damaged", hint="Try again.", code="damaged")
    return part.replace(path)


def _continue(transport: Transport, result: Result, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have == result.size_bytes:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": f'"{result.sha256}"'} if have else {}
    with transport.http.stream("GET", result.url, headers=headers) as response:
        if not response.is_success:
            response.read()
            raise error_of(response)
        with part.open("ab" if response.status_code == 206 else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
