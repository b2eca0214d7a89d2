"""Where a prediction's time went: in its reply, and as Server-Timing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mainspring.core.ids import parse_time
from mainspring.core.prediction import Prediction, Status
from mainspring.records.instances import Instance


class Step(msgspec.Struct, gc=False):
    """A step of a boot and when it was reached."""

    name: str
    at: str


class Timeline(msgspec.Struct, gc=False):
    """When what happened to a prediction; what has not happened is left out.

    booting_at, setup_at and steps: of the instance that it waited for. started_at: an instance took it.
    queue_position: 1 is the next; estimate_s: seconds until it starts, as recent ones tell.
    """

    queued_at: str
    booting_at: str | UnsetType = UNSET
    setup_at: str | UnsetType = UNSET
    started_at: str | UnsetType = UNSET
    first_output_at: str | UnsetType = UNSET
    uploading_at: str | UnsetType = UNSET
    completed_at: str | UnsetType = UNSET
    queue_position: int | UnsetType = UNSET
    estimate_s: float | UnsetType | None = UNSET
    steps: list[Step] | UnsetType = UNSET


class _Moments(msgspec.Struct):
    booting_at: str | UnsetType = UNSET
    setup_at: str | UnsetType = UNSET
    first_output_at: str | UnsetType = UNSET
    uploading_at: str | UnsetType = UNSET
    steps: list[Step] | UnsetType = UNSET


_moments = msgspec.json.Decoder(_Moments).decode
_steps = msgspec.json.Decoder(list[Step]).decode


def timeline_of(prediction: Prediction) -> Timeline:
    """What the row says."""
    ended = prediction.completed_at or UNSET
    told = Timeline(prediction.created_at, started_at=prediction.started_at or UNSET, completed_at=ended)
    if prediction.timeline is not None:
        _add(told, _moments(prediction.timeline))
    if told.first_output_at is UNSET and prediction.status is Status.SUCCEEDED:
        told.first_output_at = told.uploading_at or ended
    return told


def add_moments(told: Timeline, moments: dict[str, Any]) -> None:
    """What a running attempt of this process knows."""
    _add(told, msgspec.convert(moments, _Moments))


def add_boot(told: Timeline, instance: Instance) -> None:
    """The boot that it waits for."""
    told.booting_at, told.steps = instance.created_at, _steps(instance.steps)
    told.setup_at = next((step.at for step in told.steps if step.name == "server answering"), UNSET)


def server_timing(told: Timeline, now: datetime) -> str:
    """The header's value: milliseconds in each phase that has begun, up to now for the last one of them."""
    begun = [("queue", told.queued_at)]
    if told.booting_at is not UNSET:
        # A boot may have begun before anybody waited for it here.
        begun.append(("boot", max(told.booting_at, told.queued_at)))
    if told.setup_at is not UNSET:
        begun.append(("setup", max(told.setup_at, told.queued_at)))
    if told.started_at is not UNSET:
        begun.append(("run", told.started_at))
    if told.uploading_at is not UNSET:
        begun.append(("upload", told.uploading_at))
    moments = [parse_time(at) for _, at in begun]
    moments.append(parse_time(told.completed_at) if told.completed_at is not UNSET else now)
    spans = zip(begun, moments, moments[1:], strict=False)
    return ", ".join(
        f"{name};dur={(end - begin).total_seconds() * 1e3:.3f}" for (name, _), begin, end in spans
    )


def _add(told: Timeline, moments: _Moments) -> None:
    told.booting_at, told.setup_at, told.steps = moments.booting_at, moments.setup_at, moments.steps
    told.first_output_at, told.uploading_at = moments.first_output_at, moments.uploading_at
