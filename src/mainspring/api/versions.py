"""Versions: list, get, delete."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate
from mainspring.api.context import context
from mainspring.api.model_replies import VersionReply, render_version
from mainspring.api.models import own_model, visible_model
from mainspring.api.operation import Operation
from mainspring.api.references import version_of
from mainspring.api.wire import PAGE, cursor, page, reply
from mainspring.core.errors import Conflict, Forbidden, NotFound
from mainspring.core.people import Scope
from mainspring.core.shapes import Page, PageQuery

_NEEDED = {
    "run": "You can't delete a version that other accounts have run.",
    "training": "You can't delete a version that others were trained from.",
}


async def list_versions(request: Request) -> Response:
    """GET /models/{owner}/{name}/versions, newest first."""
    model = await visible_model(request, await authenticate(request))
    found = await context(request).catalog.list_versions(model.full_name, cursor(request), PAGE)
    results = [render_version(version) for version in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def get(request: Request) -> Response:
    """GET /models/{owner}/{name}/versions/{id}."""
    caller, asked = await authenticate(request), request.path_params["version_id"]
    model = await visible_model(request, caller)
    version = await version_of(context(request), caller, model.full_name, asked)
    if version is None:
        raise NotFound
    return reply(render_version(version, asked))


async def delete(request: Request) -> Response:
    """DELETE /models/{owner}/{name}/versions/{id}: of a private model, when nothing runs on it or is pinned to it.

    202 like Replicate's, although the version is gone at once; what was built for it goes later.
    """
    model = await own_model(request, await authenticate(request))
    catalog, version_id = context(request).catalog, request.path_params["version_id"]
    version = await catalog.get_version(model.full_name, version_id)
    if version is None:
        raise NotFound
    if model.visibility != "private":
        raise Forbidden("You can only delete versions of private models.")
    why = await catalog.needed_by_others(model.full_name, version_id)
    if why is not None:
        raise Forbidden(_NEEDED[why])
    if not await catalog.delete_version(model.full_name, version_id):
        raise Conflict("This version is in a deployment, or has predictions that have not ended.")
    if version.weights is not None:
        await context(request).objects.delete(version.weights)
        context(request).hints.hint("weights")
    return Response(status_code=202)


operations = [
    Operation(
        method="GET",
        path="/models/{owner}/{name}/versions",
        handler=list_versions,
        id="models.versions.list",
        scope=Scope.READ,
        summary="A model's versions, newest first",
        query=PageQuery,
        reply=Page[VersionReply],
    ),
    Operation(
        method="GET",
        path="/models/{owner}/{name}/versions/{version_id}",
        handler=get,
        id="models.versions.get",
        scope=Scope.READ,
        summary="One version",
        reply=VersionReply,
    ),
    Operation(
        method="DELETE",
        path="/models/{owner}/{name}/versions/{version_id}",
        handler=delete,
        id="models.versions.delete",
        scope=Scope.PUSH,
        summary="Delete a version",
        success=202,
        faults=(403, 409),
    ),
]
