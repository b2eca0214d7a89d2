"""Examples of a model: list; its owner shows predictions and takes them back."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate, require
from mainspring.api.context import context
from mainspring.api.models import own_model, visible_model
from mainspring.api.operation import Operation
from mainspring.api.wire import PAGE, Body, base_url, cursor, decode, page, read_body, reply
from mainspring.core.errors import InvalidRequest, NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.shapes import Page, PageQuery
from mainspring.records.rendering import PredictionReply

_MOST_BYTES = 1 << 16


class ExampleCreateBody(Body):
    """A prediction to be shown with its model."""

    prediction: Annotated[str, Meta(description="Its id; one of yours that succeeded and has its data.")]
    default: Annotated[bool, Meta(description="Show it first. The first example is shown first anyway.")] = (
        False
    )


async def list_examples(request: Request) -> Response:
    """GET /models/{owner}/{name}/examples, newest first."""
    model = await visible_model(request, await authenticate(request))
    found = await context(request).discovery.examples.list(model.full_name, cursor(request), PAGE)
    results = [context(request).renderer.example(prediction, base_url(request)) for prediction in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def create(request: Request) -> Response:
    """POST /models/{owner}/{name}/examples: of the caller's own model, one of their own predictions."""
    caller = await authenticate(request)
    body = decode(await read_body(request, _MOST_BYTES), ExampleCreateBody)
    model = await own_model(request, caller)
    ctx = context(request)
    prediction = await ctx.predictions.get(body.prediction)
    if prediction is None or caller.role_in(prediction.account) is None:
        raise NotFound("The prediction does not exist")
    require(request, caller, prediction.account)
    now = rfc3339(ctx.now())
    if not await ctx.discovery.examples.add(model.full_name, prediction.id, now, default=body.default):
        raise InvalidRequest("An example is a prediction of this model that succeeded and has its data")
    ctx.catalog.forget()
    return reply(ctx.renderer.render(prediction, base_url(request)), 201)


async def delete(request: Request) -> Response:
    """DELETE /models/{owner}/{name}/examples/{id}: the prediction itself stays."""
    model = await own_model(request, await authenticate(request))
    ctx = context(request)
    if not await ctx.discovery.examples.remove(model.full_name, request.path_params["prediction_id"]):
        raise NotFound
    ctx.catalog.forget()
    return Response(status_code=204)


operations = [
    Operation(
        method="GET",
        path="/models/{owner}/{name}/examples",
        handler=list_examples,
        id="models.examples.list",
        scope=Scope.READ,
        summary="Predictions that show what a model does",
        query=PageQuery,
        reply=Page[PredictionReply],
    ),
    Operation(
        method="POST",
        path="/models/{owner}/{name}/examples",
        handler=create,
        id="models.examples.create",
        scope=Scope.PUSH,
        summary="Show a prediction with its model",
        body=ExampleCreateBody,
        reply=PredictionReply,
        success=201,
        faults=(403,),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/models/{owner}/{name}/examples/{prediction_id}",
        handler=delete,
        id="models.examples.delete",
        scope=Scope.PUSH,
        summary="Show a prediction no more",
        success=204,
        faults=(403,),
        ours=True,
    ),
]
