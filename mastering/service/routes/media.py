"""What is heard and seen of songs and results: copies for browsers, peaks, analyses, curves."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mastering.service.access import Asking, TheHouse, problems
from mastering.service.answers import Analysis, GainReduction, Peaks
from mastering.service.documents import API
from mastering.service.files import FILE, file_answer
from mastering.service.house import House
from mastering.service.keys import Caller
from mastering.service.recipes import recipe_of
from mastering.service.rooms import Audible
from mastering.service.routes.jobs import JobPath
from mastering.service.routes.results import ResultName, recipe_of_job
from mastering.service.routes.songs import SongPath
from mastering.service.songs import Song

__all__ = ["router"]

Points = Annotated[int, Query(ge=1, le=50_000, description="Steps of each channel.")]

router = APIRouter(prefix=API, tags=["listening"])


@router.get("/songs/{song}/listen", response_class=Response, responses={**FILE, **problems(404, 416)})
async def song_listen(house: TheHouse, caller: Asking, song: SongPath) -> Response:
    """The song as a wav that any browser plays."""
    return await listen_answer(house, await run_in_threadpool(audible_song, house, caller, song))


@router.get("/songs/{song}/peaks", response_model=Peaks, responses=problems(404))
async def song_peaks(house: TheHouse, caller: Asking, song: SongPath, points: Points = 2_000) -> Any:
    """The song's waveform."""
    return await house.rooms.peaks(await run_in_threadpool(audible_song, house, caller, song), points)


@router.get("/songs/{song}/analysis", response_model=Analysis, responses=problems(404))
async def song_analysis(house: TheHouse, caller: Asking, song: SongPath) -> Any:
    """The song's measurements."""
    return await analyse_song(house, caller, song)


@router.get(
    "/jobs/{job}/results/{name}/listen", response_class=Response, responses={**FILE, **problems(404, 416)}
)
async def result_listen(house: TheHouse, caller: Asking, job: JobPath, name: ResultName) -> Response:
    """A result as a wav that any browser plays."""
    return await listen_answer(house, await run_in_threadpool(audible_result, house, caller, job, name))


@router.get("/jobs/{job}/results/{name}/peaks", response_model=Peaks, responses=problems(404))
async def result_peaks(
    house: TheHouse, caller: Asking, job: JobPath, name: ResultName, points: Points = 2_000
) -> Any:
    """A result's waveform."""
    return await house.rooms.peaks(await run_in_threadpool(audible_result, house, caller, job, name), points)


@router.get("/jobs/{job}/results/{name}/analysis", response_model=Analysis, responses=problems(404))
async def result_analysis(house: TheHouse, caller: Asking, job: JobPath, name: ResultName) -> Any:
    """A result's measurements."""
    return await house.rooms.analysis(await run_in_threadpool(audible_result, house, caller, job, name))


@router.get("/jobs/{job}/gain-reduction", response_model=GainReduction, responses=problems(404, 409))
async def gain_reduction(
    house: TheHouse, caller: Asking, job: JobPath, song: Annotated[str | None, Query(max_length=24)] = None
) -> Any:
    """What limiter and compressors do over time."""
    return await reduction_answer(house, caller, job, song)


async def listen_answer(house: House, audible: Audible) -> Response:
    """A playable copy."""
    path = await house.rooms.listen(audible)
    return file_answer(path, f"{audible.tag}-listen", name="listen.wav", inline=True, media_type="audio/wav")


async def analyse_song(house: House, caller: Caller, song: str) -> dict[str, Any]:
    """A song's measurements; its loudness is noted in its record."""
    known = await run_in_threadpool(house.songs.get, caller, song)
    found = await house.rooms.analysis(await run_in_threadpool(audible_song, house, caller, song))
    if known.integrated_lufs != found["integrated_lufs"]:
        await run_in_threadpool(house.songs.measured, song, found["integrated_lufs"], found["true_peak_dbtp"])
    return found


async def reduction_answer(house: House, caller: Caller, job: str, song: str | None) -> dict[str, Any]:
    """Curves of gain reduction of a job's song."""
    recipe = recipe_of(await run_in_threadpool(recipe_of_job, house, caller, job, song))
    document = await run_in_threadpool(house.work.get, caller, job)
    heard = await run_in_threadpool(audible_song, house, caller, song or document["songs"][0])
    return await house.rooms.gain_reduction(heard, recipe, house.plugins.policy(), folder=job)


def audible_song(house: House, caller: Caller, song: str) -> Audible:
    """A song, to be heard."""
    return audible(house, house.songs.get(caller, song))


def audible(house: House, song: Song) -> Audible:
    """A known song, to be heard."""
    return Audible(
        path=house.songs.path(song),
        folder=song.id,
        name="song",
        tag=song.sha256,
        float_bytes=_float_bytes(song.duration_s, song.sample_rate_hz, song.channels),
    )


def audible_result(house: House, caller: Caller, job: str, name: str) -> Audible:
    """A result, to be heard."""
    path, known = house.work.result(caller, job, name)
    return Audible(
        path=path,
        folder=path.parent.name,
        name=name,
        tag=known["sha256"],
        float_bytes=_float_bytes(known.get("duration_s") or 0.0, known.get("sample_rate_hz") or 0, 2),
    )


def _float_bytes(duration_s: float, sample_rate_hz: int, channels: int) -> int:
    """Size of music in 32-bit float."""
    return 4 * channels * math.ceil(duration_s * sample_rate_hz)
