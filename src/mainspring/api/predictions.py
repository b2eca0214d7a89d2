"""Predictions: create (and wait), get, list, cancel."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.asking import EXAMPLE, CreateBody, CreateHeaders
from mainspring.api.calling import acting_for, authenticate, require
from mainspring.api.context import Context, context
from mainspring.api.creating import Order, create_prediction
from mainspring.api.operation import Operation
from mainspring.api.references import asked_by_alias, latest, resolve
from mainspring.api.timeline import add_waiting
from mainspring.api.wire import PAGE, base_url, cursor, decode, moment, page, query, read_body, reply
from mainspring.core.errors import (
    InvalidField,
    InvalidInput,
    NotFound,
)
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.prediction import Prediction, Status
from mainspring.core.queue import Queue
from mainspring.core.shapes import Moment, OwnedPageQuery, Page
from mainspring.records.accounts import Caller
from mainspring.records.catalog import Version
from mainspring.records.listing import Wanted
from mainspring.records.rendering import PredictionReply

_CANCEL_REPLY_S = 1.0
_WEB_GOES_BACK = timedelta(days=14)
_Status = Literal["starting", "processing", "succeeded", "failed", "canceled", "aborted"]


class PredictionListQuery(OwnedPageQuery):
    """Which predictions are listed."""

    created_after: Annotated[Moment | None, Meta(description="Made then or later.")] = None
    created_before: Annotated[Moment | None, Meta(description="Made before then.")] = None
    source: Annotated[
        Literal["web", "api"] | None, Meta(description="Those made on the pages go back two weeks.")
    ] = None
    status: Annotated[_Status | None, Meta(description="Ours.")] = None
    model: Annotated[str | None, Meta(description="Ours: `owner/name`.", examples=["acme/hello-world"])] = (
        None
    )
    deployment: Annotated[str | None, Meta(description="Ours: `owner/name`.", examples=["acme/live"])] = None
    token: Annotated[str | None, Meta(description="Ours: the id of the token that made it.")] = None
    brief: Annotated[bool, Meta(description="Ours: without input, output and logs, for long lists.")] = False
    limit: Annotated[int, Meta(ge=1, le=PAGE, description="Ours: most results in one page.")] = PAGE


async def create(request: Request) -> Response:
    """POST /predictions: the version is in the body."""
    caller, raw = await _asked(request)
    body = decode(raw, CreateBody)
    if body.version is None and body.model is None:
        raise InvalidInput([InvalidField("required", "", "version is required")])
    asked = body.version or body.model or ""
    version = await resolve(context(request), caller, asked)
    order = _order(caller, version, body, raw)
    return await create_prediction(request, replace(order, asked=asked_by_alias(asked, version)))


async def create_for_model(request: Request) -> Response:
    """POST /models/{owner}/{name}/predictions: the latest version runs."""
    caller, raw = await _asked(request)
    path = f"{request.path_params['owner']}/{request.path_params['name']}"
    version = await latest(context(request), caller, path)
    if version is None:
        raise NotFound
    return await create_prediction(request, _order(caller, version, decode(raw, CreateBody), raw))


async def get(request: Request) -> Response:
    """GET /predictions/{id}."""
    prediction = await _own(request)
    told = await present(request, prediction)
    waits: Prediction | None = prediction
    if prediction.follows is not None:
        waits = await context(request).predictions.get(prediction.follows)
    if told.status == Status.STARTING and waits is not None and waits.status is Status.STARTING:
        await add_waiting(context(request), told.timeline, waits)
    return reply(told)


async def cancel(request: Request) -> Response:
    """POST /predictions/{id}/cancel; an ended prediction stays as it is."""
    return reply(await present(request, await stop(request, await _own(request))))


async def stop(request: Request, prediction: Prediction) -> Prediction:
    """The prediction as it is after it was asked to end."""
    ctx, now = context(request), rfc3339(context(request).now())
    live = ctx.feed.get(prediction.id)
    ended = await ctx.predictions.end_waiting(prediction.id, Status.CANCELED, now)
    if ended is not None:
        ctx.feed.close_waiting(ended)
    elif not prediction.status.terminal:
        await ctx.predictions.ask_cancel(prediction.id, now)
        ctx.hints.hint("instances")
        if live is not None:
            await live.ended(_CANCEL_REPLY_S)
    return await ctx.predictions.get(prediction.id) or prediction


async def list_predictions(request: Request) -> Response:
    """GET /predictions, newest first; narrowed by Replicate's parameters and by ours."""
    return await list_kind(request, "prediction")


