"""Hardware: what can be chosen on this machine."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.context import authenticate, context
from mainspring.api.operation import Operation
from mainspring.api.wire import reply


class HardwareReply(msgspec.Struct):
    """What an instance can run on."""

    name: str
    sku: str


async def list_hardware(request: Request) -> Response:
    """GET /hardware: a bare array of what this machine has."""
    await authenticate(request)
    return reply([HardwareReply(one.name, one.sku) for one in context(request).hardware])


operations = [
    Operation(
        method="GET",
        path="/hardware",
        handler=list_hardware,
        id="hardware.list",
        summary="What models and deployments can run on",
        reply=list[HardwareReply],
    ),
]
