"""Predictions: create (and wait), get, list, cancel."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.context import Context, authenticate, context
from mainspring.api.rendering import PredictionReply, render, so_far, with_urls
from mainspring.api.wire import PAGE, base_url, cursor, decode, page, read_body, reply
from mainspring.core.catalog import parse_reference
from mainspring.core.errors import (
    InvalidField,
    InvalidInput,
    InvalidRequest,
    InvalidVersion,
    NotFound,
    Throttled,
    Unavailable,
)
from mainspring.core.ids import new_id, parse_time, rfc3339
from mainspring.core.prediction import Prediction, Status
from mainspring.core.schema import OutputKind
from mainspring.records.accounts import Account
from mainspring.records.catalog import Model, Version

_WAIT = re.compile(r"(?:^|[\s,;])wait(?:=(\d{1,3}))?(?:$|[\s,;])")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?|(\d+)")
_LONGEST_WAIT_S = 57.0
_CANCEL_REPLY_S = 1.0
_MASKED = "**********"
_EVENTS = ("start", "output", "logs", "completed")
_encode = msgspec.json.Encoder().encode


class CreateBody(msgspec.Struct):
    """What a client may send; keys that only other servers read are ignored."""

    input: Any = None
    version: str | None = None
    model: str | None = None
    webhook: str | None = None
    webhook_completed: str | None = None
    webhook_events_filter: list[str] | None = None
    stream: bool | None = None
    lifetime: str | None = None


async def create(request: Request) -> Response:
    """POST /predictions: the version is in the body."""
    account, raw = await _asked(request)
    body = decode(raw, CreateBody)
    if body.version is None and body.model is None:
        raise InvalidInput([InvalidField("required", "", "version is required")])
    version = await _resolve(context(request), account, body.version or body.model or "")
    return await _create_once(request, account, version, body, raw)


async def create_for_model(request: Request) -> Response:
    """POST /models/{owner}/{name}/predictions: the latest version runs."""
    account, raw = await _asked(request)
    path = f"{request.path_params['owner']}/{request.path_params['name']}"
    version = await _latest(context(request), account, path)
    if version is None:
        raise NotFound
    return await _create_once(request, account, version, decode(raw, CreateBody), raw)


async def get(request: Request) -> Response:
    """GET /predictions/{id}."""
    account = await authenticate(request)
    return reply(await _present(request, await _own(request, account)))


async def cancel(request: Request) -> Response:
    """POST /predictions/{id}/cancel; an ended prediction stays as it is."""
    account = await authenticate(request)
    prediction = await _own(request, account)
    ctx, now = context(request), rfc3339(context(request).now())
    live = ctx.feed.get(prediction.id)
    ended = await ctx.predictions.end_waiting(prediction.id, Status.CANCELED, now)
    if ended is not None:
        ctx.feed.moved(ended.queue, -1)
        ctx.feed.close(ended)
    elif not prediction.status.terminal:
        await ctx.predictions.ask_cancel(prediction.id, now)
        ctx.hints.hint("instances")
        if live is not None:
            await live.ended(_CANCEL_REPLY_S)
    return reply(await _present(request, await _own(request, account)))


async def list_predictions(request: Request) -> Response:
    """GET /predictions?created_after&created_before&source&cursor, newest first."""
    account = await authenticate(request)
    ctx, query = context(request), request.query_params
    source = query.get("source")
    if source not in (None, "web", "api"):
        raise InvalidRequest("source must be web or api")
    found = await ctx.predictions.list(
        account.username,
        cursor(request),
        PAGE,
        after=_moment(query.get("created_after"), "created_after"),
        before=_moment(query.get("created_before"), "created_before"),
        source=source,
    )
    results = [await _present(request, prediction) for prediction in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def _asked(request: Request) -> tuple[Account, bytes]:
    account = await authenticate(request)
    return account, await read_body(request, context(request).settings.max_body)


async def _resolve(ctx: Context, account: Account, asked: str) -> Version:
    """The version that `owner/name`, `owner/name:id` or `id` names. Raises InvalidVersion."""
    reference = parse_reference(asked)
    if reference.model is None:
        found = await ctx.catalog.find_version(reference.version or "", account.username)
    elif reference.version is None:
        found = await _latest(ctx, account, reference.model)
    else:
        visible = await _visible(ctx, account, reference.model)
        found = await ctx.catalog.get_version(reference.model, reference.version) if visible else None
    if found is None:
        raise InvalidVersion
    return found


async def _visible(ctx: Context, account: Account, path: str) -> Model | None:
    """The model, unless the account may not know of it."""
    model = await ctx.catalog.get_model(*path.split("/", 1))
    allowed = model is not None and (model.visibility == "public" or model.owner == account.username)
    return model if allowed else None


async def _latest(ctx: Context, account: Account, path: str) -> Version | None:
    model = await _visible(ctx, account, path)
    if model is None or model.latest_version is None:
        return None
    return await ctx.catalog.get_version(path, model.latest_version)


async def _create_once(
    request: Request, account: Account, version: Version, body: CreateBody, raw: bytes
) -> Response:
    """The 2.x Python client repeats a POST that it got no answer to: it gets the prediction that it made."""
    ctx, count = context(request), request.headers.get("x-stainless-retry-count")
    if count is None:
        return await _reply(request, await _create(request, account, version, body), version)
    key = (account.username, version.model, version.id, hashlib.sha256(raw).digest())
    known = ctx.repeats.get(key) if count != "0" else None
    made = await ctx.predictions.get(known) if known else None
    if made is None:
        made = await _create(request, account, version, body)
        ctx.repeats.put(key, made.id)
    return await _reply(request, made, version)


async def _create(request: Request, account: Account, version: Version, body: CreateBody) -> Prediction:
    ctx = context(request)
    if ctx.feed.stopping:
        raise Unavailable("The server is stopping; try again shortly.")
    schema = ctx.catalog.input_schema(version)
    values = schema.validate({} if body.input is None else body.input)
    now, queue = ctx.now(), f"{version.model}:{version.id}"
    if ctx.feed.waiting(queue) >= ctx.settings.max_queue:
        raise Throttled(f"Request was throttled. The queue of {version.model} is full.", retry_after=5)
    prediction_id = new_id(now)
    kept, sealed = _seal(ctx, prediction_id, values, schema.secret_fields)
    prediction = Prediction(
        id=prediction_id,
        account=account.username,
        model=version.model,
        version=version.id,
        queue=queue,
        source="api",
        status=Status.STARTING,
        input=_encode(kept).decode(),
        secrets=sealed,
        webhook=body.webhook or body.webhook_completed,
        webhook_events_filter=_events(body),
        created_at=rfc3339(now),
        deadline=_deadline(request, body, now),
    )
    # A caller that goes away must not leave a claimed row that nobody runs.
    await asyncio.shield(asyncio.create_task(_enqueue(ctx, prediction)))
    return prediction


async def _enqueue(ctx: Context, prediction: Prediction) -> None:
    """Store it and see that it runs: at once where a slot is free, else it waits and somebody is woken."""
    queue = prediction.queue
    ctx.feed.open(prediction.id)
    seat = ctx.feed.reserve(queue)
    try:
        stored = await ctx.predictions.create(prediction, seat.id if seat else None)
    except BaseException:
        ctx.feed.drop(prediction.id)
        if seat is not None:
            seat.release()
        raise
    if seat is not None and stored.status is Status.PROCESSING:
        seat.begin(stored)
        return
    ctx.feed.moved(queue, 1)
    if seat is not None:
        seat.release()
    ctx.hints.hint_one(f"queue:{queue}")
    if seat is not None or not ctx.feed.served(queue):
        ctx.hints.hint("scale")


async def _reply(request: Request, made: Prediction, version: Version) -> Response:
    """What was made, ended if the client waits for that; what has not ended by then reads as it was made."""
    ctx, wait_s = context(request), _wait(request)
    headers = {"Location": f"{base_url(request)}/v1/predictions/{made.id}"}
    if wait_s:
        headers["Preference-Applied"] = f"wait={round(wait_s)}"
        live = ctx.feed.get(made.id)
        made = (await live.ended(wait_s) if live else await ctx.predictions.get(made.id)) or made
    if not made.status.terminal:
        made = replace(made, status=Status.STARTING)
    files = ctx.catalog.output_kind(version).streams_files
    return reply(render(request, made, streams_files=files), 201, headers)


def _seal(
    ctx: Context, prediction_id: str, values: dict[str, Any], secret_fields: frozenset[str]
) -> tuple[dict[str, Any], str | None]:
    """The input as it may be shown, and its secrets as nobody can read them."""
    secrets = {name: values[name] for name in secret_fields & values.keys()}
    if not secrets:
        return values, None
    masked = {name: [_MASKED] * len(v) if isinstance(v, list) else _MASKED for name, v in secrets.items()}
    return {**values, **masked}, ctx.vault.seal(json.dumps(secrets).encode(), prediction_id)


def _wait(request: Request) -> float:
    """How long the client wants to wait, in seconds; 0 when it does not."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    if found is None:
        return 0.0
    asked = float(found.group(1) or _LONGEST_WAIT_S)
    return max(1.0, min(asked, _LONGEST_WAIT_S))


