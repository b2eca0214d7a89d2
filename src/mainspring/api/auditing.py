"""What the audit log gets to know of a request: begun before the handler, ended with the reply's first byte.

Creates of predictions are the exception: a row of predictions says all of it, and costs nothing more. They have an
entry only where they were refused, and where they use what another account has.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace

from starlette.requests import Request
from starlette.types import Message, Scope, Send

from mainspring.api.context import Context
from mainspring.api.operation import Operation, operation_of
from mainspring.api.session import made_by
from mainspring.core.ids import rfc3339
from mainspring.core.prediction import Prediction
from mainspring.database import Statement
from mainspring.records.accounts import Caller
from mainspring.records.audit import CREATES, Entry, crossing

log = logging.getLogger(__name__)
_CALLER = "mainspring.caller"
_ENTRY = "mainspring.audit.entry"
_OWNER = "mainspring.audit.owner"
_OBJECT = "mainspring.audit.object"
_LONGEST = 300


async def begin(ctx: Context, request: Request, caller: Caller, operation: Operation) -> None:
    """Write down what is about to change."""
    request.scope[_CALLER] = caller
    if operation.changes and operation.id not in CREATES:
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
            try:
                await ctx.audit.end(_known(scope, replace(entry, status=message["status"])))
            except sqlite3.Error as error:
                # What was asked is written down already, and what was done is done: the reply must say so.
                log.error("audit: how %s ended could not be noted: %s", entry.operation, error)
        await send(message)

    return send_told


async def refused(ctx: Context, request: Request, operation: Operation, status: int) -> None:
    """Write down a create that was not made."""
    caller: Caller | None = request.scope.get(_CALLER)
    if caller is not None:
        now = ctx.now()
        entry = _entry(request, caller, operation, rfc3339(now), status)
        try:
            await ctx.audit.begin(_known(request.scope, entry), now)
        except sqlite3.Error as error:
            # Nothing was made, and that is what the reply says.
            log.error("audit: a refused %s could not be noted: %s", entry.operation, error)


def crosses(request: Request, prediction: Prediction) -> tuple[Statement, ...]:
    """For the transaction that makes it: an entry for the owner of what it uses, if that is another account."""
    owner, operation = request.scope.get(_OWNER, prediction.account), operation_of(request)
    if owner == prediction.account or operation is None or operation.id not in CREATES:
        return ()
    entry = _entry(request, request.scope[_CALLER], operation, prediction.created_at, 201)
    return (crossing(replace(entry, owner=owner, object=prediction.id)),)


def address_of(request: Request) -> str | None:
    """Where it came from: who is connected, or whom a trusted proxy names."""
    return request.client.host if request.client else None


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
        address=address_of(request),
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
        address=address_of(request),
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
