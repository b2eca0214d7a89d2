"""What the audit log gets to know of a request: begun before the handler, ended with the reply's first byte."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.types import Message, Scope, Send

from mainspring.api.context import Context
from mainspring.api.operation import Operation
from mainspring.api.session import made_by
from mainspring.core.ids import rfc3339
from mainspring.records.accounts import Caller
from mainspring.records.audit import GATHERED, Entry

_CALLER = "mainspring.caller"
_ENTRY = "mainspring.audit.entry"
_OWNER = "mainspring.audit.owner"
_OBJECT = "mainspring.audit.object"
_LONGEST = 300


async def begin(ctx: Context, request: Request, caller: Caller, operation: Operation) -> None:
    """Write down what is about to change, unless that is gathered."""
    request.scope[_CALLER] = caller
    if operation.changes and operation.id not in GATHERED:
        now = ctx.now()
        request.scope[_ENTRY] = await ctx.audit.begin(_entry(request, caller, operation, rfc3339(now)), now)


def concerns(request: Request, *, owner: str | None = None, thing: str | None = None) -> None:
    """Note whose it is, or what was made."""
    if owner is not None:
        request.scope[_OWNER] = owner
    if thing is not None:
        request.scope[_OBJECT] = thing


def token_of(request: Request) -> str | None:
    """The id of the token that an authenticated request carries, or that its session stands for."""
    found: Caller | None = request.scope.get(_CALLER)
    return found.token_id if found else None


def ending(ctx: Context, scope: Scope, send: Send) -> Send:
    """A send that writes down how a reply begins, before it does."""

    async def send_told(message: Message) -> None:
        if message["type"] == "http.response.start" and (entry := scope.pop(_ENTRY, None)) is not None:
            await ctx.audit.end(_known(scope, replace(entry, status=message["status"])))
        await send(message)

    return send_told


def gather(ctx: Context, request: Request, operation: Operation, status: int) -> None:
    """Remember what was changed, where that is gathered."""
    caller: Caller | None = request.scope.get(_CALLER)
    if caller is not None:
        entry = _entry(request, caller, operation, rfc3339(ctx.now()), status)
        ctx.audit.gather(_known(request.scope, entry))


async def signed_in(ctx: Context, request: Request, caller: Caller) -> None:
    """Write down that a session of the pages began."""
    now = ctx.now()
    entry = Entry(
        at=rfc3339(now),
        account=caller.username,
        token=caller.token_id,
        token_name=caller.token_name,
        owner=caller.username,
        operation="sessions.begin",
        object=caller.token_id,
        source="web",
        address=request.client.host if request.client else None,
        status=303,
    )
    await ctx.audit.begin(entry, now)


def _entry(
    request: Request, caller: Caller, operation: Operation, at: str, status: int | None = None
) -> Entry:
    return Entry(
        at=at,
        account=caller.username,
        token=caller.token_id,
        token_name=caller.token_name,
        owner=caller.username,
        operation=operation.id,
        object="/".join(map(str, request.path_params.values()))[:_LONGEST],
        source=made_by(request),
        address=request.client.host if request.client else None,
        status=status,
    )


def _known(scope: Scope, entry: Entry) -> Entry:
    """With what the handler found out."""
    owner, thing = scope.get(_OWNER, entry.owner), scope.get(_OBJECT, entry.object)
    return (
        entry
        if (owner, thing) == (entry.owner, entry.object)
        else replace(entry, owner=owner, object=thing[:_LONGEST])
    )
