"""How a prediction looks to whoever asks for it or is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from mainspring.core.marks import OUTPUT
from mainspring.core.prediction import Prediction, Status
from mainspring.core.pricing import MICRO, tell_dollars
from mainspring.core.schema import OutputKind
from mainspring.core.shapes import EventNames, JsonObject, Link, ModelName, Moment, StatusName, VersionId
from mainspring.records.cached import Cached, read_cached
from mainspring.records.catalog import Catalog
from mainspring.records.feed import Feed, Live
from mainspring.records.predictions import Predictions
from mainspring.records.progress import Progress
from mainspring.records.timeline import Timeline, add_moments, timeline_of
from mainspring.records.usage import UsageBook
from mainspring.records.vault import Vault

_MARK = f'"{OUTPUT}'
MARK = _MARK.encode()
_NULL = Raw(b"null")
_encode = msgspec.json.Encoder().encode
_BODIES, _SMALL = 64, 1 << 14
_UNKNOWN = OutputKind(False, False, False)


class PredictionUrls(msgspec.Struct):
    """Where a prediction can be asked about."""

    get: Link
    cancel: Link
    web: Link
    stream: Annotated[
        Link | UnsetType, Meta(description="Its output as server-sent events; open to who has this URL.")
    ] = UNSET


class Ran(msgspec.Struct):
    """What ran, where that is not plain from the names that it was asked by; ours.

    weights: what they are called, once it has begun.
    """

    model: ModelName
    version: VersionId
    weights: str | UnsetType = UNSET


class Cost(msgspec.Struct):
    """What an ended run used and what it costs, in US dollars; times in seconds.

    Runs of public models and trainings have no setup_time and no idle_time.
    """

    amount: Annotated[str, Meta(examples=["0.0015"])]
    setup_time: float
    idle_time: float
    active_time: float
    at_replicate: Annotated[
        str | UnsetType, Meta(description="What it would have cost at Replicate's list prices.")
    ] = UNSET


class PredictionReply(msgspec.Struct):
    """Replicate's prediction object, and its training, which has neither stream nor data_removed.

    What is unset is left out: clients refuse some nulls. Ours are timeline, hardware: what it runs on, expires_at:
    when input, output and logs are removed, and cost: of what ended, where anything costs.
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
    cost: Cost | UnsetType = UNSET
    hardware: Annotated[str | UnsetType, Meta(description="What it runs on; ours.", examples=["cpu"])] = UNSET
    deployment: str | UnsetType = UNSET
    webhook: str | UnsetType = UNSET
    webhook_events_filter: EventNames | UnsetType = UNSET
    ran: Ran | UnsetType = UNSET
    cached: Annotated[Cached | UnsetType, Meta(description="Only of what was answered without a run.")] = (
        UNSET
    )


