"""The page: files of the wheel."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from mastering.service.problems import Problem

__all__ = ["router"]

FOLDER = Path(__file__).resolve().parents[1] / "page"
_FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
@router.api_route("/s/{token}", methods=["GET", "HEAD"])
def index() -> Response:
    """The page; what a link shows is the page, too."""
    path = FOLDER / "index.html"
    if not path.is_file():
        raise Problem(
            503, "page_missing", "the page is not built", hint="Build it with tools/page, or install the wheel."
        )
    return FileResponse(path, headers={"Cache-Control": "no-cache"})


@router.api_route("/assets/{name:path}", methods=["GET", "HEAD"])
def asset(name: str) -> Response:
    """A file of the page; its name changes with its content."""
    folder = (FOLDER / "assets").resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise Problem(404, "not_found", "there is nothing here")
    return FileResponse(path, headers={"Cache-Control": _FOREVER})
