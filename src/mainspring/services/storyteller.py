"""Tells the life of each prediction as spans of one trace, once it is over; webhooks as they are sent.

Everything is read off rows, so a trace is whole although servers died between its beginning and its end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import UNSET, UnsetType

from mainspring.core.ids import parse_time
from mainspring.core.prediction import Prediction, Status
from mainspring.core.trace import Trace
from mainspring.records.deliveries import Try
from mainspring.records.timeline import Step, Timeline, timeline_of
from mainspring.tracing import Span, Tracer

_ENDS = {
    "environment found": "prepare",
    "process started": "launch",
    "server answering": "start",
    "ready": "setup",
}


class Storyteller:
    """Turns predictions that have ended, and tries at webhooks, into spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def ended(self, prediction: Prediction) -> None:
        """It is over, and the ledger has it: the span of its life, and one for each of its phases."""
        trace = Trace.parse(prediction.trace)
        if trace is None or not trace.sampled:
            return
        told = timeline_of(prediction)
        begin, end = parse_time(told.queued_at), _time(told.completed_at) or parse_time(told.queued_at)
        failed = "it failed" if prediction.status is Status.FAILED else None
        self._tracer.tell(
            Span(
                name=f"{prediction.kind} {prediction.model}",
                trace=trace,
                begin=begin,
                end=end,
                attributes=_facts(prediction),
                error=failed,
            )
        )
        for span in _phases(prediction, trace, told, end):
            self._tracer.tell(span)

    def lost(self, prediction: Prediction, attempt: int, reason: str, at: datetime) -> None:
        """Its instance was lost, and it waits again."""
        trace = Trace.parse(prediction.trace)
        if trace is not None:
            below = trace.below("lost", attempt)
            facts = {"mainspring.attempt": attempt}
            self._tracer.tell(
                Span(name="lost", trace=below, begin=at, end=at, attributes=facts, error=reason)
            )

    def tried(self, prediction: Prediction, event: str, at: datetime, tried: Try) -> None:
        """A webhook was sent, or that was tried in vain."""
        trace = webhook_of(prediction, event, tried.attempt)
        if trace is None:
            return
        facts: dict[str, str | int] = {"mainspring.attempt": tried.attempt}
        if tried.status is not None:
            facts["http.response.status_code"] = tried.status
        self._tracer.tell(
            Span(
                name=f"webhook {event}",
                trace=trace,
                begin=at,
                end=at + timedelta(seconds=tried.duration),
                kind="client",
                attributes=facts,
                error=tried.error,
            )
        )


def run_of(prediction: Prediction) -> Trace | None:
    """The span of the attempt that runs now, for what the model does."""
    trace = Trace.parse(prediction.trace)
    return trace.below("run", prediction.attempt) if trace is not None else None


def webhook_of(prediction: Prediction, event: str, attempt: int) -> Trace | None:
    """The span of a try at a webhook, for what its receiver does."""
    trace = Trace.parse(prediction.trace)
    return trace.below("webhook", event, attempt) if trace is not None else None


def _facts(prediction: Prediction) -> dict[str, str | int]:
    facts = {
        "mainspring.prediction.id": prediction.id,
        "mainspring.status": str(prediction.status),
        "mainspring.model": prediction.model,
        "mainspring.version": prediction.version,
        "mainspring.deployment": prediction.deployment,
        "mainspring.hardware": prediction.hardware,
        "mainspring.instance.id": prediction.instance_id,
        "mainspring.attempts": prediction.attempt,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _phases(prediction: Prediction, trace: Trace, told: Timeline, end: datetime) -> list[Span]:
    begin, started = parse_time(told.queued_at), _time(told.started_at)
    spans = [Span(name="queue", trace=trace.below("queue"), begin=begin, end=started or end)]
    if told.booting_at is not UNSET and told.steps is not UNSET:
        spans += _boot(trace, told.booting_at, told.steps, started or end)
    if started is None:
        return spans
    uploading = _time(told.uploading_at)
    spans.append(_run(prediction, trace, started, _time(told.first_output_at), uploading or end))
    if uploading is not None:
        spans.append(Span(name="upload", trace=trace.below("upload"), begin=uploading, end=end))
    return spans


def _run(
    prediction: Prediction, trace: Trace, begin: datetime, first: datetime | None, end: datetime
) -> Span:
    return Span(
        name="run",
        trace=trace.below("run", prediction.attempt),
        begin=begin,
        end=end,
        kind="client",
        attributes={"mainspring.attempt": prediction.attempt},
        events={"first output": first} if first is not None else {},
        error="it failed" if prediction.status is Status.FAILED else None,
    )


def _boot(trace: Trace, booting_at: str, steps: list[Step], end: datetime) -> list[Span]:
    """The boot that it waited for, which may have begun before it, and its steps: each ends where its name says."""
    boot, begin = trace.below("boot"), parse_time(booting_at)
    spans, since = [], begin
    for step in steps:
        at = parse_time(step.at)
        name = _ENDS.get(step.name, step.name)
        spans.append(Span(name=name, trace=boot.below(name), begin=since, end=at))
        since = at
    ready = any(step.name == "ready" for step in steps)
    error = None if ready else "the instance did not get ready"
    return [Span(name="boot", trace=boot, begin=begin, end=since if ready else end, error=error), *spans]


def _time(text: str | UnsetType) -> datetime | None:
    return None if text is UNSET else parse_time(text)
