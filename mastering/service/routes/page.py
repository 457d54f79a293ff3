"""The page: its document and its files, from memory, so that no thread has to fetch them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from mastering.service.guards import POLICY
from mastering.service.problems import Problem

if TYPE_CHECKING:
    from mastering.service.page import Asset

__all__ = ["PAGE_POLICY", "router"]

_FOREVER = "public, max-age=31536000, immutable"

_WAVESURFER_STYLE = "'sha256-gXnHDepVZ6KF6fKGOD+GVc9BynM50JQqht95p3HpemI='"
"""Of the one style sheet that wavesurfer.js writes into its shadow root; tests compare it with the file."""

PAGE_POLICY = POLICY.replace("style-src 'self'", f"style-src 'self' {_WAVESURFER_STYLE}")
"""What the page itself may do: what every answer allows, and that style."""

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """The page."""
    return _document(request, "js/main.js")


@router.api_route("/s/{token}", methods=["GET", "HEAD"])
async def shared(request: Request) -> Response:
    """The page that a link shows: the same, with other modules at once."""
    return _document(request, "js/shared.js")


@router.api_route("/assets/{digest}/{name:path}", methods=["GET", "HEAD"])
async def asset(request: Request, digest: str, name: str) -> Response:
    """A file of the page; its address changes with the page."""
    from mastering.service import page

    found = page.find_asset(name) if digest == page.DIGEST else None
    if found is None:
        raise Problem(404, "not_found", "there is nothing here", hint="Load the page again.")
    return _answer(request, found, _FOREVER)


def _document(request: Request, first: str) -> Response:
    from mastering.service import page

    answer = _answer(request, page.index_html(first), "no-cache")
    answer.headers["Content-Security-Policy"] = PAGE_POLICY
    return answer


def _answer(request: Request, asset: Asset, cache: str) -> Response:
    headers = {"Cache-Control": cache, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    content = asset.content
    if asset.gzip is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = asset.gzip, {**headers, "Content-Encoding": "gzip"}
    return Response(content, headers={**headers, "Content-Type": asset.media_type})
