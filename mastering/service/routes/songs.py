"""Songs: list, look at, hear, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from mastering.service.access import Asking, Cursor, Limit, TheHouse, cursor_after, problems, read_cursor
from mastering.service.answers import Song, SongPage
from mastering.service.documents import API
from mastering.service.files import FILE, file_answer

__all__ = ["SongPath", "router"]

SongPath = Annotated[str, Path(pattern="^[0-9a-f]{24}$")]

router = APIRouter(prefix=f"{API}/songs", tags=["songs"])


@router.get("", response_model=SongPage)
def songs(house: TheHouse, caller: Asking, cursor: Cursor = None, limit: Limit = 50) -> Any:
    """Your songs, the newest first."""
    found = house.songs.page(caller, before=read_cursor(cursor), limit=limit)
    last = found[-1] if len(found) == limit else None
    return {
        "items": [song.document() for song in found],
        "next_cursor": None if last is None else cursor_after(last.uploaded_s, last.id),
    }


@router.get("/{song}", response_model=Song, responses=problems(404))
def song(house: TheHouse, caller: Asking, song: SongPath) -> Any:
    """One song."""
    return house.songs.get(caller, song).document()


@router.delete("/{song}", status_code=204, responses=problems(404, 409))
def remove(house: TheHouse, caller: Asking, song: SongPath) -> Response:
    """Delete a song that no running job needs."""
    house.songs.remove(house.songs.get(caller, song))
    return Response(status_code=204)


@router.head("/{song}/audio", include_in_schema=False)
@router.get("/{song}/audio", response_class=Response, responses={**FILE, **problems(404, 416)})
def audio(house: TheHouse, caller: Asking, song: SongPath) -> Response:
    """The file, as it was uploaded."""
    known = house.songs.get(caller, song)
    return file_answer(house.songs.path(known), known.sha256, name=known.name)
