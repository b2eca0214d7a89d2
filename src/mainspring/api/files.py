"""Files: upload, get, list, delete, download."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.auditing import concerns
from mainspring.api.calling import acting_for, authenticate, require
from mainspring.api.context import Context, context
from mainspring.api.delivery import deliver
from mainspring.api.operation import Operation
from mainspring.api.repeating import Note, once
from mainspring.api.upload import receive
from mainspring.api.wire import PAGE, base_url, cursor, page, query, reply
from mainspring.core.errors import NotFound, TooLarge
from mainspring.core.ids import new_id, rfc3339
from mainspring.core.people import Scope
from mainspring.core.shapes import KeyHeaders, Link, Moment, OwnedPageQuery, Page
from mainspring.records.accounts import Caller
from mainspring.records.files import File
from mainspring.records.vault import Vault

_FORM_BYTES = 2 << 20


class FileForm(msgspec.Struct):
    """An upload. A `content` without a useful name or type gets them from its bytes."""

    content: Annotated[str, Meta(description="The file.", extra_json_schema={"format": "binary"})]
    filename: Annotated[
        str | UnsetType, Meta(description="Its name, at most 255 bytes; else that of the part.")
    ] = UNSET
    type: Annotated[str | UnsetType, Meta(description="Its media type; else that of the part.")] = UNSET
    metadata: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="A JSON object, as text or as a part, or fields like `metadata[key]`."),
    ] = UNSET


class DownloadQuery(msgspec.Struct):
    """What lets a client without a token read a file."""

    owner: Annotated[str | None, Meta(description="The account that the file belongs to.")] = None
    expiry: Annotated[str | None, Meta(description="Until when, in Unix seconds.")] = None
    signature: Annotated[
        str | None, Meta(description="Base64 of the HMAC-SHA256 of `owner id expiry`, made by the platform.")
    ] = None


class Checksums(msgspec.Struct):
    """Hashes of a file's bytes, in hex."""

    sha256: str
    md5: str


class FileUrls(msgspec.Struct):
    """get: what an input names the file by."""

    get: Link


class FileReply(msgspec.Struct):
    """An uploaded file."""

    id: str
    name: Annotated[str, Meta(examples=["photo.jpg"])]
    content_type: Annotated[str, Meta(examples=["image/jpeg"])]
    size: Annotated[int, Meta(description="In bytes.")]
    etag: Annotated[str, Meta(description="MD5 of its bytes, in hex.")]
    checksums: Checksums
    metadata: Annotated[Mapping[str, Any], Meta(description="What its uploader said of it.")]
    created_at: Moment
    expires_at: Moment
    urls: FileUrls


async def create(request: Request) -> Response:
    """POST /files: multipart/form-data with `content`, and `filename`, `type`, `metadata` if wanted."""
    caller = await authenticate(request)
    ctx = context(request)
    limit = ctx.settings.max_upload
    told = TooLarge(f"Files must be less than {limit >> 20}MB in size")
    now = ctx.now()
    file_id = new_id(now)
    try:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit + _FORM_BYTES:
            raise told
        upload = await receive(request, ctx.objects, f"files/{file_id}", limit)
    except TooLarge as error:
        await _drain(request, limit)
        raise told from error
    file = File(
        id=file_id,
        account=caller.username,
        name=upload.name,
        content_type=upload.content_type,
        size=upload.stored.size,
        sha256=upload.stored.sha256,
        md5=upload.stored.md5,
        metadata=upload.metadata,
        created_at=rfc3339(now),
        expires_at=rfc3339(now + timedelta(seconds=ctx.settings.file_ttl_s)),
    )
    return await _keep(request, caller, file)


async def get(request: Request) -> Response:
    """GET /files/{id}."""
    file = await _own(request, await authenticate(request))
    return reply(_render(request, file))


