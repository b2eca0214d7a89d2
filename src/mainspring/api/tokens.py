"""Tokens: make, list, rename, rotate and disable. Replicate has this only on its web pages.

Nobody gets more by making a token than they have: neither scopes, nor time, nor money.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.auditing import concerns
from mainspring.api.calling import acting_for, authenticate
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.repeating import Note, once
from mainspring.api.spending import Amount, micro_asked
from mainspring.api.wire import Body, decode, page, query, read_body, reply
from mainspring.core.durations import parse_duration
from mainspring.core.errors import Forbidden, InvalidField, InvalidInput, NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope, grant_fault, with_read
from mainspring.core.shapes import AccountQuery, KeyHeaders, Moment, Page
from mainspring.records.accounts import Caller, Token
from mainspring.records.spending import Limit, setting

_MOST_BYTES = 1 << 16
_LONGEST_NAME = 100
_LONGEST_LIFE_S = 100 * 365 * 86_400
_LONGEST_GRACE_S = 30 * 86_400
_Scope = Literal["read", "run", "push", "admin"]
_Duration = Annotated[str, Meta(examples=["30d"])]
_Label = Annotated[str, Meta(extra_json_schema={"maxLength": _LONGEST_NAME})]


class TokenLimit(Body):
    """What the token may spend, in dollars. monthly and daily refuse what comes after, the soft ones warn."""

    monthly: Amount = UNSET
    daily: Amount = UNSET
    monthly_soft: Amount = UNSET
    daily_soft: Amount = UNSET


class TokenCreateBody(Body):
    """name: what the token is for, to tell it from others.

    scopes: what it may do, all that yours may if left out; run, push and admin bring read with them. expires_in: a
    duration after which it ends.
    """

    name: _Label = ""
    scopes: Annotated[list[_Scope], Meta(min_length=1)] | None = None
    expires_in: _Duration | None = None
    limit: TokenLimit | None = None


class TokenUpdateBody(Body):
    """name: what it is called from now on."""

    name: _Label


class TokenRotateBody(Body):
    """grace: a duration for which the secret that it has works as well, at most 30d; at once over if left out."""

    grace: _Duration | None = None


class TokenReply(msgspec.Struct, kw_only=True):
    """A token, without its secret."""

    id: str
    name: str
    prefix: Annotated[str, Meta(description="How it begins.", examples=["ms_ab"])]
    last_four: Annotated[str, Meta(description="How it ends.", examples=["wxyz"])]
    scopes: list[_Scope]
    created_at: Moment
    last_used_at: Moment | None
    expires_at: Moment | None
    disabled_at: Moment | None
    rotated_at: Annotated[Moment | None, Meta(description="When its secret was replaced last.")]
    previous_until: Annotated[
        Moment | None, Meta(description="Until when the secret before works, or worked, as well.")
    ]


class NewTokenReply(TokenReply, kw_only=True):
    """A token that was just made, or has a new secret, which is shown this once."""

    token: Annotated[str, Meta(examples=["ms_…"])]


async def list_tokens(request: Request) -> Response:
    """GET /tokens?account: a page with all of them, newest first."""
    caller, ctx = await authenticate(request), context(request)
    whose = await _whose(request, caller)
    accounts, now = ctx.accounts, rfc3339(ctx.now())
    listed = await accounts.list_tokens(whose)
    found = [_render(replace(t, last_used_at=now) if accounts.in_use(t.id) else t) for t in listed]
    return reply(page(request, found, next_cursor=None, previous_cursor=None))


async def create(request: Request) -> Response:
    """POST /tokens?account: the reply has the token itself, under `token`."""
    caller, ctx = await authenticate(request), context(request)
    whose, raw = await _whose(request, caller), await read_body(request, _MOST_BYTES)
    body, now = decode(raw, TokenCreateBody), ctx.now()
    name = _name(body.name)
    scopes = with_read(map(Scope, body.scopes)) if body.scopes else caller.scopes
    ends = _ends(body.expires_in, now) or caller.expires_at
    await _grant(ctx, caller, scopes, ends)

    async def make(note: Note) -> Response:
        token, secret = await ctx.accounts.create_token(
            whose,
            name,
            now=now,
            scopes=scopes,
            expires_at=ends,
            also=lambda *made: (
                *note.replied(_made(*made)),
                *setting(*_limits(body.limit, made[0].id, caller.username, rfc3339(now))),
            ),
        )
        concerns(request, thing=token.id)
        return _made(token, secret)

    return await once(request, caller, _of_token(caller, raw), make)


async def update(request: Request) -> Response:
    """PATCH /tokens/{id}?account: call it otherwise."""
    caller, ctx = await authenticate(request), context(request)
    whose = await _whose(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), TokenUpdateBody)
    changed = await ctx.accounts.rename_token(whose, request.path_params["token_id"], _name(body.name))
    if changed is None:
        raise NotFound
    return reply(_render(changed))


async def rotate(request: Request) -> Response:
    """POST /tokens/{id}/rotate?account: a new secret; name, scopes, end and limits stay."""
    caller, ctx = await authenticate(request), context(request)
    whose, raw = await _whose(request, caller), await read_body(request, _MOST_BYTES)
    grace_s = _seconds(decode(raw, TokenRotateBody).grace, "grace", _LONGEST_GRACE_S)
    token = await ctx.accounts.get_token(whose, request.path_params["token_id"])
    if token is None:
        raise NotFound
    if token.id != caller.token_id:
        await _grant(ctx, caller, token.scopes, token.expires_at)

    async def make(note: Note) -> Response:
        made = await ctx.accounts.rotate_token(
            token, ctx.now(), timedelta(seconds=grace_s), lambda *made: note.replied(_made(*made))
        )
        if made is None:
            raise NotFound("This token is disabled or over.")
        return _made(*made)

    return await once(request, caller, _of_token(caller, raw), make)


async def disable(request: Request) -> Response:
    """DELETE /tokens/{id}?account: nobody can use the token any more."""
    caller, ctx = await authenticate(request), context(request)
    whose = await _whose(request, caller)
    if not await ctx.accounts.disable_token(whose, request.path_params["token_id"], ctx.now()):
        raise NotFound
    return Response(status_code=204)


async def _whose(request: Request, caller: Caller) -> str:
    named = query(request, AccountQuery).account
    return (await acting_for(request, caller, named, operators=True)).username


async def _grant(ctx: Context, caller: Caller, scopes: frozenset[Scope], ends: str | None) -> None:
    """Raise Forbidden when the caller's token can't give so much."""
    if fault := grant_fault(caller.scopes, caller.expires_at, scopes, ends):
        raise Forbidden(fault)
    standings = await ctx.spending.of_caller(caller.username, caller.token_id, ctx.now())
    if any(standing.limit.scope == "token" for standing in standings):
        raise Forbidden("A token that has a spending limit of its own can't make or rotate other tokens.")


def _of_token(caller: Caller, raw: bytes) -> bytes:
    """What tells this request from others: what one token was told is not told to another one."""
    return caller.token_id.encode() + b"\n" + raw


def _limits(asked: TokenLimit | None, token: str, set_by: str, now: str) -> list[Limit]:
    if asked is None:
        return []
    amounts = {"month": (asked.monthly, asked.monthly_soft), "day": (asked.daily, asked.daily_soft)}
    limits = [
        Limit(
            scope="token",
            holder=token,
            period=period,
            hard=micro_asked(hard, None),
            soft=micro_asked(soft, None),
            set_by=set_by,
            set_at=now,
        )
        for period, (hard, soft) in amounts.items()
    ]
    return [limit for limit in limits if (limit.hard, limit.soft) != (None, None)]


def _name(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        told = f"String length must be less than or equal to {_LONGEST_NAME}"
        raise InvalidInput([InvalidField("string_lte", "name", told)])
    return name


def _ends(text: str | None, now: datetime) -> str | None:
    if text is None:
        return None
    return rfc3339(now + timedelta(seconds=_seconds(text, "expires_in", _LONGEST_LIFE_S, 1)))


def _seconds(text: str | None, field: str, most: int, least: int = 0) -> int:
    """A duration; 0 for none. Raises InvalidInput."""
    if text is None:
        return 0
    try:
        seconds = parse_duration(text)
        if not least <= seconds <= most:
            raise ValueError(f"must be from {least} s to {most // 86_400} days")
    except ValueError as error:
        raise InvalidInput([InvalidField("format", field, f"{field}: {error}")]) from error
    return seconds


def _made(token: Token, secret: str) -> Response:
    return reply(NewTokenReply(**_facts(token), token=secret), 201)


def _render(token: Token) -> TokenReply:
    return TokenReply(**_facts(token))


def _facts(token: Token) -> dict[str, Any]:
    names = set(TokenReply.__struct_fields__) - {"scopes", "previous_until"}
    scopes = [scope.value for scope in Scope if scope in token.scopes]
    return {name: getattr(token, name) for name in names} | {
        "scopes": scopes,
        "previous_until": token.former_until,
    }


operations = [
    Operation(
        method="GET",
        path="/tokens",
        handler=list_tokens,
        id="tokens.list",
        scope=Scope.ADMIN,
        summary="The account's tokens",
        query=AccountQuery,
        reply=Page[TokenReply],
        ours=True,
    ),
    Operation(
        method="POST",
        path="/tokens",
        handler=create,
        id="tokens.create",
        scope=Scope.ADMIN,
        summary="Make a token",
        about="It has at most the scopes, the time and the money of the token that makes it.",
        query=AccountQuery,
        body=TokenCreateBody,
        example={"name": "ci", "scopes": ["run"], "expires_in": "90d", "limit": {"monthly": "5.00"}},
        headers=KeyHeaders,
        reply=NewTokenReply,
        success=201,
        ours=True,
    ),
    Operation(
        method="PATCH",
        path="/tokens/{token_id}",
        handler=update,
        id="tokens.update",
        scope=Scope.ADMIN,
        summary="Call a token otherwise",
        query=AccountQuery,
        body=TokenUpdateBody,
        reply=TokenReply,
        ours=True,
    ),
    Operation(
        method="POST",
        path="/tokens/{token_id}/rotate",
        handler=rotate,
        id="tokens.rotate",
        scope=Scope.ADMIN,
        summary="Give a token a new secret",
        about="Its id, name, scopes, end and limits stay. The old secret ends at once, or after `grace`.",
        query=AccountQuery,
        body=TokenRotateBody,
        headers=KeyHeaders,
        reply=NewTokenReply,
        success=201,
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/tokens/{token_id}",
        handler=disable,
        id="tokens.disable",
        scope=Scope.ADMIN,
        summary="Disable a token",
        query=AccountQuery,
        success=204,
        ours=True,
    ),
]
