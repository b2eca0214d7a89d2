"""How models and their versions look to a client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request

from mainspring.api.cache import ModelCacheReply, render_cache
from mainspring.api.catalog import WeightsReply, whose
from mainspring.api.context import Context, context
from mainspring.api.resources import ResourcesReply, render_resources
from mainspring.api.wire import base_url
from mainspring.core.durations import tell_retention
from mainspring.core.hardware import prices
from mainspring.core.pricing import MICRO, amount, tell_dollars
from mainspring.core.shapes import Link, Moment, VersionId, Visibility
from mainspring.records.catalog import Model, Version
from mainspring.records.rendering import PredictionReply, Ran

_PICTURE = re.compile(r'"(https?://[^"\\\s]+\.(?:png|jpe?g|webp|gif|avif))"', re.IGNORECASE)
_NO_COVER = "/static/mark.svg"


class VersionReply(msgspec.Struct):
    """A version of a model."""

    id: VersionId
    created_at: Moment
    cog_version: Annotated[str, Meta(examples=["0.23.1"])]
    openapi_schema: Annotated[
        Mapping[str, Any], Meta(description="OpenAPI document of its inputs and its output.")
    ]
    ran: Annotated[Ran | UnsetType, Meta(description="What an alias stands for; ours.")] = UNSET


class ScalingReply(msgspec.Struct):
    """How many instances a model may have, and for how many seconds one without work is kept; ours."""

    min_instances: int
    max_instances: int | None
    idle_timeout: float | None


class EstimateReply(msgspec.Struct):
    """How long runs took lately, in seconds, and what they pay for at the model's hardware; ours.

    p50: the median; p95: what 95 of 100 runs did not exceed. Runs of private models pay for setup too.
    """

    p50_s: float
    p95_s: float
    cost_p50: Annotated[str, Meta(description="US dollars.", examples=["0.0015"])]
    cost_p95: Annotated[str, Meta(examples=["0.0042"])]
    at_replicate: Annotated[
        str | UnsetType, Meta(description="What p50 costs at Replicate's list prices, with `compare_prices`.")
    ] = UNSET


class ModelReply(msgspec.Struct):
    """A model, with its latest version."""

    url: Link
    owner: Annotated[str, Meta(examples=["acme"])]
    name: Annotated[str, Meta(examples=["hello-world"])]
    description: str | None
    visibility: Visibility
    hardware: Annotated[str, Meta(description="What its instances run on; ours.", examples=["cpu"])]
    is_official: Annotated[bool, Meta(description="Whether the operator of this platform stands for it.")]
    github_url: Link | None
    paper_url: Link | None
    license_url: Link | None
    run_count: int
    cover_image_url: Annotated[
        Link | None, Meta(description="The author's, else a file of the default example, else a mark.")
    ]
    default_example: PredictionReply | None
    latest_version: VersionReply | None
    created_at: Moment
    scaling: ScalingReply
    resources: ResourcesReply
    aliases: Annotated[list[str], Meta(description="Ids that stand for a version of it; ours.")]
    weights: Annotated[WeightsReply | None, Meta(description="Whose weights it runs with; ours.")]
    retention: Annotated[str | None, Meta(description="How long data of its predictions is kept; ours.")]
    cache: ModelCacheReply
    estimate: Annotated[
        EstimateReply | UnsetType | None,
        Meta(description="Only when one model is asked for; null before it ran."),
    ] = UNSET


async def render_model(request: Request, model: Model) -> ModelReply:
    """The reply for a model, with its latest version and our `scaling`."""
    ctx, latest, example = context(request), None, await _example(request, model)
    if model.latest_version:
        latest = await ctx.catalog.get_version(model.full_name, model.latest_version)
    return ModelReply(
        url=f"{base_url(request)}/{model.full_name}",
        owner=model.owner,
        name=model.name,
        description=model.description,
        visibility=model.visibility,
        hardware=model.hardware,
        is_official=bool(model.official),
        github_url=model.github_url,
        paper_url=model.paper_url,
        license_url=model.license_url,
        run_count=model.run_count,
        cover_image_url=model.cover_image_url or _cover(example) or f"{base_url(request)}{_NO_COVER}",
        default_example=example,
        latest_version=render_version(latest) if latest else None,
        created_at=model.created_at,
        scaling=ScalingReply(
            min_instances=model.min_instances,
            max_instances=model.max_instances,
            idle_timeout=model.idle_timeout_s,
        ),
        resources=render_resources(model),
        aliases=[alias.id for alias in await ctx.aliases.list(model.full_name)],
        weights=whose(await ctx.installed.get(model.full_name)),
        retention=tell_retention(model.retention_s),
        cache=render_cache(model),
    )


async def picture_of(request: Request, model: Model) -> str | None:
    """URL of what to show it by: the author's cover, else a picture of its default example."""
    return model.cover_image_url or _cover(await _example(request, model))


async def _example(request: Request, model: Model) -> PredictionReply | None:
    shown = await context(request).predictions.get(model.default_example) if model.default_example else None
    return context(request).renderer.example(shown, base_url(request)) if shown else None


async def estimate_of(ctx: Context, model: Model) -> EstimateReply | None:
    """What a run of the model takes and costs; None before it ran."""
    lately = await ctx.usage.estimate(model.full_name)
    if not lately.samples:
        return None
    price, list_price = prices(ctx.settings.hardware.get(model.hardware))
    return EstimateReply(
        p50_s=lately.p50_us / MICRO,
        p95_s=lately.p95_us / MICRO,
        cost_p50=tell_dollars(amount(lately.paid_p50_us, price)),
        cost_p95=tell_dollars(amount(lately.paid_p95_us, price)),
        at_replicate=tell_dollars(amount(lately.paid_p50_us, list_price))
        if ctx.settings.compare_prices
        else UNSET,
    )


def _cover(example: PredictionReply | None) -> str | None:
    """The first picture in what the default example gave, else in what it took."""
    if example is None:
        return None
    return next(
        (url for part in (example.output, example.input) for url in _PICTURE.findall(bytes(part).decode())),
        None,
    )


def render_version(version: Version, asked: str | None = None) -> VersionReply:
    """The reply for a version. asked: the id that it was asked for by, which an alias may be."""
    return VersionReply(
        asked or version.id,
        version.created_at,
        version.cog_version,
        version.openapi_schema,
        Ran(version.model, version.id) if asked not in (None, version.id) else UNSET,
    )
