"""Uploads by tus 1.0.0: creation, creation-with-upload, checksum, termination, expiration."""

from __future__ import annotations

import base64
import binascii
import email.utils
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from mastering.errors import TonmeisterError
from mastering.service.access import Asking, TheHouse, problems
from mastering.service.documents import API
from mastering.service.examples.requests import CHECKSUM, LENGTH, METADATA, OFFSET
from mastering.service.house import House
from mastering.service.problems import Problem, answer, problem_of
from mastering.service.songs import harmless_name
from mastering.service.uploads import Upload

__all__ = ["router"]

_VERSION = "1.0.0"
_EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
_CHECKSUMS = ("sha1", "sha256", "md5")
_MEDIA_TYPE = "application/offset+octet-stream"
_MB = 10**6
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_OFFSET = {"Upload-Offset": {"schema": {"type": "integer"}, "description": "How much has arrived."}}
_SONG = {"Tonmeister-Song": {"schema": {"type": "string"}, "description": "The song, once all has arrived."}}

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{24}$")]
Length = Annotated[int, Header(ge=0, le=2**53, description="In bytes.", openapi_examples=LENGTH)]
Offset = Annotated[int, Header(ge=0, le=2**53, description="In bytes.", openapi_examples=OFFSET)]
Version = Annotated[str | None, Header(description="Of the protocol.", examples=[_VERSION])]
Checksum = Annotated[
    str | None, Header(max_length=200, description="Of the body.", openapi_examples=CHECKSUM)
]
Metadata = Annotated[
    str | None, Header(max_length=4_000, description="`filename`, in base64.", openapi_examples=METADATA)
]

router = APIRouter(prefix=f"{API}/uploads", tags=["uploads"])


@router.options("", status_code=204, response_class=Response)
def options(house: TheHouse) -> Response:
    """What of tus is spoken here."""
    headers = {
        "Tus-Version": _VERSION,
        "Tus-Extension": _EXTENSIONS,
        "Tus-Max-Size": str(house.settings.max_upload_mb * _MB),
        "Tus-Checksum-Algorithm": ",".join(_CHECKSUMS),
    }
    return Response(status_code=204, headers={"Tus-Resumable": _VERSION, **headers})


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses={
        201: {"description": "Announced; what came along is kept.", "headers": {**_OFFSET, **_SONG}},
        **problems(408, 411, 412, 413, 415, 423, 460),
    },
    openapi_extra=_BODY,
)
async def create(
    house: TheHouse,
    caller: Asking,
    request: Request,
    upload_length: Length,
    tus_resumable: Version = None,
    upload_metadata: Metadata = None,
    upload_checksum: Checksum = None,
) -> Response:
    """Announce a file; its first bytes may come along."""
    _check_version(tus_resumable)
    checksum = _checksum(upload_checksum)
    name = harmless_name(_metadata(upload_metadata).get("filename", ""))
    with_body = request.headers.get("content-type") == _MEDIA_TYPE
    upload = await run_in_threadpool(house.uploads.create, caller, name, upload_length)
    headers = {"Location": f"{API}/uploads/{upload.id}"}
    if not with_body:
        return _done(upload, 0, 201, headers)
    return await _receive(house, request, upload, 201, headers, checksum)


@router.head(
    "/{upload}",
    status_code=200,
    response_class=Response,
    responses={200: {"headers": {**_OFFSET, **_SONG}}, **problems(404, 412)},
)
def look(house: TheHouse, caller: Asking, upload: UploadId, tus_resumable: Version = None) -> Response:
    """How much has arrived."""
    _check_version(tus_resumable)
    known = house.uploads.get(caller, upload)
    length = {"Upload-Length": str(known.length_bytes)}
    return _done(known, house.uploads.offset_bytes(known), 200, length, known.song)


