"""Making predictions: what a client may send, and how it becomes a row that somebody runs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.asking import CreateBody, deadline_of, events_of, wait_of, webhook_of
from mainspring.api.auditing import address_of, concerns, crosses, token_of
from mainspring.api.caching import Plan, answered, cache_headers, plan, wished
from mainspring.api.calling import require
from mainspring.api.context import Context, context
from mainspring.api.repeating import NO_NOTE, Note, once
from mainspring.api.session import made_by
from mainspring.api.spending import admission, priced, refuse_spending
from mainspring.api.watching import is_about, trace_of
from mainspring.api.wire import base_url, encoded, reply
from mainspring.core.durations import keep_s
from mainspring.core.errors import (
    Conflict,
    NotFound,
    Throttled,
    Unavailable,
)
from mainspring.core.ids import new_id, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.queue import Queue
from mainspring.core.trace import Trace
from mainspring.database import Statement
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Model, Version
from mainspring.records.rendering import address
from mainspring.records.timeline import server_timing, timeline_of

_MASKED = "**********"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: who asks, what shall run, and the line that it waits in. raw is the request's body.

    hardware: SKU that it runs on; None for the model's own. A training's line is named after it once it has an id.
    destination: owner/name, for a training. asked: the alias that named the version, if one did.
    """

    caller: Caller
    version: Version
    queue: Queue
    body: CreateBody
    raw: bytes
    hardware: str | None = None
    destination: str | None = None
    asked: str | None = None


async def create_prediction(request: Request, order: Order) -> Response:
    """Make what is ordered, and reply with it; a repeated request gets what it made. Raises ApiError."""

    async def make(note: Note) -> Response:
        prediction, caching = await _create(request, order, note)
        response = await _reply(request, prediction, order.version)
        response.headers.update(cache_headers(caching, prediction))
        return response

    async def again(prediction_id: str) -> Response:
        made = await context(request).predictions.get(prediction_id)
        if made is None:
            raise NotFound
        version = await context(request).catalog.get_version(made.model, made.version)
        return await _reply(request, made, version or order.version)

    return await once(request, order.caller, order.raw, make, again)


async def make_prediction(request: Request, order: Order, *, called: str) -> Prediction:
    """Make what is ordered, by an id that is chosen already. Raises ApiError."""
    prediction, _ = await _create(request, order, NO_NOTE, called)
    return prediction


async def _create(
    request: Request, order: Order, note: Note, called: str | None = None
) -> tuple[Prediction, Plan | None]:
    """What is made, and how the store takes part in it."""
    ctx, body = context(request), order.body
    if ctx.feed.stopping:
        raise Unavailable("The server is stopping; try again shortly.")
    prediction, model, values = await _ordered(request, order, called)
    crossed = crosses(request, prediction)
    caching = await plan(request, model, prediction, wished(request, body.cache), order.version, values)
    if caching is not None and caching.key is not None:
        found = await answered(ctx, prediction, caching, (*note.made(prediction.id), *crossed))
        if found is not None:
            return found, caching
        prediction = replace(prediction, cache_key=caching.key if caching.terms.keep else None)
    if ctx.feed.waiting(prediction.queue) >= ctx.settings.max_queue:
        raise Throttled(f"Request was throttled. The queue of {prediction.model} is full.", retry_after=5)
    prediction = await priced(ctx, prediction)
    # A caller that goes away must not leave a claimed row that nobody runs.
    return await asyncio.shield(
        asyncio.create_task(_enqueue(ctx, prediction, note, caching, crossed))
    ), caching


async def _ordered(
    request: Request, order: Order, called: str | None
) -> tuple[Prediction, Model | None, dict[str, Any]]:
    """The prediction as it is asked for, its model, and its whole input. Raises InvalidInput, InvalidRequest."""
    ctx, version, body = context(request), order.version, order.body
    kind = "prediction" if order.destination is None else "training"
    schema = ctx.catalog.input_schema(version, kind)
    values = schema.validate({} if body.input is None else body.input)
    now = ctx.now()
    prediction_id = called or new_id(now)
    is_about(request, prediction_id)
    queue = str(order.queue if kind == "prediction" else replace(order.queue, training=prediction_id))
    model = await ctx.catalog.get_model(*version.model.split("/", 1))
    if model is not None and model.visibility != "public" and order.queue.deployment is None:
        require(request, order.caller, model.owner)
    kept, sealed = _seal(ctx, prediction_id, values, schema.secret_fields)
    prediction = Prediction(
        id=prediction_id,
        account=order.caller.username,
        model=version.model,
        version=version.id,
        queue=queue,
        deployment=order.queue.deployment,
        asked=order.asked,
        hardware=order.hardware or (model.hardware if model else None),
        source=made_by(request),
        status=Status.STARTING,
        input=_encode(kept).decode(),
        secrets=sealed,
        webhook=webhook_of(ctx, body),
        webhook_events_filter=events_of(body),
        created_at=rfc3339(now),
        deadline=deadline_of(request, body, now),
        base_url=base_url(request),
        kind=kind,
        destination=order.destination,
        keep_s=_keep_s(ctx, order, model, made_by(request)) if kind == "prediction" else None,
        token=token_of(request),
        trace=_life(trace_of(request), prediction_id),
        address=address_of(request),
    )
    concerns(request, thing=prediction_id)
    return prediction, model, values


