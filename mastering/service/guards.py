"""What every request passes, before anything looks at it, and what every answer carries.

Host: only names of the service, against DNS rebinding. Origin and Sec-Fetch-Site: only the service's own
page may change anything from within a browser. Nothing is ever shared with other origins.
"""

from __future__ import annotations

import logging
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mastering.service.ops import Metrics
from mastering.service.problems import Problem, answer
from mastering.service.settings import Settings

__all__ = ["POLICY", "Guards"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but the service's own files; reports, which are whole pages, bring a policy of their own."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Content-Security-Policy": POLICY,
}
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_SAFE = ("GET", "HEAD", "OPTIONS")
_LONGEST_PATH = 2_000
_ANY_HOST = ("/healthz", "/readyz")
"""What monitors ask by address; it tells nothing that anybody could use."""

_MOST_BODY_BYTES = 8 * 2**20
_STREAMED = "/api/v1/uploads"
"""Bodies below here are not held in memory, and have limits of their own."""

_log = logging.getLogger("tonmeister.requests")


class Guards:
    """Middleware.

    Args:
        app: behind it.
        settings: the service's names.
        metrics: counts answers.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings, self._metrics = settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, start_s = secrets.token_hex(8), time.monotonic()
        status = 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status, time.monotonic() - start_s)
                self._dress(MutableHeaders(scope=message), scope, request_id)
            await send(message)

        scope.setdefault("state", {})["request_id"] = request_id
        problem = self._refusal(scope, Headers(scope=scope))
        if not scope["path"].startswith(_STREAMED):
            receive = _limited(receive)
        await (answer(problem) if problem is not None else self._app)(scope, receive, guarded)
        if status == 0:
            self._count(scope, 499, time.monotonic() - start_s)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered(method, route, status, seconds)
        if status >= 500:
            extra = {"request": scope["state"]["request_id"], "status": status}
            _log.warning("%s %s", scope["method"], route, extra=extra)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        hosts = headers.getlist("host")
        if scope["path"] in _ANY_HOST:
            return None
        if len(hosts) != 1 or hosts[0].lower() not in self._settings.hosts:
            return Problem(
                421,
                "host_not_allowed",
                "this service does not go by that name",
                hint="Use its own address; whoever runs it sets `public_urls`.",
            )
        if len(scope.get("raw_path") or b"") > _LONGEST_PATH:
            return Problem(400, "path_too_long", "the path is too long")
        length = headers.get("content-length", "")
        held = not scope["path"].startswith(_STREAMED)
        if held and length.isdecimal() and int(length[:19]) > _MOST_BODY_BYTES:
            return Problem(
                413, "body_too_large", "the body is too large", hint="Songs go to /api/v1/uploads."
            )
        origin = headers.get("origin")
        foreign = origin is not None and origin.lower() not in self._settings.origins
        site = headers.get("sec-fetch-site", "none")
        navigation = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if (foreign and scope["method"] not in _SAFE) or (
            site in ("cross-site", "same-site") and not navigation
        ):
            return Problem(
                403,
                "origin_not_allowed",
                "another site's page may not use this service",
                hint="Use its own page.",
            )
        return None

    def _dress(self, headers: MutableHeaders, scope: Scope, request_id: str) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        if self._settings.is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if scope["path"].startswith("/api/"):
            headers.setdefault("Cache-Control", "no-store")
        headers["X-Request-Id"] = request_id


def _limited(receive: Receive) -> Receive:
    """A body that says nothing of its length is cut off where it gets too long."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > _MOST_BODY_BYTES:
            raise Problem(413, "body_too_large", "the body is too large")
        return message

    return limited