@router.patch(
    "/{upload}",
    status_code=204,
    responses={
        204: {"description": "Kept.", "headers": {**_OFFSET, **_SONG}},
        **problems(404, 408, 409, 412, 413, 415, 423, 460),
    },
    openapi_extra=_BODY,
)
async def add(
    house: TheHouse,
    caller: Asking,
    request: Request,
    upload: UploadId,
    upload_offset: Offset,
    tus_resumable: Version = None,
    upload_checksum: Checksum = None,
) -> Response:
    """Send what comes next. The last part makes a song of the file."""
    _check_version(tus_resumable)
    checksum = _checksum(upload_checksum)
    if request.headers.get("content-type") != _MEDIA_TYPE:
        raise Problem(415, "media_type", f"the body must be {_MEDIA_TYPE}", hint="Set Content-Type.")
    known = await run_in_threadpool(house.uploads.get, caller, upload)
    have = house.uploads.offset_bytes(known)
    if have != upload_offset:
        raise Problem(
            409,
            "offset",
            f"{have} bytes have arrived, this would continue at {upload_offset}",
            hint="Ask with HEAD, and go on from there.",
            headers={"Upload-Offset": str(have)},
        )
    if known.song is not None:
        return _done(known, have, 204, {}, known.song)
    return await _receive(house, request, known, 204, {}, checksum)


@router.delete("/{upload}", status_code=204, responses=problems(404, 412, 423))
def end(house: TheHouse, caller: Asking, upload: UploadId, tus_resumable: Version = None) -> Response:
    """Give an upload up."""
    _check_version(tus_resumable)
    known = house.uploads.get(caller, upload)
    if house.uploads.is_busy(known):
        raise Problem(423, "upload_locked", "this upload is being received", hint="End that first.")
    house.uploads.remove(known)
    return Response(status_code=204, headers={"Tus-Resumable": _VERSION})


async def _receive(
    house: House,
    request: Request,
    upload: Upload,
    status: int,
    headers: dict[str, str],
    checksum: tuple[str, bytes] | None,
) -> Response:
    """Take a body; where it ends the file, make a song of it."""
    before = house.uploads.offset_bytes(upload)
    _check_length(request, upload, before)
    with house.uploads.receiving(upload):
        try:
            have = await house.uploads.receive(upload, request.stream(), checksum)
            house.metrics.received(have - before)
        except ClientDisconnect:
            return Response(status_code=400)
        if have < upload.length_bytes:
            return _done(upload, have, status, headers)
        try:
            song = await house.uploads.finished(upload)
        except (TonmeisterError, OSError) as error:
            return answer(problem_of(error))
    return _done(upload, have, status, headers, song.id)


def _done(
    upload: Upload, have: int, status: int, headers: dict[str, str], song: str | None = None
) -> Response:
    more = {
        "Tus-Resumable": _VERSION,
        "Upload-Offset": str(have),
        "Upload-Expires": email.utils.formatdate(upload.expires_s, usegmt=True),
        **({} if song is None else {"Tonmeister-Song": song}),
    }
    return Response(status_code=status, headers={**headers, **more})


def _check_version(version: str | None) -> None:
    if version not in (None, _VERSION):
        raise Problem(412, "tus_version", f"tus {_VERSION} is spoken here", headers={"Tus-Version": _VERSION})


def _check_length(request: Request, upload: Upload, have: int) -> None:
    """Refuse before it arrives what says itself that it is too much."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and have + int(announced[:18]) > upload.length_bytes:
        raise Problem(413, "upload_too_long", "more would arrive than was announced", hint="Begin again.")


def _metadata(text: str | None) -> dict[str, str]:
    """Upload-Metadata: comma-separated, each a name and a value in base64."""
    found = {}
    for part in (text or "").split(","):
        name, _, value = part.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            raise Problem(
                400, "metadata", "Upload-Metadata is not in base64", field="Upload-Metadata"
            ) from None
    return found


def _checksum(text: str | None) -> tuple[str, bytes] | None:
    """Upload-Checksum: name of a hash, and its value in base64."""
    if text is None:
        return None
    name, _, value = text.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if name not in _CHECKSUMS or not digest:
        raise Problem(
            400,
            "checksum",
            f"Upload-Checksum must be one of {', '.join(_CHECKSUMS)} and its value in base64",
            field="Upload-Checksum",
        )
    return name, digest