class Renderer:
    """Makes replies of rows. base: scheme and host by which the URLs in them are to be reached."""

    def __init__(
        self,
        vault: Vault,
        catalog: Catalog,
        feed: Feed,
        predictions: Predictions,
        progress: Progress,
        usage: UsageBook,
        *,
        compare: bool = False,
    ) -> None:
        self._usage = usage
        self._compare = compare
        self._vault = vault
        self._catalog = catalog
        self._feed = feed
        self._predictions = predictions
        self._progress = progress
        self._bodies: dict[str, tuple[Prediction, str, bytes]] = {}

    async def body(self, prediction: Prediction, base: str) -> bytes:
        """What `present` gives, as it is sent. The end is told to a webhook and to who waits: it is made once."""
        if not prediction.status.terminal:
            return encode(await self.present(prediction, base))
        known = self._bodies.get(prediction.id)
        if known is not None and known[0] is prediction and known[1] == base:
            return known[2]
        made = encode(await self.present(prediction, base))
        while len(self._bodies) >= _BODIES:
            del self._bodies[next(iter(self._bodies))]
        if len(made) <= _SMALL:
            self._bodies[prediction.id] = (prediction, base, made)
        return made

    async def present(self, prediction: Prediction, base: str) -> PredictionReply:
        """The reply, with what a running prediction has said so far."""
        version = await self._catalog.get_version(prediction.model, prediction.version)
        kind = self._catalog.output_kind(version, prediction.kind) if version else _UNKNOWN
        rendered = self.render(prediction, base, streams_files=kind.streams_files)
        if prediction.status.terminal and (prediction.price or self._compare):
            rendered.cost = await self._cost(prediction.id)
        live = self._feed.get(prediction.id)
        if prediction.follows is not None and prediction.status is Status.STARTING:
            return await self._following(rendered, prediction.follows, live, kind, base)
        if prediction.status is not Status.PROCESSING:
            return rendered
        if live is not None:
            return so_far(rendered, live, kind, base)
        said = await self._progress.said(prediction.id, prediction.attempt)
        chunks = [text[1:-1] for text, _ in said if text != "[]"]
        if kind.iterator and chunks:
            rendered.output = Raw(with_urls(f"[{','.join(chunks)}]", base))
        rendered.logs = "".join(logs for _, logs in said)
        return rendered

    async def _following(
        self, rendered: PredictionReply, leader_id: str, live: Live | None, kind: OutputKind, base: str
    ) -> PredictionReply:
        """One that waits for another's run is as far as that."""
        leader = await self._predictions.get(leader_id)
        if leader is None or leader.status is not Status.PROCESSING:
            return rendered
        rendered.status = Status.PROCESSING.value
        return so_far(rendered, live, kind, base) if live is not None else rendered

    async def _cost(self, prediction_id: str) -> Cost | UnsetType:
        used = await self._usage.of_run(prediction_id)
        if used is None:
            return UNSET
        return Cost(
            amount=tell_dollars(used.amount),
            setup_time=used.setup_us / MICRO,
            idle_time=used.idle_us / MICRO,
            active_time=used.active_us / MICRO,
            at_replicate=tell_dollars(used.list_amount) if self._compare else UNSET,
        )

    async def as_it_started(self, prediction: Prediction, base: str) -> PredictionReply:
        """The reply of the moment when it began to run, whatever it has become."""
        version = await self._catalog.get_version(prediction.model, prediction.version)
        kind = self._catalog.output_kind(version, prediction.kind) if version else _UNKNOWN
        begun = replace(
            prediction,
            status=Status.PROCESSING,
            output=None,
            logs="",
            error=None,
            metrics=None,
            completed_at=None,
            timeline=None,
        )
        return self.render(begun, base, streams_files=kind.streams_files)

    def example(self, prediction: Prediction, base: str) -> PredictionReply:
        """The reply for whoever sees the model: who is told of it, and how it was called, is its owner's business."""
        shown = replace(prediction, webhook=None, webhook_events_filter=None, deployment=None)
        return self.render(shown, base)

    def render(self, prediction: Prediction, base: str, *, streams_files: bool = False) -> PredictionReply:
        """The reply for what the row of a prediction or a training says."""
        training, kind = prediction.kind == "training", "files" if streams_files else "streams"
        own = address(base, prediction)
        proof = self._vault.capability(f"stream {prediction.id}")
        urls = PredictionUrls(
            get=own,
            cancel=f"{own}/cancel",
            web=f"{base}/p/{prediction.id}",
            stream=UNSET if training else f"{base}/v1/{kind}/{prediction.id}-{proof}",
        )
        return PredictionReply(
            id=prediction.id,
            model=prediction.model,
            version=prediction.asked or prediction.version,
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
            hardware=prediction.hardware or UNSET,
            deployment=prediction.deployment or UNSET,
            webhook=prediction.webhook or UNSET,
            webhook_events_filter=Raw(prediction.webhook_events_filter.encode())
            if prediction.webhook_events_filter
            else UNSET,
            ran=_ran(prediction),
            cached=read_cached(prediction.cached) if prediction.cached else UNSET,
        )


def _ran(prediction: Prediction) -> Ran | UnsetType:
    if prediction.asked is None and prediction.weights is None:
        return UNSET
    return Ran(prediction.model, prediction.version, prediction.weights or UNSET)


def address(base: str, prediction: Prediction) -> str:
    """Where a prediction or a training can be asked about."""
    return f"{base}/v1/{prediction.kind}s/{prediction.id}"


def encode(reply: PredictionReply) -> bytes:
    """The bytes of a reply; like Replicate's, it ends with a newline."""
    return _encode(reply) + b"\n"


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
