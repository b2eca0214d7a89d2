"""Hardware: what can be chosen on this machine."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate
from mainspring.api.context import context
from mainspring.api.operation import Operation
from mainspring.api.wire import reply
from mainspring.core.people import Scope


class HardwareReply(msgspec.Struct):
    """What a model can ask to run on."""

    name: Annotated[str, Meta(description="For people.", examples=["CPU"])]
    sku: Annotated[str, Meta(description="For requests.", examples=["cpu"])]


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
        scope=Scope.READ,
        summary="What models and deployments can run on",
        reply=list[HardwareReply],
    ),
]
