"""Recipes: validate, compare, adjust; and previews of what they do."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mastering.codec import to_plain
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.answers import DiffAnswer, RecipeAnswer, RecipeOnly
from mastering.service.documents import API
from mastering.service.examples.requests import ADJUST, DIFF, PREVIEWS, VALIDATE
from mastering.service.house import House
from mastering.service.keys import Caller
from mastering.service.models import AdjustBody, DiffBody, PreviewBody, RecipeBody
from mastering.service.problems import Problem
from mastering.service.recipes import changes, recipe_of, sentences
from mastering.service.routes.media import audible
from mastering.service.routes.results import recipe_of_job
from mastering.service.songs import Song
from mastering.target import Recipe

__all__ = ["router"]

_WAV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "32-bit float wav.",
        "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "Tonmeister-Integrated-Lufs": {"schema": {"type": "string"}, "description": "Empty for silence."},
            "Tonmeister-True-Peak-Dbtp": {"schema": {"type": "string"}, "description": "Empty for silence."},
            "Server-Timing": {"schema": {"type": "string"}},
        },
    }
}

router = APIRouter(prefix=API, tags=["recipes"])


@router.post("/recipes/validate", response_model=RecipeAnswer, responses=problems())
def validate(_caller: Asking, body: Annotated[RecipeBody, Body(openapi_examples=VALIDATE)]) -> Any:
    """A recipe as this version writes it, and what it does in sentences."""
    recipe = recipe_of(body.recipe)
    return {"recipe": to_plain(recipe), "sentences": sentences(recipe)}


@router.post("/recipes/diff", response_model=DiffAnswer, responses=problems())
def diff(_caller: Asking, body: Annotated[DiffBody, Body(openapi_examples=DIFF)]) -> Any:
    """What differs between two recipes, value by value."""
    return {"changes": changes(recipe_of(body.a), recipe_of(body.b))}


@router.post("/recipes/adjust", response_model=RecipeOnly, responses=problems(404, 409))
async def adjust(
    house: TheHouse, caller: Asking, body: Annotated[AdjustBody, Body(openapi_examples=ADJUST)]
) -> Any:
    """The recipe that an adjustment gives: what `previews` plays, and what kind `apply` renders."""
    recipe, _ = await _adjusted(house, caller, body)
    return {"recipe": to_plain(recipe)}


@router.post("/previews", response_class=Response, responses={**_WAV, **problems(404, 409)})
async def preview(
    house: TheHouse, caller: Asking, body: Annotated[PreviewBody, Body(openapi_examples=PREVIEWS)]
) -> Response:
    """A stretch of a song as a recipe masters it; without dither and encoding."""
    start_s = time.perf_counter()
    recipe, song = await _adjusted(house, caller, body)
    if song is None:
        raise Problem(422, "song_needed", "a preview needs a song", hint="Name it.", field="song")
    house.plugins.check(recipe)
    if body.start_s >= song.duration_s:
        raise Problem(
            422,
            "start_s",
            f"the song ends at {song.duration_s:.3f} s",
            hint="Start before its end.",
            field="start_s",
        )
    found = await house.rooms.preview(
        audible(house, song),
        recipe,
        house.plugins.policy(),
        start_s=body.start_s,
        duration_s=body.duration_s,
    )
    took_ms = 1_000.0 * (time.perf_counter() - start_s)
    return Response(
        found["wav"],
        media_type="audio/wav",
        headers={
            "Tonmeister-Integrated-Lufs": _number(found["integrated_lufs"]),
            "Tonmeister-True-Peak-Dbtp": _number(found["true_peak_dbtp"]),
            "Server-Timing": f"render;dur={took_ms:.1f}",
        },
    )


async def _adjusted(
    house: House, caller: Caller, body: AdjustBody | PreviewBody
) -> tuple[Recipe, Song | None]:
    """The recipe that a body means, adjusted, and the song."""
    if (body.recipe is None) == (body.job is None):
        raise Problem(
            422, "recipe_or_job", "give either a recipe or a job", hint="One of both.", field="recipe"
        )
    song_id = body.song
    if body.job is not None:
        plain = await run_in_threadpool(recipe_of_job, house, caller, body.job, body.song)
        document = await run_in_threadpool(house.work.get, caller, body.job)
        song_id = song_id or document["songs"][0]
    else:
        plain = body.recipe or {}
    recipe = recipe_of(plain)
    house.plugins.check(recipe if body.adjust.inserts is None else _without_plugins(recipe))
    song = await run_in_threadpool(house.songs.get, caller, song_id) if song_id is not None else None
    heard = audible(house, song) if song is not None else None
    return await house.rooms.adjusted(heard, recipe, body.adjust, house.plugins.policy()), song


def _without_plugins(recipe: Recipe) -> Recipe:
    """A recipe whose plug-ins are about to be replaced: only those of its stems are left to be checked."""
    return replace(recipe, chain=replace(recipe.chain, steps=()))


def _number(value: float) -> str:
    return f"{value:.3f}" if value > float("-inf") else ""
