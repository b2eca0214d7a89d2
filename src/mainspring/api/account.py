"""Account: who the caller is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.context import authenticate
from mainspring.api.operation import Operation
from mainspring.api.wire import reply


async def get(request: Request) -> Response:
    """GET /account."""
    account = await authenticate(request)
    return reply(
        {"type": account.type, "username": account.username, "name": account.name, "github_url": None}
    )


operations = [
    Operation(
        method="GET",
        path="/account",
        handler=get,
        id="account.get",
        summary="The account whose token is used",
    ),
]
