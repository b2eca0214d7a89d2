"""Collections: list and get; an operator makes and deletes them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate, operator
from mainspring.api.context import context
from mainspring.api.model_replies import ModelReply, render_model
from mainspring.api.operation import Operation
from mainspring.api.wire import PAGE, cursor, decode, page, read_body, reply
from mainspring.core.catalog import collection_faults
from mainspring.core.errors import InvalidField, InvalidInput, NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.shapes import CollectionBody, Page, PageQuery
from mainspring.records.accounts import Caller
from mainspring.records.collections import Collection

_MOST_BYTES = 1 << 20
Slug = Annotated[str, Meta(description="Lower case with dashes.", examples=["text-to-speech"])]


class CollectionItem(msgspec.Struct):
    """A collection in a list."""

    name: str
    slug: Slug
    description: str


class CollectionReply(msgspec.Struct):
    """A collection with its models, those that the caller may see."""

    name: str
    slug: Slug
    description: str
    full_description: Annotated[str | None, Meta(description="Markdown.")]
    models: list[ModelReply]


async def list_collections(request: Request) -> Response:
    """GET /collections, newest first."""
    await authenticate(request)
    found = await context(request).discovery.collections.list(cursor(request), PAGE)
    results = [CollectionItem(one.name, one.slug, one.description) for one in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def get(request: Request) -> Response:
    """GET /collections/{slug}."""
    caller = await authenticate(request)
    found = await context(request).discovery.collections.get(request.path_params["collection_slug"])
    if found is None:
        raise NotFound
    return reply(await _render(request, caller, found))


async def put(request: Request) -> Response:
    """PUT /collections/{slug}: make or replace one."""
    caller = await authenticate(request)
    operator(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), CollectionBody)
    slug = request.path_params["collection_slug"]
    if faults := collection_faults(slug, body.models):
        raise InvalidInput([InvalidField("pattern", field, told) for field, told in faults.items()])
    ctx = context(request)
    made = await ctx.discovery.collections.put(slug, body, rfc3339(ctx.now()))
    return reply(await _render(request, caller, made))


async def delete(request: Request) -> Response:
    """DELETE /collections/{slug}; its models stay."""
    operator(request, await authenticate(request))
    if not await context(request).discovery.collections.delete(request.path_params["collection_slug"]):
        raise NotFound
    return Response(status_code=204)


async def _render(request: Request, caller: Caller, found: Collection) -> CollectionReply:
    models = await context(request).discovery.collections.models(found.slug, caller.username)
    return CollectionReply(
        name=found.name,
        slug=found.slug,
        description=found.description,
        full_description=found.full_description,
        models=await asyncio.gather(*(render_model(request, model) for model in models)),
    )


operations = [
    Operation(
        method="GET",
        path="/collections",
        handler=list_collections,
        id="collections.list",
        scope=Scope.READ,
        summary="Collections of models",
        query=PageQuery,
        reply=Page[CollectionItem],
    ),
    Operation(
        method="GET",
        path="/collections/{collection_slug}",
        handler=get,
        id="collections.get",
        scope=Scope.READ,
        summary="One collection with its models",
        reply=CollectionReply,
    ),
    Operation(
        method="PUT",
        path="/collections/{collection_slug}",
        handler=put,
        id="collections.put",
        scope=Scope.ADMIN,
        summary="Make or replace a collection",
        about="For the operator of the platform.",
        body=CollectionBody,
        example={"name": "Text to speech", "models": ["acme/voice"]},
        reply=CollectionReply,
        faults=(403,),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/collections/{collection_slug}",
        handler=delete,
        id="collections.delete",
        scope=Scope.ADMIN,
        summary="Delete a collection, not its models",
        about="For the operator of the platform.",
        success=204,
        faults=(403,),
        ours=True,
    ),
]
