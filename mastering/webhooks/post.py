"""One try to deliver a message, at an address that was checked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from mastering.units import Range, check_ranges
from mastering.webhooks.target import Target

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

__all__ = ["Answer", "Patience", "Unreachable", "post"]

_MOST_ADDRESSES = 3
_AGENT = "tonmeister-webhooks"


class Unreachable(Exception):
    """Nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one try may take.

    Args:
        connect_s: until a connection is there.
        silence_s: without a byte.
        whole_s: all in all; a receiver that answers byte by byte ends here.
    """

    connect_s: Annotated[float, Range(0.05, 300.0, "s")] = 5.0
    silence_s: Annotated[float, Range(0.05, 300.0, "s")] = 10.0
    whole_s: Annotated[float, Range(0.05, 300.0, "s")] = 20.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the receiver said; its words are not read.

    Attributes:
        status: HTTP's.
        retry_after_s: when it wants to be asked again, if it said so.
    """

    status: int
    retry_after_s: float | None = None


def post(
    target: Target,
    addresses: Sequence[str],
    body: bytes,
    headers: Mapping[str, str],
    *,
    patience: Patience = Patience(),
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Send a message. No redirect is followed, no proxy asked, no cookie kept.

    Args:
        target: name and path; over https the certificate must be this name's.
        addresses: of it, checked; the first that can be connected to is sent to.
        body: JSON.
        headers: beside the usual ones.
        patience: limits of time.
        context: whose certificates are trusted; None trusts those of the system.

    Raises:
        Unreachable: no answer, or none in time.
    """
    why: Exception | None = None
    for address in addresses[:_MOST_ADDRESSES]:
        connection = _connection(target, address, patience, context)
        with contextlib.closing(connection), _ended_after(connection, patience.whole_s):
            try:
                connection.connect()
            except Exception as error:
                why = error
                continue
            try:
                return _exchange(connection, target, body, headers, patience)
            except Exception as error:
                raise Unreachable(_reason(error)) from error
    raise Unreachable(_reason(why)) from why


def _connection(
    target: Target, address: str, patience: Patience, context: ssl.SSLContext | None
) -> HTTPConnection:
    from urllib3.connection import HTTPConnection, HTTPSConnection

    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=patience.connect_s)
    return HTTPSConnection(
        address,
        target.port,
        timeout=patience.connect_s,
        server_hostname=target.host,  # what the certificate must be for, though an address is connected to
        ssl_context=context or ssl.create_default_context(),
    )


def _exchange(
    connection: HTTPConnection, target: Target, body: bytes, headers: Mapping[str, str], patience: Patience
) -> Answer:
    connection.timeout = patience.silence_s
    connection.sock.settimeout(patience.silence_s)
    usual = {"Host": target.authority, "User-Agent": _AGENT, "Content-Type": "application/json"}
    connection.request("POST", target.path, body=body, headers={**usual, **headers}, preload_content=False)
    response = connection.getresponse()
    return Answer(status=response.status, retry_after_s=_seconds(response.headers.get("Retry-After")))


@contextlib.contextmanager
def _ended_after(connection: HTTPConnection, whole_s: float) -> Iterator[None]:
    """A connection that is cut after so long, whatever it waits for."""

    def cut() -> None:
        with contextlib.suppress(Exception):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(whole_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _reason(error: Exception | None) -> str:
    """In few words: urllib3's messages name objects and addresses of memory."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    return _REASONS.get(type(error).__name__, "it did not answer as it should, or in time")


_REASONS = {
    "ConnectTimeoutError": "it cannot be connected to in time",
    "NewConnectionError": "it cannot be connected to",
}
