"""How a prediction looks to a client."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType
from starlette.requests import Request

from mainspring.api.context import context
from mainspring.api.wire import base_url
from mainspring.core.prediction import Prediction
from mainspring.core.schema import OutputKind
from mainspring.records.feed import Live

MARK = b'"mainspring-output://'
_MARK = MARK.decode()
_NULL = Raw(b"null")


class PredictionUrls(msgspec.Struct):
    """Where a prediction can be asked about."""

    get: str
    cancel: str
    stream: str
    web: str


class PredictionReply(msgspec.Struct):
    """Replicate's prediction object. What is unset is left out: clients refuse some nulls."""

    id: str
    model: str
    version: str
    input: Raw
    logs: str
    output: Raw
    data_removed: bool
    error: str | None
    source: str
    status: str
    created_at: str
    urls: PredictionUrls
    started_at: str | UnsetType = UNSET
    completed_at: str | UnsetType = UNSET
    deadline: str | UnsetType = UNSET
    metrics: Raw | UnsetType = UNSET
    deployment: str | UnsetType = UNSET
    webhook: str | UnsetType = UNSET
    webhook_events_filter: Raw | UnsetType = UNSET


def render(request: Request, prediction: Prediction, *, streams_files: bool = False) -> PredictionReply:
    """The reply for a prediction, with URLs of the listener that was called."""
    base = base_url(request)
    own = f"{base}/v1/predictions/{prediction.id}"
    kind = "files" if streams_files else "streams"
    proof = context(request).vault.capability(f"stream {prediction.id}")
    urls = PredictionUrls(
        get=own,
        cancel=f"{own}/cancel",
        stream=f"{base}/v1/{kind}/{prediction.id}-{proof}",
        web=f"{base}/p/{prediction.id}",
    )
    return PredictionReply(
        id=prediction.id,
        model=prediction.model,
        version=prediction.version,
        input=Raw(prediction.input.encode()),
        logs=prediction.logs,
        output=Raw(with_urls(prediction.output, base)) if prediction.output is not None else _NULL,
        data_removed=False,
        error=prediction.error,
        source=prediction.source,
        status=prediction.status.value,
        created_at=prediction.created_at,
        urls=urls,
        started_at=prediction.started_at or UNSET,
        completed_at=prediction.completed_at or UNSET,
        deadline=prediction.deadline or UNSET,
        metrics=Raw(prediction.metrics.encode()) if prediction.metrics else UNSET,
        deployment=prediction.deployment or UNSET,
        webhook=prediction.webhook or UNSET,
        webhook_events_filter=Raw(prediction.webhook_events_filter.encode())
        if prediction.webhook_events_filter
        else UNSET,
    )


def with_urls(output: str, base: str) -> bytes:
    """Output JSON whose file marks have become URLs that the caller can read."""
    return output.replace(_MARK, f'"{base}/outputs/').encode()


def so_far(reply: PredictionReply, live: Live, kind: OutputKind, base: str) -> PredictionReply:
    """What a running prediction of this process has said until now."""
    if kind.iterator and live.chunks:
        reply.output = Raw(with_urls((b"[" + b",".join(live.chunks) + b"]").decode(), base))
    reply.logs = "".join(live.logs)
    return reply
