"""How often an account may call: counted in memory, told with every reply."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import Message, Scope, Send

from mainspring.core.errors import Throttled
from mainspring.core.limits import Taken, take

_SCOPE = "mainspring.taken"


class Limits:
    """Calls a minute for each account, those that create predictions apart from all others; 0 is no limit."""

    def __init__(self, creates: int, calls: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = (calls, creates)
        self._clock = clock
        self._full_at: dict[tuple[str, bool], float] = {}

    def charge(self, account: str, scope: Scope) -> None:
        """Count a request and note in its scope what is to be told. Raises Throttled."""
        creates = scope["method"] == "POST" and scope["path"].endswith("/predictions")
        limit = self._limits[creates]
        if limit <= 0:
            return
        key = (account, creates)
        taken = take(self._full_at.get(key, 0.0), self._clock(), limit)
        self._full_at[key] = taken.full_at
        scope[_SCOPE] = taken
        if not taken.allowed:
            raise _throttled(taken, creates)


def told(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that tell a client where it stands."""
    taken: Taken | None = scope.get(_SCOPE)
    if taken is None:
        return []
    return [
        (b"ratelimit-limit", b"%d" % taken.limit),
        (b"ratelimit-remaining", b"%d" % taken.remaining),
        (b"ratelimit-reset", b"%d" % taken.reset_s),
    ]


def telling(scope: Scope, send: Send) -> Send:
    """A send that adds those headers to whatever reply goes through it."""

    async def send_told(message: Message) -> None:
        if message["type"] == "http.response.start" and (headers := told(scope)):
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_told


def _throttled(taken: Taken, creates: bool) -> Throttled:
    what = "creating predictions" if creates else "calls that create no prediction"
    detail = (
        f"Request was throttled. Your rate limit for {what} is {taken.limit} requests per minute."
        f" Your rate limit resets in ~{taken.retry_s}s."
    )
    return Throttled(detail, retry_after=taken.retry_s)
