"""Account: who the caller is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.context import authenticate, context
from mainspring.api.operation import Operation
from mainspring.api.retention import retention_asked
from mainspring.api.wire import Body, decode, read_body, reply
from mainspring.core.durations import tell_retention
from mainspring.core.shapes import Link
from mainspring.records.accounts import Account

_MOST_BYTES = 1 << 16


class AccountUpdateBody(Body):
    """retention: a duration like 24h, off to keep data for ever, or null for what the platform does."""

    retention: str | UnsetType | None = UNSET


class AccountReply(msgspec.Struct):
    """Who owns models and makes predictions."""

    type: Annotated[str, Meta(extra_json_schema={"enum": ["user", "organization"]})]
    username: Annotated[str, Meta(examples=["acme"])]
    name: Annotated[str, Meta(examples=["Acme"])]
    github_url: Link | UnsetType = UNSET
    avatar_url: Link | UnsetType = UNSET
    retention: Annotated[str | None, Meta(description="How long data is kept; ours.", examples=["24h"])] = (
        None
    )


async def get(request: Request) -> Response:
    """GET /account."""
    return reply(_render(await authenticate(request)))


async def update(request: Request) -> Response:
    """PATCH /account: how long data of predictions that are made from now on is kept."""
    account = await authenticate(request)
    body = decode(await read_body(request, _MOST_BYTES), AccountUpdateBody)
    if not isinstance(body.retention, UnsetType):
        retention_s = retention_asked(body.retention)
        account = await context(request).accounts.set_retention(account.username, retention_s) or account
    return reply(_render(account))


def _render(account: Account) -> AccountReply:
    return AccountReply(
        account.type, account.username, account.name, retention=tell_retention(account.retention_s)
    )


operations = [
    Operation(
        method="GET",
        path="/account",
        handler=get,
        id="account.get",
        summary="The account whose token is used",
        reply=AccountReply,
    ),
    Operation(
        method="PATCH",
        path="/account",
        handler=update,
        id="account.update",
        summary="Choose how long the account's data is kept",
        body=AccountUpdateBody,
        reply=AccountReply,
        ours=True,
    ),
]
