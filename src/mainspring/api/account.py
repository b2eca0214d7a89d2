"""Account: who the caller is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import acting_for, authenticate
from mainspring.api.context import context
from mainspring.api.operation import Operation
from mainspring.api.retention import retention_asked
from mainspring.api.wire import Body, decode, query, read_body, reply
from mainspring.core.durations import tell_retention
from mainspring.core.people import Scope
from mainspring.core.shapes import AccountQuery, Link, Name
from mainspring.records.accounts import Account

_MOST_BYTES = 1 << 16


class AccountUpdateBody(Body):
    """name: for people. retention: like 24h, off to keep data for ever, or null for what the platform does."""

    name: Name | UnsetType = UNSET
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
    caller = await authenticate(request)
    return reply(_render(await acting_for(request, caller, query(request, AccountQuery).account)))


async def update(request: Request) -> Response:
    """PATCH /account: its name for people, and how long data of predictions that are made from now on is kept."""
    caller, ctx = await authenticate(request), context(request)
    account = await acting_for(request, caller, query(request, AccountQuery).account)
    body = decode(await read_body(request, _MOST_BYTES), AccountUpdateBody)
    if not isinstance(body.name, UnsetType):
        account = await ctx.accounts.rename(account.username, body.name) or account
    if not isinstance(body.retention, UnsetType):
        retention_s = retention_asked(body.retention)
        account = await ctx.accounts.set_retention(account.username, retention_s) or account
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
        scope=Scope.READ,
        summary="The account whose token is used",
        query=AccountQuery,
        reply=AccountReply,
    ),
    Operation(
        method="PATCH",
        path="/account",
        handler=update,
        id="account.update",
        scope=Scope.ADMIN,
        summary="Name the account, and choose how long its data is kept",
        query=AccountQuery,
        body=AccountUpdateBody,
        reply=AccountReply,
        ours=True,
    ),
]
