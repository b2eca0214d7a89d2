"""Accounts of users: the operator makes, names and disables them. Ours."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.auditing import concerns
from mainspring.api.calling import authenticate, operator
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.wire import Body, decode, read_body, refuse, reply
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.people import Scope, username_fault
from mainspring.core.shapes import Moment, Name
from mainspring.records.accounts import Account

_MOST_BYTES = 1 << 16
_FOR_OPERATOR = "For the operator of the platform."
Username = Annotated[str, Meta(description="The first part of `owner/name`, for ever.", examples=["ada"])]


class PersonCreateBody(Body):
    """A new account of a user. name: for people, the username if left out."""

    username: Username
    name: Name | None = None


class PersonUpdateBody(Body):
    """What is to change; what is left out stays. disabled: none of its tokens opens it."""

    name: Name | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class PersonReply(msgspec.Struct):
    """An account. disabled_at: since when none of its tokens opens it."""

    type: Annotated[str, Meta(extra_json_schema={"enum": ["user", "organization"]})]
    username: Username
    name: str
    created_at: Moment
    disabled_at: Moment | None


class PeopleReply(msgspec.Struct):
    """Accounts, by username."""

    results: list[PersonReply]


async def list_accounts(request: Request) -> Response:
    """GET /accounts: those of users."""
    operator(request, await authenticate(request))
    return reply(PeopleReply([_person(each) for each in await context(request).accounts.users()]))


async def create_account(request: Request) -> Response:
    """POST /accounts."""
    operator(request, await authenticate(request))
    body, ctx = decode(await read_body(request, _MOST_BYTES), PersonCreateBody), context(request)
    refuse({"username": username_fault(body.username)})
    concerns(request, thing=body.username)
    made = await ctx.accounts.create_account(body.username, "user", body.name or body.username, ctx.now())
    return reply(_person(made), 201)


async def get_account(request: Request) -> Response:
    """GET /accounts/{username}."""
    operator(request, await authenticate(request))
    return reply(_person(await _user(request)))


async def update_account(request: Request) -> Response:
    """PATCH /accounts/{username}: its name for people, and whether its tokens open it."""
    operator(request, await authenticate(request))
    body, ctx = decode(await read_body(request, _MOST_BYTES), PersonUpdateBody), context(request)
    found = await _user(request)
    if found.username == ctx.settings.account and body.disabled is True:
        raise Conflict("The operator's account can't be disabled.")
    return reply(_person(await change_account(ctx, found, body)))


async def _user(request: Request) -> Account:
    found = await context(request).accounts.get(request.path_params["username"])
    if found is None or found.type != "user":
        raise NotFound
    return found


async def change_account(ctx: Context, account: Account, body: PersonUpdateBody) -> Account:
    """The account, changed as asked."""
    username = account.username
    if not isinstance(body.name, UnsetType):
        account = await ctx.accounts.rename(username, body.name) or account
    if body.disabled is True:
        account = await ctx.accounts.disable(username, ctx.now()) or account
    if body.disabled is False:
        account = await ctx.accounts.enable(username) or account
    return account


def _person(account: Account) -> PersonReply:
    return PersonReply(**facts_of(account))


def facts_of(account: Account) -> dict[str, Any]:
    """What replies say of an account."""
    return {name: getattr(account, name) for name in PersonReply.__struct_fields__}


operations = [
    Operation(
        method="GET",
        path="/accounts",
        handler=list_accounts,
        id="accounts.list",
        scope=Scope.ADMIN,
        summary="The accounts of users",
        about=_FOR_OPERATOR,
        reply=PeopleReply,
        ours=True,
    ),
    Operation(
        method="POST",
        path="/accounts",
        handler=create_account,
        id="accounts.create",
        scope=Scope.ADMIN,
        summary="Make an account",
        about=f"{_FOR_OPERATOR} Its first token is made by `tokens.create` with `account`.",
        body=PersonCreateBody,
        reply=PersonReply,
        success=201,
        faults=(409,),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/accounts/{username}",
        handler=get_account,
        id="accounts.get",
        scope=Scope.ADMIN,
        summary="One account",
        about=_FOR_OPERATOR,
        reply=PersonReply,
        ours=True,
    ),
    Operation(
        method="PATCH",
        path="/accounts/{username}",
        handler=update_account,
        id="accounts.update",
        scope=Scope.ADMIN,
        summary="Name an account, disable or enable it",
        about=_FOR_OPERATOR,
        body=PersonUpdateBody,
        reply=PersonReply,
        faults=(409,),
        ours=True,
    ),
]
