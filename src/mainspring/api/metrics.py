"""Figures of a model or a deployment over the last hours: ours, for plots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.calling import authenticate
from mainspring.api.census import Census, Now, take_census
from mainspring.api.context import context
from mainspring.api.deployments import own_deployment
from mainspring.api.models import own_model
from mainspring.api.operation import Operation
from mainspring.api.wire import query, reply
from mainspring.core.people import Scope
from mainspring.records.metrics import Figures, Span

Range = Literal["2h", "24h"]
_BUCKETS: dict[Range, tuple[int, int]] = {"2h": (120, 60), "24h": (1800, 48)}
Seconds = Annotated[float | None, Meta(description="Seconds; null where nothing ended.")]


class MetricsQuery(msgspec.Struct):
    """How far back."""

    range: Range = "2h"


class FiguresReply(msgspec.Struct):
    """Predictions that ended in a stretch of time, and instances that began to boot in it.

    run: of those that succeeded; wait: in line, of those that began; both by nearest rank. boot: mean.
    """

    at: Annotated[str, Meta(description="When it begins.")]
    runs: int
    failed: int
    run_p50: Seconds
    run_p95: Seconds
    wait_p50: Seconds
    wait_p95: Seconds
    boots: int
    boots_failed: int
    boot: Seconds


class MetricsReply(msgspec.Struct):
    """total: over the whole range. buckets: oldest first; the last one is under way."""

    range: Range
    bucket_s: int
    now: Now
    total: FiguresReply
    buckets: list[FiguresReply]


async def of_model(request: Request) -> Response:
    """GET /models/{owner}/{name}/metrics?range: for the model's owner, over everybody's predictions."""
    name = (await own_model(request, await authenticate(request))).full_name
    return await _told(request, name, context(request).metrics.of_model, Census.of_model)


async def of_deployment(request: Request) -> Response:
    """GET /deployments/{owner}/{name}/metrics?range."""
    name = (await own_deployment(request, await authenticate(request))).full_name
    return await _told(request, name, context(request).metrics.of_deployment, Census.of_deployment)


async def _told(
    request: Request,
    name: str,
    read: Callable[[str, Span], Awaitable[list[Figures]]],
    count: Callable[[Census, str], Now],
) -> Response:
    """The figures of a model or a deployment. read: what has ended; count: what is there right now."""
    ctx, asked = context(request), query(request, MetricsQuery)
    span = Span.until(ctx.now(), *_BUCKETS[asked.range])
    (total,) = await read(name, span.whole())
    buckets = await read(name, span)
    return reply(_render(asked, span, count(await take_census(ctx), name), total, buckets))


def _render(
    asked: MetricsQuery, span: Span, now: Now, total: Figures, buckets: list[Figures]
) -> MetricsReply:
    starts = span.starts()
    return MetricsReply(
        range=asked.range,
        bucket_s=span.bucket_s,
        now=now,
        total=_figures(starts[0], total),
        buckets=[_figures(at, one) for at, one in zip(starts, buckets, strict=True)],
    )


def _figures(at: str, one: Figures) -> FiguresReply:
    return FiguresReply(
        at=at,
        runs=one.runs,
        failed=one.failed,
        run_p50=_rounded(one.run_p50),
        run_p95=_rounded(one.run_p95),
        wait_p50=_rounded(one.wait_p50),
        wait_p95=_rounded(one.wait_p95),
        boots=one.boots,
        boots_failed=one.boots_failed,
        boot=_rounded(one.boot),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


operations = [
    Operation(
        method="GET",
        path="/models/{owner}/{name}/metrics",
        handler=of_model,
        id="models.metrics.get",
        scope=Scope.READ,
        summary="Runs, errors, times and boots of a model over the last hours",
        query=MetricsQuery,
        reply=MetricsReply,
        faults=(403,),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/deployments/{owner}/{name}/metrics",
        handler=of_deployment,
        id="deployments.metrics.get",
        scope=Scope.READ,
        summary="Runs, errors, times and boots of a deployment over the last hours",
        query=MetricsQuery,
        reply=MetricsReply,
        ours=True,
    ),
]
