"""Requests to a service, and its errors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import httpx

from mastering.client.values import ServiceError

__all__ = ["API", "AWAY", "Calls", "Transport", "error_of", "wait_s"]

API = "/api/v1"
AWAY = (429, 502, 503, 504)
"""Status of a service that has no time, or of a proxy before one that is starting: it is asked again."""
_TRIES = 5
_SOON_S = 0.5
_LONGEST_WAIT_S = 30.0
_PAGE = 200


class Transport:
    """A connection that waits where the service asks for it.

    Args:
        url: of the service.
        key: to it; None is none.
        timeout_s: longest wait for an answer.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limit = httpx.Timeout(timeout_s, connect=10.0)
        self.http = httpx.Client(base_url=url, headers=headers, timeout=limit, trust_env=False)

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """The answer to a request that may be repeated; too many requests are tried again later.

        Raises:
            ServiceError: the answer is an error, or there is none.
        """
        for number in range(1, _TRIES + 1):
            last = number == _TRIES
            try:
                response = self.http.request(method, path, **given)
            except httpx.TransportError as error:
                if last:
                    raise _unreachable(error) from error
                time.sleep(_SOON_S * number)
                continue
            if response.is_success:
                return response
            problem = error_of(response)
            if last or response.status_code not in AWAY:
                raise problem
            time.sleep(wait_s(problem, _SOON_S * number))
        raise AssertionError("the last try returns or raises")

    def json(self, method: str, path: str, **given: Any) -> Any:
        """The document that a request is answered with."""
        return self.ask(method, f"{API}{path}", **given).json()

    def pages(self, path: str, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """All items of a list, asked for page by page."""
        cursor: str | None = None
        while True:
            asked = {**given, "limit": _PAGE} | ({} if cursor is None else {"cursor": cursor})
            page = self.json("GET", path, params=asked)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return


class Calls:
    """A part of what can be asked of a service.

    Args:
        transport: to it.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport


def error_of(response: httpx.Response) -> ServiceError:
    """The error that an answer means."""
    try:
        plain = response.json()
    except ValueError:
        plain = {}
    wait = response.headers.get("retry-after", "")
    return ServiceError(
        str(plain.get("detail") or f"the service answered {response.status_code}"),
        status=response.status_code,
        field=str(plain.get("field") or ""),
        hint=str(plain.get("hint") or ""),
        code=str(plain.get("code") or "service"),
        retry_after_s=float(wait) if wait.isdecimal() else None,
    )


def wait_s(error: ServiceError, otherwise_s: float) -> float:
    """How long to wait before asking again: as long as the answer said, if that is not too long."""
    return min(error.retry_after_s or otherwise_s, _LONGEST_WAIT_S)


def _unreachable(error: httpx.TransportError) -> ServiceError:
    return ServiceError(
        f"the service cannot be reached ({error})",
        hint="Check its address, and that it runs.",
        code="unreachable",
    )
