"""Aliases: ids that stand for versions. Ours, so that programs written for Replicate run unchanged."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate, operator
from mainspring.api.context import context
from mainspring.api.operation import Operation
from mainspring.api.references import visible
from mainspring.api.wire import Body, decode, read_body, reply
from mainspring.core.catalog import alias_fault, parse_reference
from mainspring.core.errors import InvalidField, InvalidInput, InvalidVersion, NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.records.accounts import Caller
from mainspring.records.aliases import Alias

_MOST_BYTES = 1 << 16


class AliasBody(Body):
    """PUT /aliases/{alias}. version: owner/name for its latest version, or owner/name:id."""

    version: str


class AliasReply(msgspec.Struct):
    """id stands for a version of model, for its latest one where version is null. listed: by the catalogue."""

    id: str
    model: str
    version: str | None
    listed: bool
    created_at: str


class AliasesReply(msgspec.Struct):
    """All aliases, by model."""

    results: list[AliasReply]


async def list_aliases(request: Request) -> Response:
    """GET /aliases: those of models that the caller may use."""
    caller, ctx = await authenticate(request), context(request)
    found = [each for each in await ctx.aliases.list() if await visible(ctx, caller, each.model)]
    return reply(AliasesReply([_render(each) for each in found]))


async def set_alias(request: Request) -> Response:
    """PUT /aliases/{alias}."""
    caller, ctx = await authenticate(request), context(request)
    operator(request, caller)
    alias = request.path_params["alias"]
    if fault := alias_fault(alias):
        raise InvalidInput([InvalidField("invalid_name", "alias", f"alias {fault}")])
    body = decode(await read_body(request, _MOST_BYTES), AliasBody)
    model, version = await _target(request, caller, body.version)
    made = Alias(id=alias, model=model, version=version, created_at=rfc3339(ctx.now()))
    await ctx.aliases.set(made)
    return reply(_render(made))


async def remove(request: Request) -> Response:
    """DELETE /aliases/{alias}."""
    operator(request, await authenticate(request))
    if not await context(request).aliases.remove(request.path_params["alias"]):
        raise NotFound
    return Response(status_code=204)


async def _target(request: Request, caller: Caller, asked: str) -> tuple[str, str | None]:
    """The model and the version that are meant. Raises InvalidVersion when there is no such one."""
    ctx, reference = context(request), parse_reference(asked)
    if reference.model is None or await visible(ctx, caller, reference.model) is None:
        raise InvalidVersion
    if reference.version and await ctx.catalog.get_version(reference.model, reference.version) is None:
        raise InvalidVersion
    return reference.model, reference.version


def _render(alias: Alias) -> AliasReply:
    return AliasReply(alias.id, alias.model, alias.version, alias.listed, alias.created_at)


operations = [
    Operation(
        method="GET",
        path="/aliases",
        handler=list_aliases,
        id="aliases.list",
        scope=Scope.READ,
        summary="Ids that stand for versions",
        reply=AliasesReply,
        ours=True,
    ),
    Operation(
        method="PUT",
        path="/aliases/{alias}",
        handler=set_alias,
        id="aliases.set",
        scope=Scope.ADMIN,
        summary="Let an id stand for a version, or for a model's latest one",
        about="The prediction made by an alias carries it as its version, and says beside it what ran.",
        body=AliasBody,
        example={"version": "acme/hello-world"},
        reply=AliasReply,
        faults=(403, 409, 422),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/aliases/{alias}",
        handler=remove,
        id="aliases.delete",
        scope=Scope.ADMIN,
        summary="Forget an alias",
        success=204,
        faults=(403, 404),
        ours=True,
    ),
]
