"""Webhooks: the signing secret, and what became of each delivery. Replicate's API has only the secret."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import acting_for, authenticate
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.predictions import own_prediction
from mainspring.api.wire import PAGE, cursor, page, query, reply
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.ids import rfc3339
from mainspring.core.people import Scope
from mainspring.core.prediction import Prediction
from mainspring.core.shapes import EVENTS, AccountQuery, OwnedPageQuery, Page
from mainspring.core.webhooks import secret_text
from mainspring.records.deliveries import Delivery, Try
from mainspring.records.signing import Secret


class SecretReply(msgspec.Struct):
    """key: what receivers verify signatures with."""

    key: str


class RotatedReply(SecretReply):
    """key: the new one. previous_expires_at: until when the one before signs as well."""

    previous_expires_at: str | None


class DeliveryReply(msgspec.Struct):
    """One event of a prediction.

    webhook_id: the header webhook-id, the same in every try. state: waiting, pending, delivered, superseded, failed or
    dead. next_attempt_at: of a pending one. attempts: the latest tries, oldest first.
    """

    id: str
    prediction: str
    event: str
    webhook_id: str
    url: str
    state: str
    next_attempt_at: str | None
    attempts: list[Try]


async def get_secret(request: Request) -> Response:
    """GET /webhooks/default/secret."""
    whose, ctx = await _whose(request), context(request)
    newest, *_ = await ctx.signing.secrets(whose, ctx.now())
    return reply(SecretReply(secret_text(newest.key)), headers={"Cache-Control": "no-store"})


async def rotate_secret(request: Request) -> Response:
    """POST /webhooks/default/secret/rotate: a new secret; the one before signs as well for a day."""
    whose, ctx = await _whose(request), context(request)
    newest, *older = await ctx.signing.rotate(whose, ctx.now())
    rotated = RotatedReply(secret_text(newest.key), _until(older))
    return reply(rotated, headers={"Cache-Control": "no-store"})


async def list_deliveries(request: Request) -> Response:
    """GET /predictions/{id}/deliveries: in the order of its life."""
    prediction = await _own(request)
    found = [_render(delivery) for delivery in await context(request).deliveries.of(prediction.id)]
    return reply(page(request, found, next_cursor=None, previous_cursor=None))


async def resend(request: Request) -> Response:
    """POST /predictions/{id}/deliveries/{delivery_id}/resend: now, with the same webhook-id; its tries begin anew."""
    prediction = await _own(request)
    ctx = context(request)
    delivery_id: str = request.path_params["delivery_id"]
    event = delivery_id.removeprefix(f"{prediction.id}-")
    if event not in EVENTS or await _find(ctx, prediction, event) is None:
        raise NotFound
    if not await ctx.deliveries.resend(prediction.id, event, rfc3339(ctx.now())):
        raise Conflict("This delivery is about to be sent")
    ctx.hints.hint("webhooks")
    again = await _find(ctx, prediction, event)
    assert again is not None
    return reply(_render(again), 202)


async def list_recent(request: Request) -> Response:
    """GET /webhooks/deliveries: of all predictions, the newest first."""
    found = await context(request).deliveries.recent(await _whose(request), cursor(request), PAGE)
    results = [_render(delivery) for delivery in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def list_dead(request: Request) -> Response:
    """GET /webhooks/dead: deliveries of `completed` that were tried in vain to the end, newest first."""
    found = await context(request).deliveries.dead(await _whose(request), cursor(request), PAGE)
    results = [_render(delivery) for delivery in found.items]
    return reply(page(request, results, next_cursor=found.next, previous_cursor=found.previous))


async def _whose(request: Request) -> str:
    caller = await authenticate(request)
    return (await acting_for(request, caller, query(request, AccountQuery).account)).username


async def _own(request: Request) -> Prediction:
    caller = await authenticate(request)
    return await own_prediction(request, caller, request.path_params["prediction_id"])


async def _find(ctx: Context, prediction: Prediction, event: str) -> Delivery | None:
    return next((d for d in await ctx.deliveries.of(prediction.id) if d.event == event), None)


def _until(older: list[Secret]) -> str | None:
    return older[0].expires_at if older else None


def _render(delivery: Delivery) -> DeliveryReply:
    return DeliveryReply(
        id=delivery.id,
        prediction=delivery.prediction.id,
        event=delivery.event,
        webhook_id=delivery.webhook_id,
        url=delivery.prediction.webhook or "",
        state=delivery.state,
        next_attempt_at=delivery.due_at if delivery.state == "pending" else None,
        attempts=delivery.tried(),
    )


operations = [
    Operation(
        method="GET",
        path="/webhooks/default/secret",
        handler=get_secret,
        id="webhooks.default.secret.get",
        scope=Scope.RUN,
        summary="The secret that webhooks are signed with",
        query=AccountQuery,
        reply=SecretReply,
    ),
    Operation(
        method="POST",
        path="/webhooks/default/secret/rotate",
        handler=rotate_secret,
        id="webhooks.default.secret.rotate",
        scope=Scope.ADMIN,
        summary="Replace the secret that webhooks are signed with",
        query=AccountQuery,
        reply=RotatedReply,
        ours=True,
    ),
    Operation(
        method="GET",
        path="/webhooks/deliveries",
        handler=list_recent,
        id="webhooks.deliveries.list",
        scope=Scope.READ,
        summary="The latest webhook deliveries",
        query=OwnedPageQuery,
        reply=Page[DeliveryReply],
        faults=(400,),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/webhooks/dead",
        handler=list_dead,
        id="webhooks.dead.list",
        scope=Scope.READ,
        summary="Deliveries that were given up",
        query=OwnedPageQuery,
        reply=Page[DeliveryReply],
        faults=(400,),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/predictions/{prediction_id}/deliveries",
        handler=list_deliveries,
        id="predictions.deliveries.list",
        scope=Scope.READ,
        summary="The webhook deliveries of a prediction, with every try",
        reply=Page[DeliveryReply],
        faults=(404,),
        ours=True,
    ),
    Operation(
        method="POST",
        path="/predictions/{prediction_id}/deliveries/{delivery_id}/resend",
        handler=resend,
        id="predictions.deliveries.resend",
        scope=Scope.RUN,
        summary="Send a webhook again",
        reply=DeliveryReply,
        success=202,
        faults=(404, 409),
        ours=True,
    ),
]
