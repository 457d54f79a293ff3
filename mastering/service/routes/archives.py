"""All files of a job in one download."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mastering.naming import file_names
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.archive import ARCHIVE, Archive, Entry, archive_answer
from mastering.service.documents import API
from mastering.service.house import House
from mastering.service.keys import Caller
from mastering.service.problems import Problem
from mastering.service.routes.jobs import JobPath
from mastering.service.routes.results import song_name
from mastering.service.routes.shares import Visiting

__all__ = ["router"]

Roles: TypeAlias = Annotated[
    list[Literal["master", "stem", "mix", "report", "recipe"]] | None,
    Query(max_length=5, description="Only files of these roles; without it all.", examples=[["master"]]),
]

_MORE = {"stems": " stems", "remix": " remix"}

router = APIRouter(prefix=API, tags=["results"])


@router.head("/jobs/{job}/archive.zip", include_in_schema=False)
@router.get("/jobs/{job}/archive.zip", response_class=Response, responses={**ARCHIVE, **problems(404, 416)})
def archive(house: TheHouse, caller: Asking, request: Request, job: JobPath, role: Roles = None) -> Response:
    """A job's files as one zip, under their songs' names; of a batch those of all its songs."""
    return _answer(house, caller, request, job, role)


@router.head("/shared/{token}/jobs/{job}/archive.zip", include_in_schema=False)
@router.get(
    "/shared/{token}/jobs/{job}/archive.zip",
    response_class=Response,
    responses={**ARCHIVE, **problems(404, 416)},
    tags=["sharing"],
)
def shared_archive(
    house: TheHouse, guest: Visiting, request: Request, job: JobPath, role: Roles = None
) -> Response:
    """The job's files as one zip."""
    guest.check_job(job)
    return _answer(house, guest.host, request, job, role)


def _answer(
    house: House, caller: Caller, request: Request, job: str, roles: Sequence[str] | None
) -> Response:
    document = house.work.get(caller, job)
    found = list(_results(house, caller, document, roles))
    if not found:
        raise Problem(
            404, "result_unknown", "the job has no such files, or not yet", hint="Wait until it is done."
        )
    songs = {song: song_name(house, caller, song) for song in document["songs"]}
    titles = [songs.get(known["song"] or document["songs"][0], "") for _, known in found]
    names = file_names(zip(titles, (known["name"] for _, known in found), strict=True))
    entries = [
        Entry(path=house.work.folder / owner / known["name"], name=name, sha256=known["sha256"])
        for (owner, known), name in zip(found, names, strict=True)
    ]
    name = _archive_name(document, list(songs.values()))
    return archive_answer(request, Archive(entries, house.checksums), name)


def _results(
    house: House, caller: Caller, document: dict[str, Any], roles: Sequence[str] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results, each with the job in whose folder it is."""
    for job in document["jobs"] or [document["id"]]:
        try:
            results = house.work.get(caller, job)["results"]
        except Problem:  # one of a batch may be forgotten alone
            continue
        yield from ((job, known) for known in results if not roles or known["role"] in roles)


def _archive_name(document: dict[str, Any], songs: Sequence[str]) -> str:
    title = songs[0].rpartition(".")[0] or songs[0] or document["kind"]
    more = f" and {len(songs) - 1} more" if len(songs) > 1 else _MORE.get(document["kind"], "")
    (name,) = file_names([("", f"{title}{more}.zip")])
    return name