def _life(trace: Trace | None, prediction_id: str) -> str | None:
    """The span of a prediction's life, under that of the request that made it."""
    return str(trace.below("prediction", prediction_id)) if trace is not None else None


async def _enqueue(
    ctx: Context, prediction: Prediction, note: Note, caching: Plan | None, crossed: tuple[Statement, ...]
) -> Prediction:
    """Store it and see that it runs: at once where a slot is free, else it waits and somebody is woken.

    Where one with the same key is under way, it follows that. Returns it as it was made.
    """
    queue = prediction.queue
    ctx.feed.open(prediction.id)
    seat = ctx.feed.reserve(queue)
    try:
        stored = await _store(ctx, prediction, seat.id if seat else None, note, caching, crossed)
    except BaseException:
        ctx.feed.drop(prediction.id)
        if seat is not None:
            seat.release()
        raise
    if seat is not None and stored.status is Status.PROCESSING:
        seat.begin(stored)
        return prediction
    if seat is not None:
        seat.release()
    if stored.follows is not None:
        # Nothing is awaited since it was stored: the other one has not ended here yet.
        ctx.feed.open(stored.follows)
        if caching is not None and caching.reads_along:
            ctx.feed.follow(stored.follows, stored.id)
        return stored
    ctx.feed.moved(queue, 1)
    ctx.hints.hint_one(f"queue:{queue}")
    if seat is not None or not ctx.feed.served(queue):
        ctx.hints.hint("scale")
    return prediction


async def _store(
    ctx: Context,
    prediction: Prediction,
    seat: str | None,
    note: Note,
    caching: Plan | None,
    crossed: tuple[Statement, ...],
) -> Prediction:
    """Raises SpendLimitReached, and Conflict when the request was made before."""
    join = caching is not None and caching.joins
    while True:
        noted = note.made(prediction.id)
        try:
            also = (*admission(ctx, prediction), *noted, *crossed)
            return await ctx.predictions.create(prediction, seat, also, join=join)
        except Conflict:
            await refuse_spending(ctx, prediction)
            if noted:
                raise


async def _reply(request: Request, made: Prediction, version: Version) -> Response:
    """What was made, ended if the client waits for that; what has not ended by then reads as it was made."""
    ctx, wait_s = context(request), wait_of(request)
    headers = {"Location": address(base_url(request), made)}
    if wait_s:
        headers["Preference-Applied"] = f"wait={round(wait_s)}"
    if wait_s and not made.status.terminal:
        live = ctx.feed.get(made.id)
        made = (await live.ended(wait_s) if live else await ctx.predictions.get(made.id)) or made
    if not made.status.terminal:
        files = ctx.catalog.output_kind(version).streams_files
        made = replace(made, status=Status.STARTING)
        told = ctx.renderer.render(made, base_url(request), streams_files=files)
        if wait_s:
            told.timeline = timeline_of(await ctx.predictions.get(made.id) or made)
            headers["Server-Timing"] = server_timing(told.timeline, ctx.now())
        return reply(told, 201, headers)
    if wait_s:
        headers["Server-Timing"] = server_timing(timeline_of(made), ctx.now())
    return encoded(await ctx.renderer.body(made, base_url(request)), 201, headers)


def _seal(
    ctx: Context, prediction_id: str, values: dict[str, Any], secret_fields: frozenset[str]
) -> tuple[dict[str, Any], str | None]:
    """The input as it may be shown, and its secrets as nobody can read them."""
    secrets = {name: values[name] for name in secret_fields & values.keys()}
    if not secrets:
        return values, None
    masked = {name: [_MASKED] * len(v) if isinstance(v, list) else _MASKED for name, v in secrets.items()}
    return {**values, **masked}, ctx.vault.seal(json.dumps(secrets).encode(), prediction_id)


def _keep_s(ctx: Context, order: Order, model: Model | None, source: str) -> int | None:
    settings = ctx.settings
    return keep_s(
        own=model is not None and model.owner == order.caller.username,
        model=model.retention_s if model else None,
        account=order.caller.account.retention_s,
        default=settings.web_retention_s if source == "web" else settings.retention_s,
    )
