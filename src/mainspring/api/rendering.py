"""How a prediction looks to a client."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from starlette.requests import Request

from mainspring.api.context import context
from mainspring.api.timeline import Timeline, add_moments, timeline_of
from mainspring.api.wire import base_url
from mainspring.core.prediction import Prediction
from mainspring.core.schema import OutputKind
from mainspring.core.shapes import EventNames, JsonObject, Link, ModelName, Moment, StatusName, VersionId
from mainspring.records.feed import Live

MARK = b'"mainspring-output://'
_MARK = MARK.decode()
_NULL = Raw(b"null")


class PredictionUrls(msgspec.Struct):
    """Where a prediction can be asked about."""

    get: Link
    cancel: Link
    web: Link
    stream: Annotated[
        Link | UnsetType, Meta(description="Its output as server-sent events; open to who has this URL.")
    ] = UNSET


class PredictionReply(msgspec.Struct):
    """Replicate's prediction object, and its training, which has neither stream nor data_removed.

    What is unset is left out: clients refuse some nulls. Ours are timeline, and expires_at: when input, output and
    logs are removed.
    """

    id: str
    model: ModelName
    version: VersionId
    input: JsonObject
    logs: str
    output: Annotated[Raw, Meta(description="Any JSON; null until there is some. Files are URLs.")]
    error: str | None
    source: Annotated[str, Meta(extra_json_schema={"enum": ["web", "api"]})]
    status: StatusName
    created_at: Moment
    urls: PredictionUrls
    timeline: Timeline
    data_removed: bool | UnsetType = UNSET
    started_at: Moment | UnsetType = UNSET
    completed_at: Moment | UnsetType = UNSET
    deadline: Annotated[Moment | UnsetType, Meta(description="When it is given up.")] = UNSET
    metrics: Annotated[
        JsonObject | UnsetType, Meta(description="`predict_time` and `total_time` in seconds.")
    ] = UNSET
    expires_at: Annotated[Moment | UnsetType, Meta(description="When its data is removed; ours.")] = UNSET
    deployment: str | UnsetType = UNSET
    webhook: str | UnsetType = UNSET
    webhook_events_filter: EventNames | UnsetType = UNSET


def render(request: Request, prediction: Prediction, *, streams_files: bool = False) -> PredictionReply:
    """The reply for a prediction or a training, with URLs of the listener that was called."""
    base, training = base_url(request), prediction.kind == "training"
    own = address(base, prediction)
    kind = "files" if streams_files else "streams"
    proof = context(request).vault.capability(f"stream {prediction.id}")
    urls = PredictionUrls(
        get=own,
        cancel=f"{own}/cancel",
        web=f"{base}/p/{prediction.id}",
        stream=UNSET if training else f"{base}/v1/{kind}/{prediction.id}-{proof}",
    )
    return PredictionReply(
        id=prediction.id,
        model=prediction.model,
        version=prediction.version,
        input=Raw(prediction.input.encode()),
        logs=prediction.logs,
        output=Raw(with_urls(prediction.output, base)) if prediction.output is not None else _NULL,
        data_removed=UNSET if training else bool(prediction.data_removed),
        error=prediction.error,
        source=prediction.source,
        status=prediction.status.value,
        created_at=prediction.created_at,
        urls=urls,
        started_at=prediction.started_at or UNSET,
        completed_at=prediction.completed_at or UNSET,
        deadline=prediction.deadline or UNSET,
        metrics=Raw(prediction.metrics.encode()) if prediction.metrics else UNSET,
        timeline=timeline_of(prediction),
        expires_at=prediction.expires_at or UNSET,
        deployment=prediction.deployment or UNSET,
        webhook=prediction.webhook or UNSET,
        webhook_events_filter=Raw(prediction.webhook_events_filter.encode())
        if prediction.webhook_events_filter
        else UNSET,
    )


def address(base: str, prediction: Prediction) -> str:
    """Where a prediction or a training can be asked about."""
    return f"{base}/v1/{prediction.kind}s/{prediction.id}"


def with_urls(output: str, base: str) -> bytes:
    """Output JSON whose file marks have become URLs that the caller can read."""
    return output.replace(_MARK, f'"{base}/outputs/').encode()


def so_far(reply: PredictionReply, live: Live, kind: OutputKind, base: str) -> PredictionReply:
    """What a running prediction of this process has said until now."""
    if kind.iterator and live.chunks:
        reply.output = Raw(with_urls((b"[" + b",".join(live.chunks) + b"]").decode(), base))
    reply.logs = "".join(live.logs)
    if live.moments:
        add_moments(reply.timeline, live.moments)
    return reply
