"""Ours: show a prediction to whoever has its link, and remove the data of one before its time."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate
from mainspring.api.context import context
from mainspring.api.operation import Operation
from mainspring.api.predictions import own_prediction, present
from mainspring.api.wire import base_url, reply
from mainspring.core.errors import Conflict, InvalidRequest, NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.prediction import Prediction
from mainspring.records.rendering import PredictionReply
from mainspring.records.retention import Due
from mainspring.records.sharing import Share
from mainspring.records.timeline import Timeline
from mainspring.services.eraser import erase


class ShareReply(msgspec.Struct):
    """How a prediction is shared; nulls when it is not."""

    url: Annotated[str | None, Meta(description="A page for whoever has the link.")]
    created_at: str | None


class SharedReply(msgspec.Struct):
    """A shared prediction, without what is its owner's business."""

    id: str
    model: str
    version: str
    input: Raw
    output: Raw
    logs: str
    error: str | None
    status: str
    created_at: str
    timeline: Timeline
    data_removed: bool
    started_at: str | UnsetType
    completed_at: str | UnsetType
    metrics: Raw | UnsetType


async def share(request: Request) -> Response:
    """POST /predictions/{id}/share: its link, made when there is none."""
    prediction, ctx = await _own(request), context(request)
    made = await ctx.shares.add(prediction.id, rfc3339(ctx.now()))
    if made is None:
        raise Conflict("Only a prediction that has ended and has its data can be shared")
    return reply(_render(request, made), 201)


async def get_share(request: Request) -> Response:
    """GET /predictions/{id}/share."""
    prediction = await _own(request)
    return reply(_render(request, await context(request).shares.of(prediction.id)))


async def end_share(request: Request) -> Response:
    """DELETE /predictions/{id}/share: its link leads nowhere from now on."""
    prediction = await _own(request)
    if not await context(request).shares.remove(prediction.id):
        raise NotFound
    return Response(status_code=204)


async def get_shared(request: Request) -> Response:
    """GET /shared/{capability}: for anybody."""
    ctx = context(request)
    found = await ctx.shares.find(request.path_params["capability"])
    prediction = await ctx.predictions.get(found.prediction) if found else None
    if prediction is None:
        raise NotFound
    told = await present(request, prediction)
    shared = SharedReply(
        id=told.id,
        model=told.model,
        version=told.version,
        input=told.input,
        output=told.output,
        logs=told.logs,
        error=told.error,
        status=told.status,
        created_at=told.created_at,
        timeline=told.timeline,
        data_removed=bool(prediction.data_removed),
        started_at=told.started_at,
        completed_at=told.completed_at,
        metrics=told.metrics,
    )
    return reply(shared, headers={"Cache-Control": "no-store", "X-Robots-Tag": "noindex"})


async def delete_data(request: Request) -> Response:
    """DELETE /predictions/{id}/data: input, output, logs and output files, now; its link ends as well."""
    prediction, ctx = await _own(request), context(request)
    if not prediction.status.terminal:
        raise Conflict("The prediction has not ended; cancel it first")
    if await ctx.discovery.examples.shows(prediction.id):
        raise Conflict("The prediction is shown as an example of a model; take it back there first")
    await ctx.shares.remove(prediction.id)
    due = Due(prediction.id, prediction.output, prediction.input)
    await erase([due], ctx.objects, ctx.retention)
    return reply(await present(request, await ctx.predictions.get(prediction.id) or prediction))


async def _own(request: Request) -> Prediction:
    caller = await authenticate(request)
    prediction = await own_prediction(request, caller, request.path_params["prediction_id"])
    if prediction.kind != "prediction":
        raise InvalidRequest(
            "This is a training: it can't be shared, and its data goes with the version it made."
        )
    return prediction


def _render(request: Request, share: Share | None) -> ShareReply:
    if share is None:
        return ShareReply(None, None)
    return ShareReply(f"{base_url(request)}/s/{share.capability}", share.created_at)


operations = [
    Operation(
        method="POST",
        path="/predictions/{prediction_id}/share",
        handler=share,
        id="predictions.share.create",
        scope=Scope.RUN,
        summary="Make a link by which anybody may see a prediction",
        reply=ShareReply,
        success=201,
        faults=(400, 404, 409),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/predictions/{prediction_id}/share",
        handler=get_share,
        id="predictions.share.get",
        scope=Scope.READ,
        summary="Whether a prediction is shared",
        reply=ShareReply,
        faults=(400, 404),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/predictions/{prediction_id}/share",
        handler=end_share,
        id="predictions.share.delete",
        scope=Scope.RUN,
        summary="Share a prediction no more",
        success=204,
        faults=(400, 404),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/shared/{capability}",
        handler=get_shared,
        id="shared.get",
        scope=None,
        summary="A shared prediction, for whoever has its link",
        reply=SharedReply,
        faults=(404,),
        open=True,
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/predictions/{prediction_id}/data",
        handler=delete_data,
        id="predictions.data.delete",
        scope=Scope.RUN,
        summary="Remove a prediction's input, output, logs and files now",
        reply=PredictionReply,
        faults=(400, 404, 409),
        ours=True,
    ),
]
