"""The audit log: what tokens changed or tried to, when and from where. Ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import acting_for, authenticate, operator
from mainspring.api.context import context
from mainspring.api.operation import Operation
from mainspring.api.wire import PAGE, cursor, moment, page, query, reply
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.shapes import Moment, OwnedPageQuery, Page
from mainspring.records.audit import Entry, Wanted


class AuditQuery(OwnedPageQuery):
    """Which entries. by: `account` for what its tokens did, `others` for what others did with what it has."""

    by: Annotated[
        Literal["account", "others", "everybody"],
        Meta(description="`everybody` is for the operator of the platform."),
    ] = "account"
    token: Annotated[str | None, Meta(description="Id of a token.")] = None
    operation: Annotated[str | None, Meta(description="Id of an operation.", examples=["tokens.create"])] = (
        None
    )
    since: Annotated[Moment | None, Meta(description="Then or later.")] = None
    until: Annotated[Moment | None, Meta(description="Before then.")] = None
    limit: Annotated[int, Meta(ge=1, le=PAGE, description="Most entries in one page.")] = PAGE


class AuditReply(msgspec.Struct):
    """Something that a token changed or tried to."""

    id: str
    at: Moment
    account: Annotated[str, Meta(description="Whose token it was.")]
    token: Annotated[str | None, Meta(description="The token's id.")]
    token_name: str
    operation: Annotated[
        str, Meta(description="The operation's id, or `sessions.begin`.", examples=["models.push"])
    ]
    object: Annotated[
        str, Meta(description="What it was done to, or what was made.", examples=["acme/hello"])
    ]
    owner: Annotated[str, Meta(description="Whose that is.")]
    source: Literal["api", "web"]
    address: Annotated[str | None, Meta(description="Where it came from; null when that got lost.")]
    status: Annotated[
        int | None,
        Meta(description="Of the reply; null while it is under way, and when the server died meanwhile."),
    ]


async def list_entries(request: Request) -> Response:
    """GET /audit, newest first."""
    caller, asked, ctx = await authenticate(request), query(request, AuditQuery), context(request)
    if asked.by == "everybody":
        operator(request, caller)
    whose = (await acting_for(request, caller, asked.account, operators=True)).username
    kept_s, since = ctx.settings.audit_retention_s, moment(asked.since, "since")
    if kept_s:
        since = max(since or "", rfc3339(ctx.now() - timedelta(seconds=kept_s)))
    wanted = Wanted(
        account=whose if asked.by == "account" else None,
        owner=whose if asked.by == "others" else None,
        token=asked.token,
        operation=asked.operation,
        since=since,
        until=moment(asked.until, "until"),
    )
    found = await ctx.audit.list(wanted, cursor(request), asked.limit)
    results = [_render(one) for one in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


def _render(one: Entry) -> AuditReply:
    return AuditReply(**{name: getattr(one, name) for name in AuditReply.__struct_fields__})


operations = [
    Operation(
        method="GET",
        path="/audit",
        handler=list_entries,
        id="audit.list",
        scope=Scope.ADMIN,
        summary="What tokens changed or tried to, newest first",
        about="Every call that changes something has an entry, and every sign-in; calls that only read have none.",
        query=AuditQuery,
        reply=Page[AuditReply],
        ours=True,
    ),
]
