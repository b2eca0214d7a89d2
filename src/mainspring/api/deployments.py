"""Deployments: list, create, get, update, delete, their releases, and predictions through one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api import creating
from mainspring.api.asking import EXAMPLE, CreateBody, CreateHeaders
from mainspring.api.auditing import concerns
from mainspring.api.calling import acting_for, authenticate, require
from mainspring.api.census import take_census
from mainspring.api.context import Context, context
from mainspring.api.creating import Order
from mainspring.api.operation import Operation
from mainspring.api.references import version_of
from mainspring.api.releases import DeploymentReply, ReleasesReply, render, render_release
from mainspring.api.repeating import Note, once
from mainspring.api.wire import PAGE, Body, cursor, decode, page, query, read_body, refuse, reply
from mainspring.core.catalog import name_fault
from mainspring.core.errors import Conflict, Forbidden, InvalidRequest, InvalidVersion, NotFound
from mainspring.core.hardware import hardware_fault
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.shapes import AccountQuery, KeyHeaders, OwnedPageQuery, Page
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Version
from mainspring.records.deployments import Deployment, Release
from mainspring.records.rendering import PredictionReply

_MOST_BYTES = 1 << 20
_TRIES = 5
Instances = Annotated[int, Meta(ge=0)]


class CreateDeployment(Body):
    """POST /deployments. version: 64 hexadecimal digits."""

    name: str
    model: str
    version: str
    hardware: str
    min_instances: Instances
    max_instances: Instances


class UpdateDeployment(Body):
    """PATCH /deployments/{owner}/{name}: what is left out stays as it is."""

    model: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    hardware: str | UnsetType = UNSET
    min_instances: Instances | UnsetType = UNSET
    max_instances: Instances | UnsetType = UNSET


async def list_deployments(request: Request) -> Response:
    """GET /deployments: the caller's, newest first."""
    caller, ctx = await authenticate(request), context(request)
    whose = await acting_for(request, caller, query(request, OwnedPageQuery).account)
    found = await ctx.deployments.list(whose.username, cursor(request), PAGE)
    census = await take_census(ctx)
    results = [await render(ctx, each, census) for each in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def create(request: Request) -> Response:
    """POST /deployments: its first release takes predictions at once."""
    caller, ctx = await authenticate(request), context(request)
    owner = (await acting_for(request, caller, query(request, AccountQuery).account)).username
    raw = await read_body(request, _MOST_BYTES)
    body = decode(raw, CreateDeployment)
    asked = msgspec.structs.asdict(body)
    name = asked.pop("name")
    release = _release(ctx, caller, f"{owner}/{name}", asked)
    refuse({"name": name_fault(name), **_faults(ctx, release)})
    release = replace(release, version=(await _version(ctx, caller, release)).id)

    async def make(note: Note) -> Response:
        made = await ctx.deployments.create(owner, name, release, note.made(name))
        if made is None:
            raise InvalidVersion
        concerns(request, thing=made.full_name)
        ctx.hints.hint("scale")
        return reply(await render(ctx, made, await take_census(ctx)))

    async def again(made: str) -> Response:
        found = await ctx.deployments.get(owner, made)
        if found is None:
            raise NotFound
        return reply(await render(ctx, found, await take_census(ctx)))

    return await once(request, caller, raw, make, again)


async def get(request: Request) -> Response:
    """GET /deployments/{owner}/{name}."""
    ctx, found = context(request), await own_deployment(request, await authenticate(request))
    return reply(await render(ctx, found, await take_census(ctx)))


async def update(request: Request) -> Response:
    """PATCH /deployments/{owner}/{name}: a new release, even when nothing changes."""
    caller, ctx = await authenticate(request), context(request)
    await own_deployment(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), UpdateDeployment)
    changes = {k: v for k, v in msgspec.structs.asdict(body).items() if v is not UNSET}
    for _ in range(_TRIES):
        deployment = await own_deployment(request, caller)
        current = deployment.current
        as_it_is = {key: getattr(current, key) for key in UpdateDeployment.__struct_fields__}
        release = _release(ctx, caller, deployment.full_name, {**as_it_is, **changes})
        changed_hardware = release.hardware != current.hardware
        refuse(_faults(ctx, release, hardware=changed_hardware))
        if (release.model, release.version) != (current.model, current.version):
            release = replace(release, version=(await _version(ctx, caller, release)).id)
        if await ctx.deployments.release(deployment, release):
            ctx.hints.hint("scale")
            return reply(await render(ctx, await own_deployment(request, caller), await take_census(ctx)))
    raise Conflict("The deployment is being changed by somebody else; try again.")


async def delete(request: Request) -> Response:
    """DELETE /deployments/{owner}/{name}: one without instances that has not been used for a while."""
    caller, ctx = await authenticate(request), context(request)
    deployment = await own_deployment(request, caller)
    rest_s = ctx.settings.deployment_rest_s
    since = rfc3339(ctx.now() - timedelta(seconds=rest_s))
    if not await ctx.deployments.delete(deployment, since):
        await own_deployment(request, caller)
        raise Forbidden(
            f"You can only delete deployments that are offline and unused for at least {rest_s / 60:g} minutes."
            " Set min_instances and max_instances to 0 first."
        )
    return Response(status_code=204)


