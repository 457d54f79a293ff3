"""What jobs have written: files, reports, recipes."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import HTMLResponse, Response

from mastering.naming import file_names
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.documents import API
from mastering.service.files import FILE, file_answer
from mastering.service.house import House
from mastering.service.keys import Caller
from mastering.service.problems import Problem
from mastering.service.routes.jobs import JobPath

__all__ = ["ResultName", "recipe_of_job", "router", "song_name"]

ResultName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}$")]

_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)

router = APIRouter(prefix=f"{API}/jobs/{{job}}", tags=["results"])


@router.head("/results/{name}", include_in_schema=False)
@router.get("/results/{name}", response_class=Response, responses={**FILE, **problems(404, 416)})
def result(
    house: TheHouse, caller: Asking, job: JobPath, name: ResultName, inline: Annotated[bool, Query()] = False
) -> Response:
    """A file that the job has written."""
    return result_answer(house, caller, job, name, inline=inline)


def result_answer(house: House, caller: Caller, job: str, name: str, *, inline: bool) -> Response:
    """The file of a job."""
    path, known = house.work.result(caller, job, name)
    if known["role"] == "report":
        return _page(path, known, shown_name(house, caller, job, known), inline=inline)
    return file_answer(
        path,
        known["sha256"],
        name=shown_name(house, caller, job, known),
        inline=inline,
        media_type=known["media_type"],
    )


def shown_name(house: House, caller: Caller, job: str, known: dict[str, Any]) -> str:
    """What a file is called on the disk of whoever saves it: by the song's name."""
    song = known.get("song") or next(iter(house.work.get(caller, job)["songs"]), None)
    title = song_name(house, caller, song) if song is not None else ""
    (name,) = file_names([(title, known["name"])])
    return name


def song_name(house: House, caller: Caller, song: str) -> str:
    """What a song's file is called; "" where the song is gone."""
    try:
        return house.songs.get(caller, song).name
    except Problem:
        return ""


@router.get("/report", responses=problems(404))
def report(house: TheHouse, caller: Asking, job: JobPath) -> dict[str, Any]:
    """What was measured and done, as the command line's --json."""
    row = house.work.row(caller, job)
    if not row["outcome"]:
        raise _none("report")
    document: dict[str, Any] = json.loads(row["outcome"])
    return document


@router.get("/report.html", response_class=HTMLResponse, responses=problems(404))
def report_page(house: TheHouse, caller: Asking, job: JobPath) -> Response:
    """The report as a page."""
    path, known = house.work.result(caller, job, _first(house, caller, job, "report"))
    return _page(path, known, "report.html", inline=True)


@router.get("/recipe", responses=problems(404))
def recipe(house: TheHouse, caller: Asking, job: JobPath) -> dict[str, Any]:
    """The recipe that repeats the job."""
    return recipe_of_job(house, caller, job)


def recipe_of_job(house: House, caller: Caller, job: str, song: str | None = None) -> dict[str, Any]:
    """The recipe of a job; of an album that of one song.

    Raises:
        Problem: there is none, or not one only: a batch has one for each of its jobs.
    """
    if house.work.row(caller, job)["kind"] == "batch":
        raise Problem(
            422,
            "batch_is_several",
            "a batch is several; name one of its jobs",
            hint="Its document lists them as `jobs`.",
            field="job",
        )
    return house.work.recipe(caller, job, song)


def _first(house: House, caller: Caller, job: str, role: str) -> str:
    for known in house.work.get(caller, job)["results"]:
        if known["role"] == role:
            return str(known["name"])
    raise _none(role)


def _page(path: FilePath, known: dict[str, Any], name: str, *, inline: bool) -> Response:
    """A report: a whole page with styles of its own, which nothing else of the service may touch."""
    response = file_answer(path, known["sha256"], name=name, inline=inline, media_type=known["media_type"])
    response.headers["Content-Security-Policy"] = _REPORT_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _none(what: str) -> Problem:
    return Problem(404, "result_unknown", f"the job has no {what}, or not yet", hint="Wait until it is done.")