def _deadline(request: Request, body: CreateBody, now: datetime) -> str | None:
    """When the prediction is to be given up. Raises InvalidRequest for what is not 5 s to 24 h."""
    text = request.headers.get("cancel-after") or body.lifetime
    if not text:
        return None
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise InvalidRequest("Cancel-After must be a duration like 30s, 5m or 1h30m")
    hours, minutes, seconds, bare = (int(g or 0) for g in found.groups())
    duration_s = hours * 3600 + minutes * 60 + seconds + bare
    if not 5 <= duration_s <= 86_400:
        raise InvalidRequest("Cancel-After must be between 5s and 24h")
    return rfc3339(now + timedelta(seconds=duration_s))


def _events(body: CreateBody) -> str | None:
    if body.webhook_events_filter is None:
        return '["completed"]' if body.webhook_completed and not body.webhook else None
    for index, event in enumerate(body.webhook_events_filter):
        if event not in _EVENTS:
            told = f'webhook_events_filter.{index} must be one of the following: "start", "output", "logs", "completed"'
            raise InvalidInput([InvalidField("enum", f"webhook_events_filter.{index}", told)])
    return json.dumps(body.webhook_events_filter)


def _moment(text: str | None, name: str) -> str | None:
    if text is None:
        return None
    try:
        return rfc3339(parse_time(text.replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} must be an ISO 8601 date-time") from error


async def _own(request: Request, account: Account) -> Prediction:
    prediction = await context(request).predictions.get(request.path_params["prediction_id"])
    if prediction is None or prediction.account != account.username:
        raise NotFound
    return prediction


async def _present(request: Request, prediction: Prediction) -> PredictionReply:
    """The reply, with what a running prediction has said so far."""
    ctx = context(request)
    version = await ctx.catalog.get_version(prediction.model, prediction.version)
    kind = ctx.catalog.output_kind(version) if version else OutputKind(False, False, False)
    rendered = render(request, prediction, streams_files=kind.streams_files)
    if prediction.status is not Status.PROCESSING:
        return rendered
    base, live = base_url(request), ctx.feed.get(prediction.id)
    if live is not None:
        return so_far(rendered, live, kind, base)
    said = await ctx.predictions.said(prediction.id, prediction.attempt)
    chunks = [text[1:-1] for text, _ in said if text != "[]"]
    if kind.iterator and chunks:
        rendered.output = msgspec.Raw(with_urls(f"[{','.join(chunks)}]", base))
    rendered.logs = "".join(logs for _, logs in said)
    return rendered


routes = [
    Route("/predictions", create, methods=["POST"]),
    Route("/predictions", list_predictions, methods=["GET"]),
    Route("/predictions/{prediction_id}", get, methods=["GET"]),
    Route("/predictions/{prediction_id}/cancel", cancel, methods=["POST"]),
    Route("/models/{owner}/{name}/predictions", create_for_model, methods=["POST"]),
]