async def releases(request: Request) -> Response:
    """GET /deployments/{owner}/{name}/releases: the newest hundred, what became of each, and why."""
    ctx, deployment = context(request), await own_deployment(request, await authenticate(request))
    found = await ctx.deployments.releases(deployment.full_name, PAGE)
    live = await ctx.instances.live()
    return reply(ReleasesReply([await render_release(ctx, deployment, each, live) for each in found]))


async def create_prediction(request: Request) -> Response:
    """POST /deployments/{owner}/{name}/predictions: the live release runs it."""
    caller, ctx = await authenticate(request), context(request)
    raw = await read_body(request, ctx.settings.max_body)
    deployment = await own_deployment(request, caller)
    live = deployment.live
    if live.disabled:
        raise InvalidRequest(
            f"The deployment {deployment.full_name} is disabled: its min_instances and max_instances are 0.",
            title="Deployment disabled",
        )
    version = await _version(ctx, caller, live)
    order = Order(caller, version, live.queue, decode(raw, CreateBody), raw, live.hardware)
    return await creating.create_prediction(request, order)


async def own_deployment(request: Request, caller: Caller) -> Deployment:
    """The deployment in the path, for its owner's people. Raises NotFound for one of somebody else too, Forbidden."""
    owner, name = request.path_params["owner"], request.path_params["name"]
    require(request, caller, owner)
    found = await context(request).deployments.get(owner, name)
    if found is None:
        raise NotFound
    return found


def _release(ctx: Context, caller: Caller, deployment: str, asked: Mapping[str, Any]) -> Release:
    """A release as asked; its place among the others is given later."""
    now = rfc3339(ctx.now())
    return Release(
        deployment=deployment, number=0, line=0, created_by=caller.username, created_at=now, **asked
    )


async def _version(ctx: Context, caller: Caller, release: Release) -> Version:
    """The release's version. Raises InvalidVersion when the deployment's owner may not use it, or not any more."""
    found, owner = None, release.deployment.partition("/")[0]
    if release.model.count("/") == 1:
        reader = caller if owner == caller.username else caller.within(owner)
        found = await version_of(ctx, reader, release.model, release.version)
    if found is None:
        raise InvalidVersion
    return found


def _faults(ctx: Context, release: Release, *, hardware: bool = True) -> dict[str, str | None]:
    """What is wrong with it, by field. hardware: whether that was chosen just now."""
    least, most = release.min_instances, release.max_instances
    limits = ctx.settings.deployment_min_instances, ctx.settings.deployment_max_instances
    return {
        "hardware": hardware_fault(release.hardware, ctx.hardware) if hardware else None,
        "min_instances": _range_fault(least, limits[0])
        or (None if least <= most else "Ensure this value is less than or equal to max_instances."),
        "max_instances": _range_fault(most, limits[1]),
    }


def _range_fault(value: int, limit: int) -> str | None:
    return None if value <= limit else f"Ensure this value is less than or equal to {limit}."


operations = [
    Operation(
        method="GET",
        path="/deployments",
        handler=list_deployments,
        id="deployments.list",
        scope=Scope.READ,
        summary="The account's deployments, newest first",
        query=OwnedPageQuery,
        reply=Page[DeploymentReply],
    ),
    Operation(
        method="POST",
        path="/deployments",
        handler=create,
        id="deployments.create",
        scope=Scope.PUSH,
        summary="Pin a version, hardware and numbers of instances under a name",
        query=AccountQuery,
        body=CreateDeployment,
        headers=KeyHeaders,
        reply=DeploymentReply,
        faults=(400, 409, 422),
    ),
    Operation(
        method="GET",
        path="/deployments/{owner}/{name}",
        handler=get,
        id="deployments.get",
        scope=Scope.READ,
        summary="One deployment",
        reply=DeploymentReply,
        faults=(404,),
    ),
    Operation(
        method="PATCH",
        path="/deployments/{owner}/{name}",
        handler=update,
        id="deployments.update",
        scope=Scope.PUSH,
        summary="Make a new release",
        body=UpdateDeployment,
        reply=DeploymentReply,
        faults=(400, 404, 409, 422),
    ),
    Operation(
        method="DELETE",
        path="/deployments/{owner}/{name}",
        handler=delete,
        id="deployments.delete",
        scope=Scope.PUSH,
        summary="Delete a deployment that is offline and unused",
        success=204,
        faults=(403, 404),
    ),
    Operation(
        method="GET",
        path="/deployments/{owner}/{name}/releases",
        handler=releases,
        id="deployments.releases.list",
        scope=Scope.READ,
        summary="The newest releases, and what became of each",
        reply=ReleasesReply,
        faults=(404,),
        ours=True,
    ),
    Operation(
        method="POST",
        path="/deployments/{owner}/{name}/predictions",
        handler=create_prediction,
        id="deployments.predictions.create",
        scope=Scope.RUN,
        summary="Run the live release",
        body=CreateBody,
        headers=CreateHeaders,
        example=EXAMPLE,
        reply=PredictionReply,
        success=201,
        faults=(400, 402, 404, 422, 429),
    ),
]
