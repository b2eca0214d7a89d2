"""Usage: what an account used, by day, model, token, deployment or hardware; as JSON or CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import acting_for, authenticate
from mainspring.api.context import context
from mainspring.api.operation import Operation
from mainspring.api.spending import Dollars, LimitReply, limits_of
from mainspring.api.wire import query, reply
from mainspring.core.errors import InvalidRequest
from mainspring.core.ids import parse_time, rfc3339
from mainspring.core.people import Scope
from mainspring.core.periods import began
from mainspring.core.pricing import MICRO, tell_dollars
from mainspring.core.shapes import Moment, OfAccount
from mainspring.records.usage import Sum, total

_By = Literal["day", "model", "token", "deployment", "hardware"]
_DayOrMoment = Annotated[str, Meta(description="A day (UTC) or a moment.", examples=["2026-01-31"])]


class UsageQuery(msgspec.Struct):
    """What usage is told. since: from then on, the first of this month if left out; until: before then."""

    by: _By = "day"
    since: _DayOrMoment | None = None
    until: _DayOrMoment | None = None
    account: OfAccount | None = None
    format: Literal["json", "csv"] | None = None


class UsageSum(msgspec.Struct):
    """What was used under one key. runs: predictions and trainings that ended; failed: of these. Times in seconds.

    lost: time at work that came to nothing, as when an instance died; nobody pays for it.
    """

    key: Annotated[str, Meta(description="A day, a model, a token's id, …; empty for none.")]
    runs: int
    failed: int
    setup_time: float
    idle_time: float
    active_time: float
    lost_time: float
    amount: Dollars
    list_amount: Annotated[Dollars, Meta(description="What it would cost at Replicate's list prices.")]
    input_tokens: int
    output_tokens: int
    images: int


class UnfinishedReply(msgspec.Struct):
    """How many predictions and trainings wait, and how many run, at this moment."""

    starting: int
    processing: int


class UsageReply(msgspec.Struct):
    """What an account used in a span of time, in all and by key; its spending limits; what has not ended yet."""

    account: str
    by: _By
    since: Moment
    until: Moment
    currency: Literal["USD"]
    total: UsageSum
    results: list[UsageSum]
    limits: list[LimitReply]
    unfinished: UnfinishedReply


async def get(request: Request) -> Response:
    """GET /usage?by&since&until&account&format."""
    caller = await authenticate(request)
    ctx, asked = context(request), query(request, UsageQuery)
    whose = (await acting_for(request, caller, asked.account, operators=True)).username
    now = ctx.now()
    since = _moment(asked.since, "since") or _moment(began("month", now), "since") or now
    until = _moment(asked.until, "until") or now + timedelta(seconds=1)
    found = await ctx.usage.sums(whose, asked.by, since, until)
    sums = [_render(one) for one in found]
    wanted = request.headers.get("accept", "")
    if asked.format == "csv" or (asked.format is None and wanted.startswith("text/csv")):
        return _as_file(_csv(asked.by, sums), f"usage-by-{asked.by}-{since:%Y-%m-%d}.csv")
    unfinished = await ctx.usage.unfinished(whose)
    return reply(
        UsageReply(
            account=whose,
            by=asked.by,
            since=rfc3339(since),
            until=rfc3339(until),
            currency="USD",
            total=_render(total(found)),
            results=sums,
            limits=await limits_of(ctx, whose),
            unfinished=UnfinishedReply(unfinished.starting, unfinished.processing),
        )
    )


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_time(text.replace(" ", "+")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} must be a day like 2026-01-31 or an ISO 8601 date-time") from error


def _render(one: Sum) -> UsageSum:
    return UsageSum(
        key=one.key,
        runs=one.runs,
        failed=one.failed,
        setup_time=one.setup_us / MICRO,
        idle_time=one.idle_us / MICRO,
        active_time=one.active_us / MICRO,
        lost_time=one.lost_us / MICRO,
        amount=tell_dollars(one.amount),
        list_amount=tell_dollars(one.list_amount),
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        images=one.images,
    )


def _as_file(text: str, name: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv", headers=headers)


def _csv(by: str, sums: list[UsageSum]) -> str:
    """One line for each key. A key that a spreadsheet would take for a formula is quoted as text."""
    names = UsageSum.__struct_fields__
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow([by, *names[1:]])
    for one in sums:
        key = f"'{one.key}" if one.key[:1] in ("=", "+", "-", "@") else one.key
        lines.writerow([key, *(getattr(one, name) for name in names[1:])])
    return text.getvalue()


operations = [
    Operation(
        method="GET",
        path="/usage",
        handler=get,
        id="usage.get",
        scope=Scope.READ,
        summary="What the account used and what it cost",
        about="As CSV with `format=csv`, or with `Accept: text/csv`.",
        query=UsageQuery,
        reply=UsageReply,
        also_as=("text/csv",),
        faults=(403,),
        ours=True,
    ),
]
