"""Models: create, get, list, update, delete, and their readme."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mainspring.api.auditing import concerns
from mainspring.api.cache import CacheSettings, cache_changes, saved_by
from mainspring.api.calling import authenticate, operator, require
from mainspring.api.context import context
from mainspring.api.model_replies import ModelReply, estimate_of, render_model
from mainspring.api.operation import Operation
from mainspring.api.repeating import Note, once
from mainspring.api.resources import Resources, resource_changes
from mainspring.api.retention import retention_asked
from mainspring.api.wire import PAGE, Body, cursor, decode, page, query, read_body, refuse, reply
from mainspring.core.catalog import name_fault
from mainspring.core.errors import Forbidden, NotFound
from mainspring.core.hardware import hardware_fault
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.shapes import KeyHeaders, Page, PageQuery, Visibility
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Model

_MOST_BYTES = 4 << 20
_URL = re.compile(r"https?://[^\s<>\"']{1,2000}", re.IGNORECASE)
_MOST_INSTANCES = 1000
_Text = str | None
_ASIDE = ("scaling", "resources", "retention", "cache")
_COLUMNS = {"is_official": "official"}


class ModelListQuery(PageQuery):
    """In which order models are listed."""

    sort_by: Literal["model_created_at", "latest_version_created_at"] = "latest_version_created_at"
    sort_direction: Literal["asc", "desc"] = "desc"


class ModelCreateBody(Body):
    """A new model."""

    owner: Annotated[str, Meta(description="Your account, or an organization of yours.", examples=["acme"])]
    name: Annotated[str, Meta(examples=["hello-world"])]
    visibility: Visibility
    hardware: Annotated[str, Meta(description="A SKU of `hardware.list`.", examples=["cpu"])]
    description: _Text = None
    github_url: _Text = None
    paper_url: _Text = None
    license_url: _Text = None
    cover_image_url: _Text = None


class Scaling(Body):
    """How many instances a model may have, and for how long (seconds) one without work is kept.

    null for max_instances and idle_timeout: as the settings say.
    """

    min_instances: int | UnsetType = UNSET
    max_instances: int | UnsetType | None = UNSET
    idle_timeout: float | UnsetType | None = UNSET


class ModelUpdateBody(Body):
    """What is to change of a model; what is left out stays.

    visibility, hardware, cover_image_url, scaling, resources, is_official, retention and cache are ours.
    retention: how long data of predictions is kept, like 24h; off for ever, null for no choice.
    """

    description: _Text | UnsetType = UNSET
    readme: _Text | UnsetType = UNSET
    github_url: _Text | UnsetType = UNSET
    paper_url: _Text | UnsetType = UNSET
    weights_url: _Text | UnsetType = UNSET
    license_url: _Text | UnsetType = UNSET
    cover_image_url: _Text | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    hardware: str | UnsetType = UNSET
    scaling: Scaling | UnsetType = UNSET
    resources: Resources | UnsetType = UNSET
    retention: str | UnsetType | None = UNSET
    cache: CacheSettings | UnsetType = UNSET
    is_official: Annotated[bool | UnsetType, Meta(description="Only for the operator of the platform.")] = (
        UNSET
    )


async def create(request: Request) -> Response:
    """POST /models."""
    caller = await authenticate(request)
    raw = await read_body(request, _MOST_BYTES)
    body = decode(raw, ModelCreateBody)
    if caller.role_in(body.owner) is None:
        raise Forbidden(
            f"You can only create models of your own account, {caller.username}, and of your organizations."
        )
    require(request, caller, body.owner)
    given: dict[str, Any] = {k: v or None for k, v in msgspec.structs.asdict(body).items()}
    faults = {
        "name": name_fault(body.name),
        "visibility": _visibility_fault(body.visibility),
        "hardware": hardware_fault(body.hardware, context(request).hardware),
    }
    refuse(faults | _url_faults(given))
    ctx = context(request)
    model = Model(**{**given, "created_at": rfc3339(ctx.now())})

    async def make(note: Note) -> Response:
        response = reply(await render_model(request, model), 201)
        concerns(request, thing=model.full_name)
        await ctx.catalog.create_model(model, note.replied(response))
        return response

    return await once(request, caller, raw, make)


async def get(request: Request) -> Response:
    """GET /models/{owner}/{name}."""
    model = await visible_model(request, await authenticate(request))
    return reply(await _told(request, model))


async def list_models(request: Request) -> Response:
    """GET /models?sort_by&sort_direction: public ones and the caller's own."""
    caller = await authenticate(request)
    asked = query(request, ModelListQuery)
    found = await context(request).catalog.list_models(
        caller.username,
        cursor(request),
        PAGE,
        sort_by=asked.sort_by,
        oldest_first=asked.sort_direction == "asc",
    )
    results = await asyncio.gather(*(render_model(request, model) for model in found.items))
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def update(request: Request) -> Response:
    """PATCH /models/{owner}/{name}."""
    caller = await authenticate(request)
    body = decode(await read_body(request, _MOST_BYTES), ModelUpdateBody)
    model = await own_model(request, caller)
    given = {k: v for k, v in msgspec.structs.asdict(body).items() if v is not UNSET and k not in _ASIDE}
    changes = {_COLUMNS.get(k, k): v or None for k, v in given.items()}
    if "is_official" in given:
        operator(request, caller)
        changes["official"] = int(given["is_official"])
    visibility = _visibility_fault(given["visibility"]) if "visibility" in given else None
    options = context(request).hardware
    hardware = hardware_fault(given["hardware"], options) if "hardware" in given else None
    refuse({"visibility": visibility, "hardware": hardware, **_url_faults(changes)})
    if isinstance(body.scaling, Scaling):
        changes |= scaling_changes(body.scaling, model)
    if isinstance(body.resources, Resources):
        wishes, faults = resource_changes(body.resources)
        refuse(faults)
        changes |= wishes
    if body.retention is not UNSET:
        changes["retention_s"] = retention_asked(body.retention)
    if isinstance(body.cache, CacheSettings):
        changes |= await cache_changes(context(request), model, body.cache)
    updated = await context(request).catalog.update_model(model.owner, model.name, changes)
    if updated is None:
        raise NotFound
    if (model.deterministic, model.seed_input) != (updated.deterministic, updated.seed_input):
        await context(request).cache.purge(rfc3339(context(request).now()), model=model.full_name)
    return reply(await _told(request, updated))


