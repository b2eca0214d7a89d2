"""Trainings: create, list, get, cancel. They are predictions by what runs, so both names of one lead to it."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.asking import CreateBody, CreateHeaders
from mainspring.api.calling import authenticate, require
from mainspring.api.context import context
from mainspring.api.creating import Order, create_prediction
from mainspring.api.models import visible_model
from mainspring.api.operation import Operation
from mainspring.api.predictions import PredictionListQuery, list_kind, own_prediction, present, stop
from mainspring.api.references import asked_by_alias, version_of
from mainspring.api.wire import decode, read_body, reply
from mainspring.core.errors import InvalidField, InvalidInput, InvalidRequest, NotFound
from mainspring.core.people import Scope
from mainspring.core.prediction import Prediction
from mainspring.core.queue import Queue
from mainspring.core.shapes import Page
from mainspring.records.accounts import Caller
from mainspring.records.rendering import PredictionReply


class TrainingBody(CreateBody):
    """What a client may send. destination: owner/name of the model that gets the new version."""

    destination: str | None = None


async def create(request: Request) -> Response:
    """POST /models/{owner}/{name}/versions/{version_id}/trainings."""
    caller = await authenticate(request)
    ctx = context(request)
    raw = await read_body(request, ctx.settings.max_body)
    model = await visible_model(request, caller)
    asked = request.path_params["version_id"]
    version = await version_of(ctx, caller, model.full_name, asked)
    if version is None:
        raise NotFound
    body = decode(raw, TrainingBody)
    if body.destination is None:
        raise InvalidInput([InvalidField("required", "", "destination is required")])
    if version.trainer is None:
        raise InvalidRequest("This version can't be trained: its cog.yaml names nothing as `train`.")
    await _check_destination(request, caller, body.destination)
    line = Queue(version.model, version.id, training="")
    order = Order(caller, version, line, body, raw, destination=body.destination)
    return await create_prediction(request, replace(order, asked=asked_by_alias(asked, version)))


async def _check_destination(request: Request, caller: Caller, destination: str) -> None:
    ctx = context(request)
    owner, _, name = destination.partition("/")
    if caller.role_in(owner) is None or await ctx.catalog.get_model(owner, name) is None:
        raise NotFound("The specified training destination does not exist")
    require(request, caller, owner)


async def list_trainings(request: Request) -> Response:
    """GET /trainings, newest first; narrowed like predictions."""
    return await list_kind(request, "training")


async def get(request: Request) -> Response:
    """GET /trainings/{id}."""
    return reply(await present(request, await _own(request)))


async def cancel(request: Request) -> Response:
    """POST /trainings/{id}/cancel; an ended training stays as it is."""
    return reply(await present(request, await stop(request, await _own(request))))


async def _own(request: Request) -> Prediction:
    caller = await authenticate(request)
    training = await own_prediction(request, caller, request.path_params["training_id"])
    if training.kind != "training":
        raise NotFound
    return training


operations = [
    Operation(
        method="POST",
        path="/models/{owner}/{name}/versions/{version_id}/trainings",
        handler=create,
        id="trainings.create",
        scope=Scope.PUSH,
        summary="Train a version; what it learns becomes a new version of the destination",
        body=TrainingBody,
        headers=CreateHeaders,
        example={"destination": "acme/hello-world", "input": {}},
        reply=PredictionReply,
        success=201,
        faults=(400, 402, 404, 422, 429),
    ),
    Operation(
        method="GET",
        path="/trainings",
        handler=list_trainings,
        id="trainings.list",
        scope=Scope.READ,
        summary="The account's trainings, newest first",
        query=PredictionListQuery,
        reply=Page[PredictionReply],
    ),
    Operation(
        method="GET",
        path="/trainings/{training_id}",
        handler=get,
        id="trainings.get",
        scope=Scope.READ,
        summary="One training",
        reply=PredictionReply,
        faults=(404,),
    ),
    Operation(
        method="POST",
        path="/trainings/{training_id}/cancel",
        handler=cancel,
        id="trainings.cancel",
        scope=Scope.PUSH,
        summary="Stop a training",
        reply=PredictionReply,
        faults=(404,),
    ),
]