async def list_files(request: Request) -> Response:
    """GET /files, newest first."""
    caller = await authenticate(request)
    ctx = context(request)
    whose = await acting_for(request, caller, query(request, OwnedPageQuery).account)
    found = await ctx.files.list(whose.username, cursor(request), PAGE, ctx.now())
    results = [_render(request, file) for file in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def delete(request: Request) -> Response:
    """DELETE /files/{id}."""
    caller = await authenticate(request)
    file = await _own(request, caller)
    ctx = context(request)
    if not await ctx.files.delete(file.id, file.account):
        raise NotFound("File not found")
    await ctx.objects.delete(file.key)
    return Response(status_code=204)


async def download(request: Request) -> Response:
    """GET /files/{id}/download: with the owner's token, or by owner, expiry and signature in the query."""
    ctx = context(request)
    if "signature" in request.query_params:
        file = await _signed(request, ctx)
    else:
        file = await _own(request, await authenticate(request))
    if await ctx.objects.stat(file.key) is None:
        raise NotFound("File not found")
    headers = {"Cache-Control": "private, max-age=3600"}
    return deliver(request, ctx.objects.path(file.key), file.content_type, file.md5, headers, file.name)


def sign_download(vault: Vault, owner: str, file_id: str, expiry: int) -> str:
    """The signature that lets whoever has it read the file until expiry (Unix seconds)."""
    return base64.b64encode(vault.hmac(f"{owner} {file_id} {expiry}")).decode()


async def _keep(request: Request, caller: Caller, file: File) -> Response:
    """The bytes are there; a file is only what the ledger knows of."""
    ctx, kept = context(request), False

    async def make(note: Note) -> Response:
        nonlocal kept
        response = reply(_render(request, file), 201)
        await ctx.files.create(file, note.replied(response))
        concerns(request, thing=file.id)
        kept = True
        return response

    told = msgspec.json.encode([file.name, file.content_type, file.sha256, file.metadata])
    try:
        return await once(request, caller, told, make)
    finally:
        if not kept:
            await ctx.objects.delete(file.key)


async def _own(request: Request, caller: Caller) -> File:
    ctx = context(request)
    file = await ctx.files.get(request.path_params["file_id"])
    if file is None or file.expires_at <= rfc3339(ctx.now()) or caller.role_in(file.account) is None:
        raise NotFound("File not found")
    require(request, caller, file.account)
    return file


async def _signed(request: Request, ctx: Context) -> File:
    query, now = request.query_params, ctx.now()
    owner, expiry = query.get("owner", ""), query.get("expiry", "")
    file = await ctx.files.get(request.path_params["file_id"])
    # A + that was not escaped arrives as a space.
    signature = query["signature"].replace(" ", "+")
    if (
        file is None
        or not (expiry.isascii() and expiry.isdigit() and len(expiry) < 12)
        or not hmac.compare_digest(
            signature.encode(), sign_download(ctx.vault, owner, file.id, int(expiry)).encode()
        )
        or owner != file.account
        or int(expiry) <= now.timestamp()
        or file.expires_at <= rfc3339(now)
    ):
        raise NotFound("File not found")
    return file


async def _drain(request: Request, limit: int) -> None:
    """Read a little on: a client that is cut off while it sends never sees why."""
    async for chunk in request.stream():
        limit -= len(chunk)
        if limit < 0:
            return


def _render(request: Request, file: File) -> FileReply:
    return FileReply(
        id=file.id,
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        etag=file.md5,
        checksums=Checksums(file.sha256, file.md5),
        metadata=file.metadata,
        created_at=file.created_at,
        expires_at=file.expires_at,
        urls=FileUrls(f"{base_url(request)}/v1/files/{file.id}"),
    )


operations = [
    Operation(
        method="POST",
        path="/files",
        handler=create,
        id="files.create",
        scope=Scope.RUN,
        summary="Upload a file",
        body=FileForm,
        headers=KeyHeaders,
        media=("multipart/form-data",),
        reply=FileReply,
        success=201,
    ),
    Operation(
        method="GET",
        path="/files",
        handler=list_files,
        id="files.list",
        scope=Scope.READ,
        summary="The account's files, newest first",
        query=OwnedPageQuery,
        reply=Page[FileReply],
    ),
    Operation(
        method="GET",
        path="/files/{file_id}",
        handler=get,
        id="files.get",
        scope=Scope.READ,
        summary="One file's facts",
        reply=FileReply,
    ),
    Operation(
        method="DELETE",
        path="/files/{file_id}",
        handler=delete,
        id="files.delete",
        scope=Scope.RUN,
        summary="Delete a file",
        success=204,
    ),
    Operation(
        method="GET",
        path="/files/{file_id}/download",
        handler=download,
        id="files.download",
        scope=Scope.READ,
        summary="A file's content",
        about="By your token, or by `owner`, `expiry` and `signature`. Ranges and `If-None-Match` are understood.",
        query=DownloadQuery,
        reply="*/*",
    ),
]
