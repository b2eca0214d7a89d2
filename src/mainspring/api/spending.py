"""What a run will cost, whether its account may still spend that, and the limits: list, set, remove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.auditing import token_of
from mainspring.api.calling import acting_for, authenticate, is_operator
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.wire import Body, decode, query, read_body, reply
from mainspring.core.egress import RefusedTarget, check_webhook
from mainspring.core.errors import (
    Forbidden,
    InvalidField,
    InvalidInput,
    InvalidRequest,
    NotFound,
    SpendLimitReached,
)
from mainspring.core.hardware import prices
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.periods import PERIODS, resets
from mainspring.core.prediction import Prediction
from mainspring.core.pricing import amount, micro_dollars, tell_dollars
from mainspring.core.shapes import Moment, OfAccount
from mainspring.database import Statement
from mainspring.records.accounts import Caller
from mainspring.records.spending import Limit, Standing

_MOST_BYTES = 1 << 16
_MOST_DOLLARS = Decimal(10**9)
Dollars = Annotated[str, Meta(description="US dollars, exact.", examples=["5.00"])]
Amount = Annotated[Decimal | UnsetType | None, Meta(extra_json_schema={"type": ["string", "number", "null"]})]


class LimitReply(msgspec.Struct):
    """A spending limit, and where its holder stands. soft only warns, hard refuses.

    running: what is unfinished is taken to cost.
    """

    period: Literal["month", "day"]
    spent: Dollars
    running: Dollars
    resets_at: Moment
    reached: Annotated[bool, Meta(description="Whether the next prediction is refused.")]
    warning: Annotated[bool, Meta(description="Whether the soft limit is reached.")]
    account: str
    token: Annotated[
        str | None, Meta(description="Id of the token that it is for; null for the whole account.")
    ]
    by_operator: Annotated[bool, Meta(description="Whether the operator set it: nobody else can change it.")]
    hard: Dollars | None
    soft: Dollars | None
    webhook: str | None


class LimitsReply(msgspec.Struct):
    """The limits of an account and of its tokens."""

    results: list[LimitReply]


class LimitsQuery(msgspec.Struct):
    """Whose limits. The operator can name every account."""

    account: OfAccount | None = None


class LimitBody(Body):
    """Limits in dollars; what is left out stays, null is none. For your account, unless a token of it is named.

    monthly and daily refuse what comes after, the soft ones warn. account: an organization of
    yours; for the operator, anybody. webhook: hears of a limit that is reached, once in a period.
    """

    monthly: Amount = UNSET
    daily: Amount = UNSET
    monthly_soft: Amount = UNSET
    daily_soft: Amount = UNSET
    webhook: str | UnsetType | None = UNSET
    account: str | None = None
    token: str | None = None


class LimitRemoval(msgspec.Struct):
    """Which limit is lifted; without a period, both."""

    account: str | None = None
    token: str | None = None
    period: Literal["month", "day"] | None = None


def with_prices(ctx: Context, prediction: Prediction) -> Prediction:
    """With the prices of its hardware."""
    price, list_price = prices(ctx.settings.hardware.get(prediction.hardware or ""))
    return replace(prediction, price=price, list_price=list_price)


async def priced(ctx: Context, prediction: Prediction) -> Prediction:
    """With prices, and what it is taken to cost: at least a micro-dollar where anything costs."""
    prediction = with_prices(ctx, prediction)
    if not prediction.price:
        return prediction
    return replace(prediction, reserved=max(1, amount(await _run_us(ctx, prediction), prediction.price)))


async def _run_us(ctx: Context, prediction: Prediction) -> int:
    lately = await ctx.usage.estimate(prediction.model, prediction.deployment)
    known = lately.samples and prediction.kind == "prediction"
    return lately.paid_p95_us if known else int(ctx.settings.estimate_s * 1_000_000)


def admission(ctx: Context, prediction: Prediction) -> tuple[Statement, ...]:
    """The guard of whatever costs something; nothing for what is free."""
    return (ctx.spending.admission(prediction, ctx.now()),) if prediction.price else ()


async def refuse_spending(ctx: Context, prediction: Prediction) -> None:
    """Raise SpendLimitReached if a limit keeps the prediction out."""
    if not prediction.price:
        return
    now = ctx.now()
    for standing in await ctx.spending.of_caller(prediction.account, prediction.token, now):
        if standing.reached:
            raise _reached(ctx, standing, now, prediction.base_url or "")


def _reached(ctx: Context, standing: Standing, now: datetime, base: str) -> SpendLimitReached:
    limit, often = standing.limit, PERIODS[standing.limit.period]
    whose = f"the account {limit.holder}" if limit.scope == "account" else f"this token ({limit.holder})"
    running = f" and {_usd(standing.running)} reserved for what is unfinished" if standing.running else ""
    return SpendLimitReached(
        f"The {often} spending limit of {whose} is reached: {_usd(standing.spent)} spent{running}, of"
        f" {_usd(limit.hard or 0)}. It resets at {rfc3339(resets(limit.period, now))}."
        f" {_how_to_raise(ctx, standing, base)}",
        title=f"{often.capitalize()} spend limit reached",
    )


def _how_to_raise(ctx: Context, standing: Standing, base: str) -> str:
    limit = standing.limit
    if standing.imposed(ctx.settings.account):
        return "The operator of this platform set it, and can raise it."
    option = "" if limit.scope == "account" else f" --token {limit.holder}"
    command = f"mainspring limit set --{PERIODS[limit.period]} AMOUNT{option}"
    return f"To raise it: {base}/usage, or {command}, or PUT /v1/limits."


def _usd(micro: int) -> str:
    return f"${tell_dollars(micro)}"


async def list_limits(request: Request) -> Response:
    """GET /limits?account."""
    caller = await authenticate(request)
    named = query(request, LimitsQuery).account
    whose = await acting_for(request, caller, named, operators=True)
    return reply(LimitsReply(await limits_of(context(request), whose.username)))


async def limits_of(ctx: Context, account: str) -> list[LimitReply]:
    """The limits of an account and its tokens, with where they stand."""
    now = ctx.now()
    return [_render(ctx, standing, now) for standing in await ctx.spending.of_account(account, now)]


async def set_limits(request: Request) -> Response:
    """PUT /limits: those of a holder; what is left out stays."""
    caller, ctx = await authenticate(request), context(request)
    body = decode(await read_body(request, _MOST_BYTES), LimitBody)
    whose, scope, holder = await _holder(request, caller, body.account, body.token)
    now, before = ctx.now(), await _before(ctx, whose, holder)
    asked = {"month": (body.monthly, body.monthly_soft), "day": (body.daily, body.daily_soft)}
    limits = []
    for period, (hard, soft) in asked.items():
        known = before.get(period)
        if hard is UNSET and soft is UNSET and (known is None or body.webhook is UNSET):
            continue
        base = known or Limit(scope=scope, holder=holder, period=period, set_by="", set_at="")
        limit = replace(
            base, hard=micro_asked(hard, base.hard), soft=micro_asked(soft, base.soft), set_by=caller.username
        )
        limits.append(replace(limit, webhook=_webhook(ctx, body, base.webhook), set_at=rfc3339(now)))
    if not limits:
        raise InvalidRequest("Say a limit: monthly, daily, monthly_soft or daily_soft.")
    _refuse_the_operators(ctx, caller, (before[one.period] for one in limits if one.period in before))
    await ctx.spending.set(*limits)
    return reply(LimitsReply(await limits_of(ctx, whose)))


async def remove_limits(request: Request) -> Response:
    """DELETE /limits?account&token&period."""
    caller, ctx = await authenticate(request), context(request)
    asked = query(request, LimitRemoval)
    whose, scope, holder = await _holder(request, caller, asked.account, asked.token)
    before = await _before(ctx, whose, holder)
    periods = [asked.period] if asked.period else list(PERIODS)
    _refuse_the_operators(ctx, caller, (before[one] for one in periods if one in before))
    if not any([await ctx.spending.remove(scope, holder, period) for period in periods]):
        raise NotFound("There is no such limit.")
    return Response(status_code=204)


async def _holder(
    request: Request, caller: Caller, named: str | None, token: str | None
) -> tuple[str, str, str]:
    """(account, scope, holder) whose limit is to be changed. Raises Forbidden, NotFound."""
    ctx = context(request)
    whose = (await acting_for(request, caller, named, operators=True)).username
    standings = await ctx.spending.of_account(whose, ctx.now())
    carried = token_of(request)
    if any(s.limit.scope == "token" and s.limit.holder == carried for s in standings):
        raise Forbidden("A token that has a limit of its own can't change limits.")
    if token is None:
        return whose, "account", whose
    if all(one.id != token for one in await ctx.accounts.list_tokens(whose)):
        raise NotFound(f"{whose} has no token {token}.")
    return whose, "token", token


async def _before(ctx: Context, account: str, holder: str) -> dict[str, Limit]:
    """The limits of a holder by period."""
    standings = await ctx.spending.of_account(account, ctx.now())
    return {s.limit.period: s.limit for s in standings if s.limit.holder == holder}


def _refuse_the_operators(ctx: Context, caller: Caller, limits: Iterable[Limit]) -> None:
    """What the operator has set for others, only the operator changes."""
    if not is_operator(ctx, caller) and any(limit.set_by == ctx.settings.account for limit in limits):
        raise Forbidden("The operator of this platform set this limit; ask them to change it.")


def micro_asked(asked: Decimal | UnsetType | None, before: int | None) -> int | None:
    """What is asked for, in micro-dollars; what was before if it is left out. Raises InvalidRequest."""
    if isinstance(asked, UnsetType):
        return before
    if asked is None:
        return None
    if not (asked.is_finite() and 0 <= asked <= _MOST_DOLLARS):
        raise InvalidRequest("A limit is an amount in dollars, from 0 to a billion.")
    return micro_dollars(asked)


def _webhook(ctx: Context, body: LimitBody, before: str | None) -> str | None:
    if isinstance(body.webhook, UnsetType):
        return before
    if body.webhook:
        try:
            check_webhook(body.webhook, ctx.egress)
        except RefusedTarget as error:
            raise InvalidInput([InvalidField("format", "webhook", str(error))]) from error
    return body.webhook or None


def _render(ctx: Context, standing: Standing, now: datetime) -> LimitReply:
    limit = standing.limit
    return LimitReply(
        period="day" if limit.period == "day" else "month",
        spent=tell_dollars(standing.spent),
        running=tell_dollars(standing.running),
        resets_at=rfc3339(resets(limit.period, now)),
        reached=standing.reached,
        warning=standing.warned,
        account=standing.account,
        token=limit.holder if limit.scope == "token" else None,
        by_operator=standing.imposed(ctx.settings.account),
        hard=tell_dollars(limit.hard) if limit.hard is not None else None,
        soft=tell_dollars(limit.soft) if limit.soft is not None else None,
        webhook=limit.webhook,
    )


operations = [
    Operation(
        method="GET",
        path="/limits",
        handler=list_limits,
        id="limits.list",
        scope=Scope.READ,
        summary="Spending limits, and how much is spent",
        query=LimitsQuery,
        reply=LimitsReply,
        faults=(403,),
        ours=True,
    ),
    Operation(
        method="PUT",
        path="/limits",
        handler=set_limits,
        id="limits.set",
        scope=Scope.ADMIN,
        summary="Set spending limits of an account or a token",
        body=LimitBody,
        example={"monthly": "5.00", "monthly_soft": "4.00"},
        reply=LimitsReply,
        faults=(403, 404),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/limits",
        handler=remove_limits,
        id="limits.remove",
        scope=Scope.ADMIN,
        summary="Lift spending limits of an account or a token",
        query=LimitRemoval,
        success=204,
        faults=(403, 404),
        ours=True,
    ),
]
