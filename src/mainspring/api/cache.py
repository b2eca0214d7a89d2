"""Ours: what a model's owner says of the store of results, what is in it, what it saved, and how it is emptied."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import acting_for, authenticate, is_operator, require
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.references import visible
from mainspring.api.wire import Body, query, refusal, reply
from mainspring.core.durations import OFF, parse_duration, tell_duration
from mainspring.core.errors import NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.pricing import MICRO, tell_dollars
from mainspring.core.shapes import ModelName, Moment
from mainspring.records.accounts import Caller
from mainspring.records.cached import Savings, Stock, since
from mainspring.records.catalog import Model

_LONGEST_S = 100 * 365 * 86_400
_EMPTY = Stock(model="", entries=0, bytes=0, oldest_at="")
_NONE = Savings(model="", hits=0, joined=0, saved_us=0, amount=0, list_amount=0)


class CacheSettings(Body):
    """When a model's results answer later requests.

    deterministic: the same input always gives the same output. seed_input: the input that makes it so, when it is
    given. max_age: how old an answer may be, like 24h; null where a request has to ask for one.
    """

    deterministic: bool | UnsetType = UNSET
    seed_input: str | UnsetType | None = UNSET
    max_age: str | UnsetType | None = UNSET


class SavedReply(msgspec.Struct):
    """What did not have to run. hits: answered from the store; joined: with the same run that was under way."""

    hits: int
    joined: int
    seconds_saved: float
    amount_saved: Annotated[str, Meta(description="US dollars.", examples=["1.25"])]


class ModelCacheReply(msgspec.Struct):
    """When results answer later requests; ours. saved: by all accounts, only when one model is asked for."""

    deterministic: bool
    seed_input: str | None
    max_age: Annotated[str | None, Meta(examples=["1d"])]
    saved: SavedReply | UnsetType = UNSET


class CachedModelReply(msgspec.Struct):
    """What the store has of a model, and what that saved.

    account: whose savings these are; null for those of all, which the model's owner sees. entries, bytes, oldest_at:
    only for the model's owner.
    """

    model: ModelName
    account: str | None
    saved: SavedReply
    entries: int | None = None
    bytes: int | None = None
    oldest_at: Moment | None = None


class CacheReply(msgspec.Struct):
    """The store of results. limit: most bytes of it; max_age: nothing older answers."""

    limit: int
    max_age: str
    results: list[CachedModelReply]


class CacheQuery(msgspec.Struct):
    """Which model, all without one; and for whom you ask, an organization of yours, else yourself."""

    model: Annotated[str | None, Meta(description="`owner/name`.", examples=["acme/hello-world"])] = None
    account: str | None = None


class PurgeQuery(CacheQuery):
    """What is forgotten: results of one model, else of all your models, of all for the operator of the platform."""

    older_than: Annotated[str | None, Meta(description="Only what is older, like 1h.", examples=["1h"])] = (
        None
    )


class PurgedReply(msgspec.Struct):
    """purged: how many results were forgotten. The predictions that they came from stay."""

    purged: int


async def show(request: Request) -> Response:
    """GET /cache?model&account."""
    caller, ctx = await authenticate(request), context(request)
    asked = query(request, CacheQuery)
    named, account = asked.model, await acting_for(request, caller, asked.account)
    mine = await _is_owners(ctx, caller, named) if named is not None else True
    rows = await _owned(ctx, named, _owner(ctx, caller, asked, account.username)) if mine else []
    known = {row.model for row in rows}
    used = await ctx.cache.savings(account=account.username, model=named)
    rows += [_row(one.model, account.username, None, one) for one in used if one.model not in known]
    longest = tell_duration(int(ctx.settings.cache_age_s))
    return reply(CacheReply(ctx.settings.cache_bytes, longest, sorted(rows, key=lambda row: row.model)))


async def purge(request: Request) -> Response:
    """DELETE /cache?model&older_than&account."""
    caller, ctx = await authenticate(request), context(request)
    asked = query(request, PurgeQuery)
    account = await acting_for(request, caller, asked.account)
    if asked.model is not None and not await _is_owners(ctx, caller, asked.model):
        require(request, caller, asked.model.partition("/")[0], seen=True)
    before = rfc3339(ctx.now())
    if asked.older_than is not None:
        before = since(before, _age("older_than", asked.older_than))
    owner = _owner(ctx, caller, asked, account.username)
    return reply(PurgedReply(await ctx.cache.purge(before, model=asked.model, owner=owner)))


async def _is_owners(ctx: Context, caller: Caller, named: str) -> bool:
    """Whether the caller may see and change all that is stored of a model. Raises NotFound."""
    if named.count("/") != 1 or await visible(ctx, caller, named) is None:
        raise NotFound
    return caller.may(Scope.PUSH, named.partition("/")[0])


def _owner(ctx: Context, caller: Caller, asked: CacheQuery, account: str) -> str | None:
    """Whose models are meant; None for all, which is the operator's business, or where one is named."""
    every = asked.account is None and is_operator(ctx, caller)
    return None if asked.model is not None or every else account


