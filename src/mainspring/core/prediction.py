"""A prediction's life: its states, who may follow whom, and the record itself.

starting ──claim──▶ processing ──▶ succeeded | failed | canceled
   │  ▲                  │
   │  └──instance lost───┘ (while attempts remain)
   ├──▶ canceled (by its user) | aborted (its deadline passed) | failed (no instance could be made ready)
   └──▶ succeeded | failed (as the run of another with the same input did, which it waited for)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from mainspring.core.ids import parse_time, rfc3339


class Status(StrEnum):
    """Replicate's words for where a prediction is."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def terminal(self) -> bool:
        """Whether nothing can change it any more."""
        return not TRANSITIONS[self]


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.STARTING: frozenset(
        {Status.PROCESSING, Status.SUCCEEDED, Status.CANCELED, Status.ABORTED, Status.FAILED}
    ),
    Status.PROCESSING: frozenset({Status.STARTING, Status.SUCCEEDED, Status.FAILED, Status.CANCELED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.ABORTED: frozenset(),
}


def guard(target: Status, source: Status | None = None) -> str:
    """The SQL condition under which a row may become `target`: generated, so that it can't drift.

    source narrows it to one of the states that may. Raises ValueError for a change that the table lacks.
    """
    sources = [s for s in Status if target in TRANSITIONS[s] and source in (None, s)]
    if not sources:
        raise ValueError(f"nothing becomes {target} from {source or 'any state'}")
    return "status IN ({})".format(", ".join(f"'{s}'" for s in sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One row of the ledger. input, output, metrics and timeline are JSON text; times are RFC 3339 text.

    kind is prediction or training; queue is the text of a core.queue.Queue. secrets holds sealed input values until
    the end. (instance_id, attempt) says who runs it. `output` names files as `mainspring-output://…`, which replies
    turn into URLs. token: id of the token that made it,
    address: where that came from. base_url: the listener that it was made through.
    destination: the model that a training makes a version of. keep_s: seconds that its data is kept after its end, None
    for ever; data_removed: 1 once input, output and logs are gone. asked: the alias that it was made with. weights:
    what those of the instance that runs it are called. price: nano-dollars for a second of its hardware, list_price:
    Replicate's; reserved: micro-dollars that it is taken to cost until it ends. trace: text of a core.trace.Trace, the
    span of its life; None where traces are off. cache_key: under which its result is stored, None when it is not to be.
    follows: the prediction whose run it waits for, without standing in a line. cached: JSON text, for what was answered
    without a run of its own.
    """

    id: str
    account: str
    model: str
    version: str
    queue: str
    source: str
    status: Status
    input: str
    secrets: str | None = None
    output: str | None = None
    logs: str = ""
    error: str | None = None
    metrics: str | None = None
    webhook: str | None = None
    webhook_events_filter: str | None = None
    created_at: str
    started_at: str | None = None
    completed_at: str | None = None
    deadline: str | None = None
    cancel_requested_at: str | None = None
    instance_id: str | None = None
    attempt: int = 0
    kind: str = "prediction"
    deployment: str | None = None
    destination: str | None = None
    token: str | None = None
    address: str | None = None
    hardware: str | None = None
    base_url: str | None = None
    timeline: str | None = None
    keep_s: int | None = None
    data_removed: int = 0
    asked: str | None = None
    weights: str | None = None
    price: int = 0
    list_price: int = 0
    reserved: int = 0
    trace: str | None = None
    cache_key: str | None = None
    follows: str | None = None
    cached: str | None = None

    @property
    def expires_at(self) -> str | None:
        """When its input, output and logs are removed; None while that is open, and for ever kept ones."""
        if self.completed_at is None or self.keep_s is None:
            return None
        return rfc3339(parse_time(self.completed_at) + timedelta(seconds=self.keep_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: a terminal status with what it left. output, metrics and timeline are JSON text.

    said: whether it may have said something before its end, which the end now takes the place of.
    """

    status: Status
    output: str | None = None
    error: str | None = None
    logs: str = ""
    metrics: str | None = None
    timeline: str | None = None
    said: bool = True


def metrics_of(model_metrics: dict[str, Any], predict_s: float, total_s: float) -> dict[str, Any]:
    """The model's own metrics and ours; ours win. Counts are whole numbers, which is all that some clients read."""
    counted = {k: round(v) for k, v in model_metrics.items() if k.endswith("_count") and _is_real(v)}
    return {**model_metrics, **counted, "predict_time": round(predict_s, 6), "total_time": round(total_s, 6)}


def _is_real(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
