"""Jobs: ask for work, look at it, cancel it, try it again, forget it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Response

from mastering.service.access import Asking, Cursor, Limit, TheHouse, cursor_after, problems, read_cursor
from mastering.service.answers import Job, JobPage
from mastering.service.documents import API
from mastering.service.examples.requests import JOBS
from mastering.service.models import JobBody

__all__ = ["JobPath", "router"]

JobPath = Annotated[str, Path(pattern="^[0-9a-f]{24}$")]

router = APIRouter(prefix=f"{API}/jobs", tags=["jobs"])


@router.post(
    "",
    response_model=Job,
    status_code=201,
    responses={
        200: {"model": Job, "description": "This work is known already."},
        **problems(404, 409, 507),
    },
)
def submit(
    house: TheHouse,
    caller: Asking,
    response: Response,
    body: Annotated[JobBody, Body(openapi_examples=JOBS)],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Any:
    """Ask for work. The same work, or the same Idempotency-Key, gives the same job."""
    job, new = house.work.submit(caller, body, idempotency_key)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{API}/jobs/{job['id']}"
    return job


@router.get("", response_model=JobPage)
def jobs(
    house: TheHouse,
    caller: Asking,
    state: Annotated[
        list[Literal["queued", "running", "done", "failed", "cancelled"]] | None, Query(max_length=5)
    ] = None,
    kind: Annotated[
        list[Literal["master", "album", "batch", "apply", "stems", "remix"]] | None, Query(max_length=6)
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Your jobs, the newest first."""
    found = house.work.page(
        caller, states=state or (), kinds=kind or (), before=read_cursor(cursor), limit=limit
    )
    full = len(found) == limit
    return {
        "items": [job for _, job in found],
        "next_cursor": cursor_after(found[-1][0], found[-1][1]["id"]) if full else None,
    }


@router.get("/{job}", response_model=Job, responses=problems(404))
async def job(house: TheHouse, caller: Asking, job: JobPath) -> Any:
    """One job."""
    return house.work.get(caller, job)


@router.post("/{job}/cancel", response_model=Job, responses=problems(404))
def cancel(house: TheHouse, caller: Asking, job: JobPath) -> Any:
    """End a job; what it has written so far is removed."""
    return house.work.cancel(caller, job)


@router.post("/{job}/retry", response_model=Job, responses=problems(404, 409))
def retry(house: TheHouse, caller: Asking, job: JobPath) -> Any:
    """Try a job again that failed or was cancelled."""
    return house.work.retry(caller, job)


@router.delete("/{job}", status_code=204, responses=problems(404, 409))
def remove(house: TheHouse, caller: Asking, job: JobPath) -> Response:
    """Forget a job that has ended, with its files."""
    house.work.remove(caller, job)
    return Response(status_code=204)
