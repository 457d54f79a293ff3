"""One file over HTTP: counted while it comes, taken up where it broke off, checked, then given its name.

What has come lies in NAME.part; the same call another day goes on there. A joint of two days is trusted only
where a digest can tell; else the file is fetched anew. Proxies are those of the environment (HTTPS_PROXY).
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mastering.errors import ModelError
from mastering.io.atomic import disk_full, output_problem

__all__ = ["Cut", "Network", "Refused", "Unreachable", "fetch", "part_of"]

_BLOCK_BYTES = 1 << 18
_LARGEST_BYTES = 8 << 30
_LATER = {408, 425, 429, 500, 502, 503, 504}
_HEX = re.compile(r'^(?:W/)?"?([0-9a-f]{64})"?$')
_RANGE = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How patient to be.

    Args:
        timeout_s: longest silence of the other side.
        waits_s: pauses before trying again; after as many failures in a row without a byte it ends.
    """

    timeout_s: float = 30.0
    waits_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)


class Unreachable(Exception):
    """The server cannot be reached: no network, no such name, nobody answers."""


class Refused(Exception):
    """The server answers and has no such file, or does not give it."""


class Cut(Exception):
    """The connection broke off; trying again may help."""


@dataclass(slots=True)
class _Run:
    """What is known of a download while it runs."""

    part: Path
    sha256: str
    tell: Callable[[int, int | None], None]
    announced: str = ""
    begun_here: bool = False
    joined: bool = False
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def have_bytes(self) -> int:
        try:
            return self.part.stat().st_size
        except OSError:
            return 0

    def restart(self) -> None:
        self.part.unlink(missing_ok=True)
        self.begun_here, self.joined = True, False

    def may_join(self) -> bool:
        return self.begun_here or bool(self.sha256 or self.announced)


def part_of(target: Path) -> Path:
    """Where the beginning of a file waits for the rest."""
    return target.with_name(f"{target.name}.part")


def fetch(
    url: str, target: Path, *, sha256: str, tell: Callable[[int, int | None], None], network: Network
) -> str:
    """Fetch a file and put it in its place.

    Args:
        url: where from.
        target: where to; what is there is replaced.
        sha256: its digest, or the first digits of it, or nothing.
        tell: called with the bytes that are here and, where it is known, the bytes of the whole.
        network: how patient to be.

    Returns:
        The digest of the file.

    Raises:
        Unreachable, Refused, Cut: why it does not come.
        ModelError: what came is not the file ("model_checksum").
        EnvironmentProblem: it cannot be written.
    """
    run = _Run(part=part_of(target), sha256=sha256, tell=tell)
    run.begun_here = run.have_bytes == 0
    digest = _complete(url, run, network)
    wanted = sha256 or run.announced
    if not digest.startswith(wanted) and run.joined:
        run.restart()
        digest = _complete(url, run, network)
    if not digest.startswith(wanted):
        run.part.unlink(missing_ok=True)
        raise _not_the_file(url, target.name, digest, wanted)
    _name(run.part, target)
    return digest


def _complete(url: str, run: _Run, network: Network) -> str:
    """Attempt after attempt until all is here."""
    failures = 0
    while True:
        before = run.have_bytes
        try:
            return _attempt(url, run, network.timeout_s)
        except Cut:
            failures = 0 if run.have_bytes > before else failures + 1
            if failures > len(network.waits_s):
                raise
        time.sleep(network.waits_s[failures - 1] if failures else 0.0)