async def _told(request: Request, model: Model) -> ModelReply:
    """One model, with what a run of it is likely to take."""
    told = await render_model(request, model)
    told.estimate = await estimate_of(context(request), model)
    told.cache.saved = await saved_by(context(request), model)
    return told


async def delete(request: Request) -> Response:
    """DELETE /models/{owner}/{name}: only a private model that has no versions."""
    model = await own_model(request, await authenticate(request))
    if model.visibility != "private":
        raise Forbidden("You can only delete private models.")
    if not await context(request).catalog.delete_model(model.owner, model.name):
        raise Forbidden("You can only delete models without versions. Delete its versions first.")
    return Response(status_code=204)


async def readme(request: Request) -> Response:
    """GET /models/{owner}/{name}/readme: Markdown."""
    model = await visible_model(request, await authenticate(request))
    if not model.readme:
        raise NotFound
    return PlainTextResponse(model.readme, headers={"X-Content-Type-Options": "nosniff"})


async def visible_model(request: Request, caller: Caller) -> Model:
    """The model in the path. Raises NotFound for a private one of somebody else too."""
    model = await context(request).catalog.get_model(
        request.path_params["owner"], request.path_params["name"]
    )
    if model is None:
        raise NotFound
    concerns(request, owner=model.owner)
    if model.visibility != "public":
        require(request, caller, model.owner, Scope.READ)
    return model


async def own_model(request: Request, caller: Caller) -> Model:
    """The model in the path, for its owner's people. Raises Forbidden for a public one of somebody else."""
    model = await visible_model(request, caller)
    require(request, caller, model.owner, seen=True)
    return model


def scaling_changes(asked: Scaling, model: Model) -> dict[str, Any]:
    """The columns to change. Raises InvalidRequest for numbers that can't be."""
    least = model.min_instances if asked.min_instances is UNSET else asked.min_instances
    most = model.max_instances if asked.max_instances is UNSET else asked.max_instances
    idle = model.idle_timeout_s if asked.idle_timeout is UNSET else asked.idle_timeout
    faults = {
        "scaling/min_instances": None if 0 <= least <= _MOST_INSTANCES else "must be at least 0",
        "scaling/max_instances": None
        if most is None or max(1, least) <= most <= _MOST_INSTANCES
        else "must be at least 1 and min_instances",
        "scaling/idle_timeout": None if idle is None or idle >= 0 else "must be at least 0 seconds",
    }
    refuse(faults)
    return {"min_instances": least, "max_instances": most, "idle_timeout_s": idle}


def _visibility_fault(text: str) -> str | None:
    return None if text in ("public", "private") else "must be public or private"


def _url_faults(given: Mapping[str, Any]) -> dict[str, str | None]:
    """Links end up on pages: nothing but http(s) may."""
    links = {k: v for k, v in given.items() if k.endswith("_url") and v is not None}
    return {k: None if _URL.fullmatch(v) else "Enter a valid URL." for k, v in links.items()}


operations = [
    Operation(
        method="POST",
        path="/models",
        handler=create,
        id="models.create",
        scope=Scope.PUSH,
        summary="Create a model",
        body=ModelCreateBody,
        headers=KeyHeaders,
        reply=ModelReply,
        faults=(403, 409),
        success=201,
    ),
    Operation(
        method="GET",
        path="/models",
        handler=list_models,
        id="models.list",
        scope=Scope.READ,
        summary="Public models and the caller's own",
        query=ModelListQuery,
        reply=Page[ModelReply],
    ),
    Operation(
        method="GET",
        path="/models/{owner}/{name}",
        handler=get,
        id="models.get",
        scope=Scope.READ,
        summary="One model",
        reply=ModelReply,
    ),
    Operation(
        method="PATCH",
        path="/models/{owner}/{name}",
        handler=update,
        id="models.update",
        scope=Scope.PUSH,
        summary="Change a model's facts",
        body=ModelUpdateBody,
        reply=ModelReply,
        faults=(403,),
    ),
    Operation(
        method="DELETE",
        path="/models/{owner}/{name}",
        handler=delete,
        id="models.delete",
        scope=Scope.PUSH,
        summary="Delete a private model without versions",
        success=204,
        faults=(403,),
    ),
    Operation(
        method="GET",
        path="/models/{owner}/{name}/readme",
        handler=readme,
        id="models.readme.get",
        scope=Scope.READ,
        summary="A model's README",
        reply="text/plain",
    ),
]
