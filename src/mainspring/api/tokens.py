"""Tokens: make, list and disable the caller's own. Replicate has this only on its web pages."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.context import authenticate, context
from mainspring.api.operation import Operation
from mainspring.api.repeating import Note, once
from mainspring.api.wire import Body, decode, page, read_body, reply
from mainspring.core.errors import InvalidField, InvalidInput, NotFound
from mainspring.core.shapes import KeyHeaders, Moment, Page
from mainspring.records.accounts import Token

_MOST_BYTES = 1 << 16
_LONGEST_NAME = 100


class TokenCreateBody(Body):
    """name: what the token is for, to tell it from others."""

    name: Annotated[str, Meta(extra_json_schema={"maxLength": _LONGEST_NAME})] = ""


class TokenReply(msgspec.Struct, kw_only=True):
    """A token, without its secret."""

    id: str
    name: str
    prefix: Annotated[str, Meta(description="How it begins.", examples=["ms_ab"])]
    last_four: Annotated[str, Meta(description="How it ends.", examples=["wxyz"])]
    created_at: Moment
    last_used_at: Moment | None
    disabled_at: Moment | None


class NewTokenReply(TokenReply, kw_only=True):
    """A token that was just made; its secret is shown this once."""

    token: Annotated[str, Meta(examples=["ms_…"])]


async def list_tokens(request: Request) -> Response:
    """GET /tokens: a page with all of them, newest first."""
    account = await authenticate(request)
    ctx = context(request)
    await ctx.accounts.touch(ctx.now())
    found = [_render(token) for token in await ctx.accounts.list_tokens(account.username)]
    return reply(page(request, found, next_cursor=None, previous_cursor=None))


async def create(request: Request) -> Response:
    """POST /tokens: the only reply that has the token itself, under `token`."""
    account = await authenticate(request)
    raw = await read_body(request, _MOST_BYTES)
    body = decode(raw, TokenCreateBody)
    if len(body.name) > _LONGEST_NAME:
        told = f"String length must be less than or equal to {_LONGEST_NAME}"
        raise InvalidInput([InvalidField("string_lte", "name", told)])
    ctx = context(request)

    async def make(note: Note) -> Response:
        token, secret = await ctx.accounts.create_token(
            account.username, body.name, now=ctx.now(), also=lambda *made: note.replied(_made(*made))
        )
        return _made(token, secret)

    return await once(request, account, raw, make)


async def disable(request: Request) -> Response:
    """DELETE /tokens/{id}: nobody can use the token any more."""
    account = await authenticate(request)
    ctx = context(request)
    if not await ctx.accounts.disable_token(account.username, request.path_params["token_id"], ctx.now()):
        raise NotFound
    return Response(status_code=204)


def _made(token: Token, secret: str) -> Response:
    return reply(NewTokenReply(**_facts(token), token=secret), 201)


def _render(token: Token) -> TokenReply:
    return TokenReply(**_facts(token))


def _facts(token: Token) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenReply.__struct_fields__}


operations = [
    Operation(
        method="GET",
        path="/tokens",
        handler=list_tokens,
        id="tokens.list",
        summary="The account's tokens",
        reply=Page[TokenReply],
        ours=True,
    ),
    Operation(
        method="POST",
        path="/tokens",
        handler=create,
        id="tokens.create",
        summary="Make a token",
        body=TokenCreateBody,
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
        summary="Disable a token",
        success=204,
        ours=True,
    ),
]
