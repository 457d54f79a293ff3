"""Spectrograms of songs and results, also for who came by a link."""

from __future__ import annotations

import gzip
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mastering.measure.spectrogram import CEILING_DB, FLOOR_DB, MOST_COLUMNS, Spectrogram
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.documents import API
from mastering.service.house import House
from mastering.service.rooms import Audible
from mastering.service.routes.jobs import JobPath
from mastering.service.routes.media import audible_result, audible_song
from mastering.service.routes.results import ResultName
from mastering.service.routes.shares import Visiting
from mastering.service.routes.songs import SongPath

__all__ = ["router"]

Columns: TypeAlias = Annotated[
    int,
    Query(ge=1, le=MOST_COLUMNS, description="Most columns; there are no more than music for them."),
]


def _header(kind: str, description: str) -> dict[str, Any]:
    return {"schema": {"type": kind}, "description": description}


_TAGS = {
    "ETag": _header("string", "Changes with the file and the number of columns."),
    "Vary": _header("string", "Accept-Encoding: the answer is packed with gzip where that is accepted."),
}
_LEVELS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Levels of a byte each, row by row, the highest frequency first; in a row from the "
        "music's beginning to its end. 0 is the floor and below, 255 the ceiling and above, even steps in dB "
        "between. 0 dB is a sine at full scale; levels rise by 3 dB per octave around 1 kHz, so that pink "
        "noise is even from top to bottom. A column is the maximum of what lies in it.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            **_TAGS,
            "Tonmeister-Columns": _header("integer", "Bytes of a row; they share the duration evenly."),
            "Tonmeister-Rows": _header("integer", "Even on a logarithmic scale of frequency."),
            "Tonmeister-Lowest-Hz": _header("number", "Lower edge of the last row, in Hz."),
            "Tonmeister-Highest-Hz": _header("number", "Upper edge of the first row, in Hz."),
            "Tonmeister-Floor-Db": _header("number", "Of level 0, in dB."),
            "Tonmeister-Ceiling-Db": _header("number", "Of level 255, in dB."),
            "Tonmeister-Duration-S": _header("number", "Of the file, in seconds."),
        },
    },
    304: {"description": "It has not changed.", "headers": _TAGS},
}

router = APIRouter(prefix=API, tags=["listening"])
_SONG, _RESULT = "/songs/{song}/spectrogram", "/jobs/{job}/results/{name}/spectrogram"
_ANSWERS: dict[int | str, dict[str, Any]] = {**_LEVELS, **problems(404)}


@router.get(_SONG, response_class=Response, responses=_ANSWERS)
async def song_spectrogram(
    house: TheHouse, caller: Asking, request: Request, song: SongPath, columns: Columns = 2_048
) -> Response:
    """The song's levels over time and frequency."""
    return await _answer(house, request, await run_in_threadpool(audible_song, house, caller, song), columns)


@router.get(_RESULT, response_class=Response, responses=_ANSWERS)
async def result_spectrogram(
    house: TheHouse,
    caller: Asking,
    request: Request,
    job: JobPath,
    name: ResultName,
    columns: Columns = 2_048,
) -> Response:
    """A result's levels over time and frequency."""
    audible = await run_in_threadpool(audible_result, house, caller, job, name)
    return await _answer(house, request, audible, columns)


@router.get(f"/shared/{{token}}{_SONG}", response_class=Response, responses=_ANSWERS, tags=["sharing"])
async def shared_song_spectrogram(
    house: TheHouse, guest: Visiting, request: Request, song: SongPath, columns: Columns = 2_048
) -> Response:
    """A song's levels over time and frequency."""
    guest.check_song(song)
    return await song_spectrogram(house, guest.host, request, song, columns)


@router.get(f"/shared/{{token}}{_RESULT}", response_class=Response, responses=_ANSWERS, tags=["sharing"])
async def shared_result_spectrogram(
    house: TheHouse,
    guest: Visiting,
    request: Request,
    job: JobPath,
    name: ResultName,
    columns: Columns = 2_048,
) -> Response:
    """A result's levels over time and frequency."""
    guest.check_job(job)
    return await result_spectrogram(house, guest.host, request, job, name, columns)


async def _answer(house: House, request: Request, audible: Audible, columns: int) -> Response:
    tag = f'"{audible.tag}-spectrogram-{columns}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    found = await house.rooms.spectrogram(audible, columns)
    content = found.levels.tobytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = await run_in_threadpool(gzip.compress, content, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers={**headers, **_described(found)}, media_type="application/octet-stream")


def _described(found: Spectrogram) -> dict[str, str]:
    rows, columns = found.levels.shape
    return {
        "Tonmeister-Columns": str(columns),
        "Tonmeister-Rows": str(rows),
        "Tonmeister-Lowest-Hz": f"{found.lowest_hz:g}",
        "Tonmeister-Highest-Hz": f"{found.highest_hz:g}",
        "Tonmeister-Floor-Db": f"{FLOOR_DB:g}",
        "Tonmeister-Ceiling-Db": f"{CEILING_DB:g}",
        "Tonmeister-Duration-S": f"{found.duration_s:.6f}",
    }
