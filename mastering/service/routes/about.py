"""What the service is, sessions of browsers, and the presets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from mastering import library
from mastering.errors import ParameterError
from mastering.io.encoders import check_format, nearest_rate
from mastering.service.access import COOKIE, Asking, TheHouse, problems
from mastering.service.answers import About, Preset
from mastering.service.examples.requests import SESSION
from mastering.service.keys import SESSION_S
from mastering.service.models import SessionBody
from mastering.service.problems import Problem
from mastering.target import CONTAINERS

__all__ = ["PREVIEW_MAX_S", "router"]

PREVIEW_MAX_S = 30.0
_MB = 10**6

router = APIRouter(prefix="/api/v1", tags=["about"])


@router.get("/about", response_model=About)
def about(house: TheHouse, caller: Asking) -> Any:
    """What the service is, and what it allows whoever asks."""
    return describe_service(house, caller.role)


def describe_service(house: TheHouse, role: str) -> dict[str, Any]:
    """The answer of `about`."""
    from mastering.service.app import version

    settings = house.settings
    return {
        "version": version(),
        "api": "1",
        "role": role,
        "max_upload_bytes": settings.max_upload_mb * _MB,
        "max_duration_s": settings.max_duration_s,
        "max_songs": settings.max_songs,
        "formats": _formats(),
        "plugins_allowed": bool(house.plugins.policy().allowed),
        "stem_models": house.workshop.stem_models(),
        "preview_max_s": PREVIEW_MAX_S,
    }


@router.post("/session", status_code=204, responses=problems())
def open_session(
    house: TheHouse, request: Request, body: Annotated[SessionBody, Body(openapi_examples=SESSION)]
) -> Response:
    """Begin a session: a cookie in place of the key, which no script can read."""
    address = request.client.host if request.client is not None else "?"
    house.requests.take(address)
    caller = house.keys.caller_of_key(body.key)
    if caller is None:
        house.failures.take(address)
        raise Problem(401, "key_unknown", "this key is not known", field="key", hint="Check it.")
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        house.keys.open_session(caller),
        max_age=int(SESSION_S),
        path="/",
        secure=house.settings.is_https,
        httponly=True,
        samesite="strict",
    )
    return response


@router.delete("/session", status_code=204, responses=problems())
def close_session(house: TheHouse, request: Request) -> Response:
    """End the session."""
    if COOKIE in request.cookies:
        house.keys.close_session(request.cookies[COOKIE])
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", secure=house.settings.is_https, httponly=True, samesite="strict")
    return response


@router.get("/styles", response_model=list[Preset])
def styles(_caller: Asking) -> Any:
    """Styles, each with a sentence about what it does."""
    loaded = (library.load_style(e.name) for e in library.entries("styles") if not e.error)
    return [
        {
            "name": style.name,
            "title": style.title,
            "sentence": style.summary,
            "integrated_lufs": style.integrated_lufs,
            "ceiling_dbtp": style.ceiling_dbtp,
        }
        for style in loaded
    ]


@router.get("/targets", response_model=list[Preset])
def targets(_caller: Asking) -> Any:
    """Targets: where a master goes, and what is asked there."""
    loaded = (library.load_target(e.name) for e in library.entries("targets") if not e.error)
    return [
        {
            "name": target.name,
            "title": target.title,
            "sentence": target.summary,
            "integrated_lufs": target.delivery.integrated_lufs,
            "ceiling_dbtp": target.delivery.ceiling_dbtp,
            "official": target.official,
            "date": target.date,
            "container": target.delivery.container,
            "bit_depth": target.delivery.bit_depth,
            "sample_rate_hz": target.delivery.sample_rate,
        }
        for target in loaded
    ]


def _formats() -> list[dict[str, Any]]:
    return [
        {"container": container, "bit_depths": [depth for depth in (16, 24, 32) if _takes(container, depth)]}
        for container in CONTAINERS
    ]


def _takes(container: Any, bit_depth: int) -> bool:
    try:
        check_format(container, sample_rate=nearest_rate(container, 48_000), channels=2, bit_depth=bit_depth)
    except ParameterError:
        return False
    return True