def _attempt(url: str, run: _Run, timeout_s: float) -> str:
    have = run.have_bytes
    try:
        with _open(url, have, run, timeout_s) as response:
            start, total = _position(response, have)
            if start and not run.may_join():
                run.restart()
                raise Cut("what is here of another day cannot be checked")
            return _receive(response, run, start, total)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return _beyond_the_end(error, run, have)
        raise _refusal(url, error) from error
    except urllib.error.URLError as error:
        raise _unreachable(url, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise Cut(str(error) or type(error).__name__) from error


def _open(url: str, have: int, run: _Run, timeout_s: float) -> Any:
    headers = {"User-Agent": "tonmeister", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    opener = urllib.request.build_opener(_Redirects(run))
    response = opener.open(urllib.request.Request(url, headers=headers), timeout=timeout_s)
    run.announced = run.announced or _announced(response.headers)
    return response


def _position(response: Any, have: int) -> tuple[int, int | None]:
    """The place of the first byte that comes, and the size of the whole."""
    length = response.headers.get("Content-Length")
    rest = int(length) if length and length.isdigit() else None
    if response.status != 206:
        return 0, rest
    place = _RANGE.match(response.headers.get("Content-Range", ""))
    if place is None or int(place[1]) != have:
        raise Refused("it answers with another part of the file than it was asked for")
    return have, have + rest if rest is not None else None


def _receive(response: Any, run: _Run, start: int, total: int | None) -> str:
    run.digest = _digest_of(run.part) if start else hashlib.sha256()
    run.joined = run.joined or (start > 0 and not run.begun_here)
    _check_room(run.part, start, total)
    done = start
    run.tell(done, total)
    with _opened(run.part, "ab" if start else "wb") as file:
        while block := response.read(_BLOCK_BYTES):
            _append(file, block, run.part)
            run.digest.update(block)
            done += len(block)
            run.tell(done, total)
            if done > _LARGEST_BYTES:
                raise Refused("it sends more than any model has")
    if total is not None and done < total:
        raise Cut(f"it broke off after {done} of {total} bytes")
    return str(run.digest.hexdigest())


def _beyond_the_end(error: urllib.error.HTTPError, run: _Run, have: int) -> str:
    """Nothing is left to send: either all is here, or what is here is of another file."""
    if error.headers.get("Content-Range", "") == f"bytes */{have}" and run.may_join():
        run.joined = not run.begun_here
        return str(_digest_of(run.part).hexdigest())
    run.restart()
    raise Cut("what was here is longer than the file")


def _digest_of(part: Path) -> Any:
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def _opened(part: Path, mode: str) -> Any:
    try:
        return part.open(mode)
    except OSError as error:
        raise output_problem(error, part) from error


def _append(file: Any, block: bytes, part: Path) -> None:
    try:
        file.write(block)
        file.flush()  # so that a kill or a full disk loses nothing that came
    except OSError as error:
        with contextlib.suppress(OSError):
            file.close()
        raise output_problem(error, part) from error


def _check_room(part: Path, start: int, total: int | None) -> None:
    if total is None:
        return
    with contextlib.suppress(OSError):
        if shutil.disk_usage(part.parent).free < total - start:
            raise disk_full(part, total - start)


def _name(part: Path, target: Path) -> None:
    try:
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise output_problem(error, target) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, never from https to plain http; the hub tells a file's digest on the way."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            fp.close()
            raise Refused("it leads to an address without encryption")
        self._run.announced = self._run.announced or _announced(headers)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _announced(headers: Any) -> str:
    """SHA-256 that the Hugging Face hub tells of a large file."""
    told = _HEX.match(headers.get("X-Linked-ETag", ""))
    return told[1] if told else ""


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    reason = f"{_host(url)} answers {error.code} {error.reason}"
    return Cut(reason) if error.code in _LATER else Refused(reason)


def _unreachable(url: str, error: urllib.error.URLError) -> Exception:
    reason = error.reason
    said = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
    if isinstance(reason, ConnectionResetError | http.client.HTTPException):
        return Cut(f"{_host(url)}: {said}")
    return Unreachable(f"{_host(url)} cannot be reached ({said})")


def _host(url: str) -> str:
    return urllib.request.Request(url).host


def _not_the_file(url: str, name: str, digest: str, wanted: str) -> ModelError:
    return ModelError(
        f"what {_host(url)} sent as {name} is not that file: its SHA-256 begins with {digest[:8]} "
        f"instead of {wanted[:8]}",
        hint="Try again later; if it stays so, the server or the network between alters the file.",
        code="model_checksum",
    )
