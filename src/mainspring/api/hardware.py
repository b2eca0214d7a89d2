"""Hardware: what a model can ask to run on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.context import authenticate
from mainspring.api.operation import Operation
from mainspring.api.wire import reply
from mainspring.core.catalog import HARDWARE


async def list_hardware(request: Request) -> Response:
    """GET /hardware: a bare array."""
    await authenticate(request)
    return reply([{"name": one.name, "sku": one.sku} for one in HARDWARE])


operations = [
    Operation(
        method="GET",
        path="/hardware",
        handler=list_hardware,
        id="hardware.list",
        summary="What models can run on",
    ),
]
