"""The page: files of the wheel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from mastering.service.page import DIGEST, Asset, find_asset, index_html
from mastering.service.problems import Problem

__all__ = ["router"]

_FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)

Accepted = Annotated[str, Header(alias="Accept-Encoding")]
Known = Annotated[str, Header(alias="If-None-Match")]


@router.api_route("/", methods=["GET", "HEAD"])
@router.api_route("/s/{token}", methods=["GET", "HEAD"])
def index(accepted: Accepted = "", known: Known = "") -> Response:
    """The page; what a link shows is the page, too."""
    return _answer(index_html(), accepted, known, cache="no-cache")


@router.api_route(f"/assets/{DIGEST}/{{name:path}}", methods=["GET", "HEAD"])
def asset(name: str, accepted: Accepted = "", known: Known = "") -> Response:
    """A file of the page; its address changes with the page."""
    found = find_asset(name)
    if found is None:
        raise Problem(404, "not_found", "there is nothing here")
    return _answer(found, accepted, known, cache=_FOREVER)


def _answer(asset: Asset, accepted: str, known: str, *, cache: str) -> Response:
    headers = {"Cache-Control": cache, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    if asset.etag in known:
        return Response(status_code=304, headers=headers)
    if asset.gzip is not None and "gzip" in accepted:
        return Response(
            asset.gzip, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(asset.content, media_type=asset.media_type, headers=headers)
