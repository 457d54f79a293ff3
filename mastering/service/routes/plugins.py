"""Plug-ins: what there is, its parameters, and what is allowed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from mastering.service.access import AdminAsking, Asking, TheHouse, problems
from mastering.service.answers import Plugin, PluginPage
from mastering.service.documents import API

__all__ = ["router"]

PluginName = Annotated[str, Path(min_length=1, max_length=120)]

router = APIRouter(prefix=f"{API}/plugins", tags=["plug-ins"])


@router.get("", response_model=PluginPage, responses=problems())
def plugins(house: TheHouse, _caller: Asking) -> Any:
    """Every plug-in that the machine has, and whether it may be used."""
    items = house.plugins.items()
    return {"items": items, "allowed": any(item["allowed"] for item in items)}


@router.get("/{name}", response_model=Plugin, responses=problems(404))
def plugin(house: TheHouse, _caller: Asking, name: PluginName) -> Any:
    """A plug-in and its parameters."""
    return house.plugins.find(name)


@router.put("/{name}/allowed", status_code=204, responses=problems(404))
def allow(house: TheHouse, _caller: AdminAsking, name: PluginName) -> Response:
    """Allow a plug-in: this build of its bundle, for everybody."""
    house.plugins.allow(name)
    return Response(status_code=204)


@router.delete("/{name}/allowed", status_code=204, responses=problems())
def forbid(house: TheHouse, _caller: AdminAsking, name: PluginName) -> Response:
    """Allow it no more; jobs that wait or run with it are cancelled."""
    house.plugins.forbid(name)
    house.work.cancel_forbidden()
    return Response(status_code=204)
