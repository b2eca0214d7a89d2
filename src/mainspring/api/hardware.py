"""Hardware: what a model can ask to run on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.context import authenticate
from mainspring.api.wire import reply
from mainspring.core.catalog import HARDWARE


async def list_hardware(request: Request) -> Response:
    """GET /hardware: a bare array."""
    await authenticate(request)
    return reply([{"name": one.name, "sku": one.sku} for one in HARDWARE])


routes = [Route("/hardware", list_hardware, methods=["GET"])]