async def list_kind(request: Request, kind: str) -> Response:
    """A page of the account's predictions or trainings. Raises InvalidInput, InvalidRequest."""
    caller = await authenticate(request)
    ctx, asked = context(request), query(request, PredictionListQuery)
    whose = await acting_for(request, caller, asked.account)
    after = moment(asked.created_after, "created_after")
    wanted = Wanted(
        kind=kind,
        after=max(filter(None, (after, _web_from(ctx, asked))), default=None),
        before=moment(asked.created_before, "created_before"),
        source=asked.source,
        status=Status(asked.status) if asked.status else None,
        model=asked.model,
        deployment=asked.deployment,
        token=asked.token,
        brief=asked.brief,
    )
    found = await ctx.predictions.list(whose.username, cursor(request), asked.limit, wanted)
    results = [await present(request, one) for one in found.items]
    if asked.brief:
        results = [_brief(one) for one in results]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


def _brief(one: PredictionReply) -> PredictionReply:
    """What a running one has said so far is left out too."""
    one.logs = ""
    if one.status == Status.PROCESSING:
        one.output = msgspec.Raw(b"null")
    return one


def _order(caller: Caller, version: Version, body: CreateBody, raw: bytes) -> Order:
    return Order(caller, version, Queue(version.model, version.id), body, raw)


async def _asked(request: Request) -> tuple[Caller, bytes]:
    caller = await authenticate(request)
    return caller, await read_body(request, context(request).settings.max_body)


def _web_from(ctx: Context, asked: PredictionListQuery) -> str | None:
    return rfc3339(ctx.now() - _WEB_GOES_BACK) if asked.source == "web" else None


async def _own(request: Request) -> Prediction:
    caller = await authenticate(request)
    return await own_prediction(request, caller, request.path_params["prediction_id"])


async def own_prediction(request: Request, caller: Caller, prediction_id: str) -> Prediction:
    """A prediction or training of the caller's or of an organization of theirs. Raises NotFound, Forbidden."""
    prediction = await context(request).predictions.get(prediction_id)
    if prediction is None:
        raise NotFound
    require(request, caller, prediction.account)
    return prediction


async def present(request: Request, prediction: Prediction) -> PredictionReply:
    """The reply, with what a running prediction has said so far."""
    return await context(request).renderer.present(prediction, base_url(request))


operations = [
    Operation(
        method="POST",
        path="/predictions",
        handler=create,
        id="predictions.create",
        scope=Scope.RUN,
        faults=(402,),
        summary="Run a version",
        body=CreateBody,
        headers=CreateHeaders,
        example=EXAMPLE | {"version": "acme/hello-world"},
        reply=PredictionReply,
        success=201,
    ),
    Operation(
        method="GET",
        path="/predictions",
        handler=list_predictions,
        id="predictions.list",
        scope=Scope.READ,
        summary="The account's predictions, newest first",
        query=PredictionListQuery,
        reply=Page[PredictionReply],
    ),
    Operation(
        method="GET",
        path="/predictions/{prediction_id}",
        handler=get,
        id="predictions.get",
        scope=Scope.READ,
        summary="One prediction",
        reply=PredictionReply,
    ),
    Operation(
        method="POST",
        path="/predictions/{prediction_id}/cancel",
        handler=cancel,
        id="predictions.cancel",
        scope=Scope.RUN,
        summary="Stop a prediction",
        reply=PredictionReply,
    ),
    Operation(
        method="POST",
        path="/models/{owner}/{name}/predictions",
        handler=create_for_model,
        id="models.predictions.create",
        scope=Scope.RUN,
        faults=(402,),
        summary="Run a model's latest version",
        body=CreateBody,
        headers=CreateHeaders,
        example=EXAMPLE,
        reply=PredictionReply,
        success=201,
    ),
]
