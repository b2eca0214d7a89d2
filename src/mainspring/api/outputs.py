"""Output files: public to whoever knows the URL, whose capability nobody can guess."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.context import context
from mainspring.api.delivery import deliver
from mainspring.core.errors import NotFound

_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
    "Cache-Control": "public, max-age=3600",
}


async def get(request: Request) -> Response:
    """GET /outputs/{prediction_id}/{capability}/{name}."""
    path = request.path_params
    key = f"outputs/{path['prediction_id']}/{path['capability']}/{path['name']}"
    objects = context(request).objects
    try:
        stored = await objects.stat(key)
    except ValueError as error:
        raise NotFound from error
    if stored is None:
        raise NotFound
    return deliver(request, objects.path(key), stored.content_type, stored.md5, _HEADERS)


root_routes = [Route("/outputs/{prediction_id}/{capability}/{name}", get, methods=["GET"])]
