"""Events: jobs as they change, as a stream that can be resumed by the number of the last one heard of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from mastering.jobs.model import ENDED
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.documents import API
from mastering.service.examples.requests import LAST_EVENT
from mastering.service.house import House
from mastering.service.keys import Caller
from mastering.service.routes.jobs import JobPath

__all__ = ["router"]

_PING_S = 15.0
_RETRY_MS = 2_000
_LARGEST = 2**62
_HEAVY = ("results", "checks", "summary", "notices")
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`event: job`, whose data is a Job; its results come with its end. It begins with an "
        "`id` of its own, so that a stream which breaks before its first event is taken up where it began.",
        "content": {"text/event-stream": {"schema": {}}},
    }
}

LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=20, openapi_examples=LAST_EVENT)]

router = APIRouter(prefix=API, tags=["events"])


@router.get("/jobs/{job}/events", response_class=StreamingResponse, responses={**_STREAM, **problems(404)})
async def job_events(
    house: TheHouse, caller: Asking, job: JobPath, last_event_id: LastId = None
) -> StreamingResponse:
    """One job as it is now and whenever it changes; the stream ends with the job."""
    row = await run_in_threadpool(house.work.row, caller, job)
    known: int = row["seq"]
    if row["state"] in ENDED:  # nothing comes after the end: whoever asks then hears it again
        known -= 1
    return _stream(house, caller, min(_number(last_event_id), known), owner=row["owner"], job=job)


@router.get("/events", response_class=StreamingResponse, responses={**_STREAM, **problems()})
async def events(house: TheHouse, caller: Asking, last_event_id: LastId = None) -> StreamingResponse:
    """All your jobs whenever they change."""
    start = await run_in_threadpool(house.feed.last)
    if last_event_id is not None:  # of another service's data it may be beyond ours
        start = min(_number(last_event_id), start)
    return _stream(house, caller, start, owner=None if caller.is_admin else caller.owner)


def _stream(
    house: House, caller: Caller, seq: int, *, owner: str | None, job: str | None = None
) -> StreamingResponse:
    lines = _lines(house, house.feed.listen(caller.owner, owner, job), seq, owner=owner, job=job)
    return StreamingResponse(
        lines,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(
    house: House, changed: asyncio.Event, seq: int, *, owner: str | None, job: str | None
) -> AsyncIterator[str]:
    try:
        yield f"retry: {_RETRY_MS}\nid: {seq}\n\n"  # a stream that breaks before its first event goes on here
        while not house.stopping.is_set():
            changed.clear()
            for number, document in await run_in_threadpool(house.feed.since, seq, owner=owner, job=job):
                seq = number
                yield f"id: {number}\nevent: job\ndata: {_light(document)}\n\n"
                if job is not None and document["state"] in ENDED:
                    return
            try:
                async with asyncio.timeout(_PING_S):
                    await changed.wait()
            except TimeoutError:
                yield ": ping\n\n"
    finally:
        house.feed.leave(changed)


def _light(document: dict[str, Any]) -> str:
    if document["state"] not in ENDED:
        document = {name: value for name, value in document.items() if name not in _HEAVY}
    return json.dumps(document, ensure_ascii=False)


def _number(text: str | None) -> int:
    """The number of a client's last event; nonsense counts as none."""
    return min(int(text), _LARGEST) if text is not None and text.isascii() and text.isdecimal() else 0
