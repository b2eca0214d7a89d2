"""What a client may send to make a prediction, and how it is read."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request

from mainspring.api.context import Context
from mainspring.core.durations import parse_duration
from mainspring.core.egress import RefusedTarget, check_webhook
from mainspring.core.errors import InvalidField, InvalidInput, InvalidRequest
from mainspring.core.ids import rfc3339
from mainspring.core.shapes import EVENTS, KeyHeaders

_WAIT = re.compile(r"(?:^|[\s,;])wait(?:=([0-9]{1,3}))?(?:$|[\s,;])")
_LONGEST_WAIT_S = 57.0

_INPUT = Meta(
    description="What the model takes; the Input schema of the version's `openapi_schema` says it. Files are URLs.",
    extra_json_schema={"type": ["object", "null"]},
)
_EVENTS_FILTER = Meta(
    description="Which events the webhook hears of.",
    extra_json_schema={"anyOf": [{"type": "array", "items": {"enum": list(EVENTS)}}, {"type": "null"}]},
)


class CreateBody(msgspec.Struct):
    """What a client may send; keys that only other servers read are ignored."""

    input: Annotated[Any, _INPUT] = None
    version: Annotated[
        str | None, Meta(description="`owner/name`, `owner/name:version` or a version of 64 hex digits.")
    ] = None
    model: str | None = None
    webhook: str | None = None
    webhook_completed: str | None = None
    webhook_events_filter: Annotated[list[str] | None, _EVENTS_FILTER] = None
    stream: Annotated[bool | None, Meta(description="Ignored: every prediction has `urls.stream`.")] = None
    lifetime: Annotated[
        str | int | None, Meta(description="Like the header Cancel-After.", examples=["5m"])
    ] = None
    cache: Annotated[
        bool | str | int | None,
        Meta(
            description="Ours, goes before Cache-Control. `true`: answer from the store, if the model is deterministic;"
            " an age like `1h`: with what is no older; `false`: run it, and store what comes; `no-store`: don't.",
            examples=[True, "1h"],
        ),
    ] = None


_HEADER_NAMES = {"prefer": "Prefer", "cancel_after": "Cancel-After", "cache_control": "Cache-Control"}


class CreateHeaders(KeyHeaders, rename=_HEADER_NAMES):
    """How long the client waits, and when it loses interest."""

    prefer: Annotated[
        str | None,
        Meta(
            description="`wait` or `wait=N`: answer when it has ended, after at most N seconds.",
            examples=["wait"],
        ),
    ] = None
    cancel_after: Annotated[
        str | None, Meta(description="5 s to 24 h, like `30s`, `5m` or `1h30m`.", examples=["5m"])
    ] = None

    cache_control: Annotated[
        str | None,
        Meta(
            description="`max-age=N`: answer from the store with what is no older than N seconds; `no-cache`: run it;"
            " `no-store`: don't store what comes.",
            examples=["max-age=3600"],
        ),
    ] = None


EXAMPLE = {"input": {"text": "Alice"}}


def wait_of(request: Request) -> float:
    """How long the client wants to wait, in seconds; 0 when it does not."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    if found is None:
        return 0.0
    asked = float(found.group(1) or _LONGEST_WAIT_S)
    return max(1.0, min(asked, _LONGEST_WAIT_S))


def deadline_of(request: Request, body: CreateBody, now: datetime) -> str | None:
    """When the prediction is to be given up. Raises InvalidRequest for what is not 5 s to 24 h."""
    text = request.headers.get("cancel-after") or body.lifetime
    if not text:
        return None
    try:
        duration_s = parse_duration(str(text))
    except ValueError as error:
        raise InvalidRequest("Cancel-After must be a duration like 30s, 5m or 1h30m") from error
    if not 5 <= duration_s <= 86_400:
        raise InvalidRequest("Cancel-After must be between 5s and 24h")
    return rfc3339(now + timedelta(seconds=duration_s))


def webhook_of(ctx: Context, body: CreateBody) -> str | None:
    """The URL to tell of it. Raises InvalidInput for one that it would not be sent to."""
    field = "webhook" if body.webhook else "webhook_completed"
    url = body.webhook or body.webhook_completed
    if not url:
        return None
    try:
        check_webhook(url, ctx.egress)
    except RefusedTarget as error:
        raise InvalidInput([InvalidField("format", field, str(error))]) from error
    return url


def events_of(body: CreateBody) -> str | None:
    """Which events it hears of, as JSON; None for all. Raises InvalidInput."""
    if body.webhook_events_filter is None:
        return '["completed"]' if body.webhook_completed and not body.webhook else None
    for index, event in enumerate(body.webhook_events_filter):
        if event not in EVENTS:
            told = f'webhook_events_filter.{index} must be one of the following: "start", "output", "logs", "completed"'
            raise InvalidInput([InvalidField("enum", f"webhook_events_filter.{index}", told)])
    return json.dumps(body.webhook_events_filter)
