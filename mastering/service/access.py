"""Who asks, and what a page of a list is: what routes depend on."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, Query, Request

from mastering.service.answers import ProblemAnswer
from mastering.service.house import House
from mastering.service.keys import LOCAL, Caller
from mastering.service.problems import MEDIA_TYPE, Problem

__all__ = [
    "COOKIE",
    "AdminAsking",
    "Asking",
    "Cursor",
    "Limit",
    "TheHouse",
    "caller_of",
    "cursor_after",
    "problems",
    "read_cursor",
]

COOKIE = "tonmeister"
_DEFAULT_PAGE, _LARGEST_PAGE = 50, 200


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


TheHouse: TypeAlias = Annotated[House, Depends(_house)]


async def caller_of(
    house: TheHouse, request: Request, authorization: Annotated[str | None, Header()] = None
) -> Caller:
    """Whose key or session the request carries: a look into an index, sooner done than handed to a thread.

    Raises:
        Problem: nobody's that is known, or too many requests.
    """
    address = request.client.host if request.client is not None else "?"
    if house.settings.is_private and not house.keys.any:
        house.requests.take(address)
        return LOCAL
    caller = _known(house, request, authorization, address)
    house.requests.take(caller.owner)
    return caller


def _known(house: House, request: Request, authorization: str | None, address: str) -> Caller:
    if authorization is None and COOKIE not in request.cookies:
        house.requests.take(address)
        raise _unauthorised("a key is needed", "Send `Authorization: Bearer KEY`.")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        caller = house.keys.caller_of_key(secret.strip()) if scheme.lower() == "bearer" else None
    else:
        caller = house.keys.caller_of_session(request.cookies[COOKIE])
    if caller is None:
        house.requests.take(address)
        if authorization is not None:  # an old session is no guess, and a right key is never kept waiting
            house.failures.take(address)
        raise _unauthorised("this key is not known", "Ask whoever runs the service for one.")
    return caller


def _unauthorised(detail: str, hint: str) -> Problem:
    return Problem(
        401, "key_needed", detail, hint=hint, headers={"WWW-Authenticate": 'Bearer realm="tonmeister"'}
    )


Asking: TypeAlias = Annotated[Caller, Depends(caller_of)]


async def _admin(caller: Asking) -> Caller:
    if not caller.is_admin:
        raise Problem(403, "admin_needed", "this needs a key of the role admin", hint="Use another key.")
    return caller


AdminAsking: TypeAlias = Annotated[Caller, Depends(_admin)]

Cursor: TypeAlias = Annotated[str | None, Query(max_length=200, description="`next_cursor` of a page.")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=_LARGEST_PAGE)]


def read_cursor(cursor: str | None) -> tuple[float, str] | None:
    """Time and id of the last item of the page before.

    Raises:
        Problem: it is none of ours.
    """
    if cursor is None:
        return None
    try:
        time_s, item = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if not re.fullmatch("[0-9a-f]{24}", item):
            raise ValueError("no id")
        return float(time_s), item
    except (ValueError, TypeError, binascii.Error, UnicodeError):
        raise Problem(
            422, "cursor", "this is no cursor", hint="Take `next_cursor` of the page before.", field="cursor"
        ) from None


def cursor_after(time_s: float, item: str) -> str:
    """The cursor of the page after an item."""
    return base64.urlsafe_b64encode(json.dumps([time_s, item]).encode("ascii")).decode("ascii")


_MEANINGS = {
    400: "It cannot be read.",
    401: "A key is needed, or it is not known.",
    403: "It is not allowed.",
    404: "There is no such thing, or it is somebody else's.",
    408: "It came too slowly.",
    409: "It does not fit the present state.",
    411: "Its length is missing.",
    412: "A version of the protocol that is not spoken.",
    413: "It is too large.",
    415: "It is of another media type.",
    416: "No such range.",
    421: "Another host was meant.",
    422: "It is not what is allowed; `detail` says where.",
    423: "Somebody else is at it.",
    429: "Too much at once; `Retry-After` says when to come back.",
    460: "The checksum does not match.",
    500: "An error of the service's own.",
    503: "Not now: a part of the service does not answer.",
    507: "The disk is full.",
}
_ALWAYS = (400, 401, 403, 413, 421, 422, 429, 500, 503, 507)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a route: those of every route, and `statuses`."""
    schema = {"$ref": "#/components/schemas/ProblemAnswer"}
    return {
        status: {
            "model": ProblemAnswer,
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted({*_ALWAYS, *statuses})
    }