async def _owned(ctx: Context, named: str | None, owner: str | None) -> list[CachedModelReply]:
    """What is stored, and was saved by everybody, of an owner's models."""
    stocks = {one.model: one for one in await ctx.cache.stocks(model=named, owner=owner)}
    savings = {one.model: one for one in await ctx.cache.savings(model=named, owner=owner)}
    models = stocks.keys() | savings.keys()
    return [_row(model, None, stocks.get(model, _EMPTY), savings.get(model)) for model in models]


def _row(model: str, account: str | None, stock: Stock | None, saved: Savings | None) -> CachedModelReply:
    return CachedModelReply(
        model=model,
        account=account,
        saved=_saved(saved),
        entries=stock.entries if stock else None,
        bytes=stock.bytes if stock else None,
        oldest_at=(stock.oldest_at or None) if stock else None,
    )


def _saved(found: Savings | None) -> SavedReply:
    one = found or _NONE
    return SavedReply(one.hits, one.joined, one.saved_us / MICRO, tell_dollars(one.amount))


def render_cache(model: Model) -> ModelCacheReply:
    """What its owner said."""
    age = tell_duration(model.cache_s) if model.cache_s is not None else None
    return ModelCacheReply(bool(model.deterministic), model.seed_input, age)


async def saved_by(ctx: Context, model: Model) -> SavedReply:
    """What the store saved all accounts that run a model."""
    found = await ctx.cache.savings(model=model.full_name)
    return _saved(found[0] if found else None)


async def cache_changes(ctx: Context, model: Model, asked: CacheSettings) -> dict[str, Any]:
    """The columns to change. Raises InvalidRequest for what makes no sense."""
    changes: dict[str, Any] = {}
    if asked.deterministic is not UNSET:
        changes["deterministic"] = int(asked.deterministic)
    if asked.seed_input is not UNSET:
        changes["seed_input"] = asked.seed_input or None
    if asked.max_age is not UNSET:
        changes["cache_s"] = (
            None if asked.max_age in (None, OFF) else _age("cache/max_age", str(asked.max_age))
        )
    after = replace(model, **changes)
    declared = after.deterministic or after.seed_input is not None
    if not declared and asked.max_age is UNSET and after.cache_s is not None:
        changes["cache_s"] = None
    elif not declared and after.cache_s is not None:
        told = "only where the same input gives the same output, a stored one is right"
        raise refusal({"cache/max_age": f"needs deterministic or seed_input: {told}"})
    if changes.get("seed_input") and not await _has_input(ctx, model, changes["seed_input"]):
        told = f"the latest version has no input {changes['seed_input'][:100]}"
        raise refusal({"cache/seed_input": told})
    return changes


async def _has_input(ctx: Context, model: Model, name: str) -> bool:
    """As far as there is a version that could lack it."""
    if model.latest_version is None:
        return True
    version = await ctx.catalog.get_version(model.full_name, model.latest_version)
    return version is None or name in ctx.catalog.input_schema(version).properties


def _age(field: str, text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise refusal({field: f"must be an age like 1h or 7d: {error}"}) from error
    if not 1 <= seconds <= _LONGEST_S:
        raise refusal({field: "must be at least 1s"})
    return seconds


operations = [
    Operation(
        method="GET",
        path="/cache",
        handler=show,
        id="cache.get",
        scope=Scope.READ,
        summary="What requests are answered from without a run, and what that saved",
        query=CacheQuery,
        reply=CacheReply,
        faults=(404,),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/cache",
        handler=purge,
        id="cache.purge",
        scope=Scope.PUSH,
        summary="Forget stored results, so that requests run again",
        query=PurgeQuery,
        reply=PurgedReply,
        faults=(403, 404),
        ours=True,
    ),
]
