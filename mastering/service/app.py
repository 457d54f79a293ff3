"""The application: routes, errors, and what begins and ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mastering.jobs.kinds import Kinds
from mastering.service.access import problems
from mastering.service.described import Described
from mastering.service.guards import Guards
from mastering.service.house import House
from mastering.service.ports import NewWorkshop
from mastering.service.problems import Problem, answer, problem_of
from mastering.service.routes import ROUTERS
from mastering.service.settings import Settings

__all__ = ["create_app", "version"]

_log = logging.getLogger("tonmeister.service")


def create_app(settings: Settings, kinds: Kinds, workshop: NewWorkshop) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: how it runs.
        kinds: of jobs.
        workshop: makes the jobs' requests.

    Raises:
        EnvironmentProblem: its folder or databases cannot be used.
    """
    house = House(settings, kinds, workshop)
    app = Described(
        title="Tonmeister",
        summary="A mastering desk: songs in, masters, stems, reports and recipes out.",
        version=version(),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        responses=problems(),
        separate_input_output_schemas=False,
    )
    app.state.house = house
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Guards, settings=settings, metrics=house.metrics)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Exception, _problem)
    _known_errors(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    house: House = app.state.house
    running = house.running(asyncio.get_running_loop())
    await asyncio.to_thread(running.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)
        await asyncio.to_thread(house.close)


def _known_errors(app: FastAPI) -> None:
    """Errors that are answers; what is not among them is a bug, and is logged by the server too."""
    import sqlite3

    from mastering.errors import TonmeisterError

    for kind in (TonmeisterError, OSError, MemoryError, sqlite3.OperationalError):
        app.add_exception_handler(kind, _problem)


async def _problem(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status >= 500:
        request_id = getattr(request.state, "request_id", "")
        _log.error("%s", problem.detail, extra={"request": request_id, "code": problem.code}, exc_info=error)
    house: House = request.app.state.house
    return answer(problem, house.settings.data)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: ("not_found", "there is nothing here"), 405: ("method", "this cannot be done here")}
    code, detail = codes.get(error.status_code, ("http", str(error.detail)))
    return answer(Problem(error.status_code, code, detail, headers=error.headers))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = dict(error.errors()[0])
    place = [str(part) for part in first["loc"]]
    where = ".".join(place[1:]) or place[0]
    if first["type"] == "json_invalid":
        return answer(Problem(400, "json", "the body is no JSON document", hint="Correct it."))
    message = str(first["msg"])
    return answer(
        Problem(
            422,
            "invalid",
            f"{where}: {message[:1].lower()}{message[1:]}",
            hint="GET /api/v1/openapi.json says what is allowed.",
            field=where,
        )
    )


def version() -> str:
    """The installed version of tonmeister."""
    try:
        return importlib.metadata.version("tonmeister")
    except importlib.metadata.PackageNotFoundError:
        return "0"
