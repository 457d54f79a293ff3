"""Health, readiness, metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from mastering.service.access import TheHouse, caller_of, problems
from mastering.service.answers import Health, Readiness
from mastering.service.problems import Problem

__all__ = ["router"]

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_LOOPBACK = ("127.", "::1")

router = APIRouter(tags=["operation"])


@router.get("/healthz", response_model=Health, responses=problems())
async def health() -> Any:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={**problems(), 503: {"model": Readiness, "description": "Something does not do its part."}},
)
def ready(house: TheHouse) -> Response:
    """Whether everything does its part: records, database of jobs, disk, and not ending."""
    parts = house.readiness()
    good = all(part == "ok" for part in parts.values())
    return JSONResponse({"status": "ok" if good else "not ready", "parts": parts}, 200 if good else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(),
    },
)
async def metrics(
    house: TheHouse, request: Request, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """What a monitor reads; from this machine, or with an admin's key."""
    address = request.client.host if request.client is not None else ""
    near = address.startswith(_LOOPBACK) and not house.settings.public_urls  # a proxy is near, too
    if not near and not (await caller_of(house, request, authorization)).is_admin:
        raise Problem(403, "admin_needed", "this needs a key of the role admin", hint="Use another key.")
    text = await run_in_threadpool(
        lambda: house.metrics.text(house.retention.held_bytes(), house.settings.data)
    )
    return Response(text, media_type=_METRICS)
