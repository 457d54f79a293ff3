"""Shared links: made and ended by keys; what they show is read only, and needs none."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from mastering.service import documents
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.answers import About, Analysis, GainReduction, Job, Peaks, ShareAnswer, Song
from mastering.service.documents import API
from mastering.service.examples.requests import SHARE
from mastering.service.files import FILE
from mastering.service.models import ShareBody
from mastering.service.problems import Problem
from mastering.service.routes import media, results
from mastering.service.routes.about import describe_service
from mastering.service.routes.jobs import JobPath
from mastering.service.routes.media import Points
from mastering.service.routes.results import ResultName
from mastering.service.routes.songs import SongPath
from mastering.service.shares import Guest
from mastering.service.times import iso

__all__ = ["router"]

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,100}$")]

router = APIRouter(prefix=API, tags=["sharing"])


@router.post(
    "/shares",
    response_model=ShareAnswer,
    status_code=201,
    responses=problems(404),
)
def share(house: TheHouse, caller: Asking, body: Annotated[ShareBody, Body(openapi_examples=SHARE)]) -> Any:
    """Make a link that shows a job to whoever has it."""
    row = house.work.row(caller, body.job)
    if row["kind"] == "batch":
        raise Problem(
            422,
            "share_batch",
            "a link shows one job, and a batch is several",
            hint="Make a link for each of the batch's `jobs`.",
            field="job",
        )
    token, expires_s = house.shares.add(row["owner"], row["id"])
    return {"url": f"/s/{token}", "token": token, "expires_at": iso(expires_s)}


@router.delete("/shares/{token}", status_code=204, responses=problems(404))
def unshare(house: TheHouse, caller: Asking, token: Token) -> Response:
    """End a link."""
    house.shares.remove(caller, token)
    return Response(status_code=204)


async def _guest(house: TheHouse, request: Request, token: Token) -> Guest:
    address = request.client.host if request.client is not None else "?"
    house.requests.take(f"guest {address}")
    return house.shares.guest(token)


Visiting: TypeAlias = Annotated[Guest, Depends(_guest)]

_SHARED = "/shared/{token}"


@router.get(f"{_SHARED}/about", response_model=About, responses=problems(404))
def about(house: TheHouse, guest: Visiting) -> Any:
    """What the link shows."""
    return {**describe_service(house, "shared"), "job": guest.job}


@router.get(f"{_SHARED}/jobs/{{job}}", response_model=Job, responses=problems(404))
def job(house: TheHouse, guest: Visiting, token: Token, job: JobPath) -> Any:
    """The job."""
    guest.check_job(job)
    return documents.moved(house.work.get(guest.host, job), f"{API}/shared/{token}")


@router.get(f"{_SHARED}/jobs/{{job}}/report", responses=problems(404))
def report(house: TheHouse, guest: Visiting, job: JobPath) -> dict[str, Any]:
    """Its report."""
    guest.check_job(job)
    return results.report(house, guest.host, job)


@router.get(f"{_SHARED}/jobs/{{job}}/report.html", response_class=HTMLResponse, responses=problems(404))
def report_page(house: TheHouse, guest: Visiting, job: JobPath) -> Response:
    """Its report as a page."""
    guest.check_job(job)
    return results.report_page(house, guest.host, job)


@router.get(f"{_SHARED}/jobs/{{job}}/recipe", responses=problems(404))
def recipe(house: TheHouse, guest: Visiting, job: JobPath) -> dict[str, Any]:
    """Its recipe."""
    guest.check_job(job)
    return house.work.recipe(guest.host, job)


@router.get(
    f"{_SHARED}/jobs/{{job}}/gain-reduction", response_model=GainReduction, responses=problems(404, 409)
)
async def gain_reduction(
    house: TheHouse,
    guest: Visiting,
    job: JobPath,
    song: Annotated[str | None, Query(max_length=24)] = None,
) -> Any:
    """What its limiter and compressors do."""
    guest.check_job(job)
    if song is not None:
        guest.check_song(song)
    return await media.reduction_answer(house, guest.host, job, song)


@router.head(f"{_SHARED}/jobs/{{job}}/results/{{name}}", include_in_schema=False)
@router.get(
    f"{_SHARED}/jobs/{{job}}/results/{{name}}",
    response_class=Response,
    responses={**FILE, **problems(404, 416)},
)
def result(
    house: TheHouse, guest: Visiting, job: JobPath, name: ResultName, inline: Annotated[bool, Query()] = False
) -> Response:
    """A file of the job."""
    guest.check_job(job)
    return results.result_answer(house, guest.host, job, name, inline=inline)


@router.get(
    f"{_SHARED}/jobs/{{job}}/results/{{name}}/listen",
    response_class=Response,
    responses={**FILE, **problems(404, 416)},
)
async def result_listen(house: TheHouse, guest: Visiting, job: JobPath, name: ResultName) -> Response:
    """A result as a wav that any browser plays."""
    guest.check_job(job)
    audible = await run_in_threadpool(media.audible_result, house, guest.host, job, name)
    return await media.listen_answer(house, audible)


@router.get(f"{_SHARED}/jobs/{{job}}/results/{{name}}/peaks", response_model=Peaks, responses=problems(404))
async def result_peaks(
    house: TheHouse, guest: Visiting, job: JobPath, name: ResultName, points: Points = 2_000
) -> Any:
    """A result's waveform."""
    guest.check_job(job)
    return await house.rooms.peaks(
        await run_in_threadpool(media.audible_result, house, guest.host, job, name), points
    )


@router.get(
    f"{_SHARED}/jobs/{{job}}/results/{{name}}/analysis", response_model=Analysis, responses=problems(404)
)
async def result_analysis(house: TheHouse, guest: Visiting, job: JobPath, name: ResultName) -> Any:
    """A result's measurements."""
    guest.check_job(job)
    return await house.rooms.analysis(
        await run_in_threadpool(media.audible_result, house, guest.host, job, name)
    )


@router.get(f"{_SHARED}/songs/{{song}}", response_model=Song, responses=problems(404))
def song(house: TheHouse, guest: Visiting, song: SongPath) -> Any:
    """A song of the job."""
    guest.check_song(song)
    return house.songs.get(guest.host, song).document()


@router.get(
    f"{_SHARED}/songs/{{song}}/listen", response_class=Response, responses={**FILE, **problems(404, 416)}
)
async def song_listen(house: TheHouse, guest: Visiting, song: SongPath) -> Response:
    """A song of the job as a wav that any browser plays."""
    guest.check_song(song)
    audible = await run_in_threadpool(media.audible_song, house, guest.host, song)
    return await media.listen_answer(house, audible)


@router.get(f"{_SHARED}/songs/{{song}}/peaks", response_model=Peaks, responses=problems(404))
async def song_peaks(house: TheHouse, guest: Visiting, song: SongPath, points: Points = 2_000) -> Any:
    """A song's waveform."""
    guest.check_song(song)
    return await house.rooms.peaks(
        await run_in_threadpool(media.audible_song, house, guest.host, song), points
    )


@router.get(f"{_SHARED}/songs/{{song}}/analysis", response_model=Analysis, responses=problems(404))
async def song_analysis(house: TheHouse, guest: Visiting, song: SongPath) -> Any:
    """A song's measurements."""
    guest.check_song(song)
    return await media.analyse_song(house, guest.host, song)
