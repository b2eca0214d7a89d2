"""One operation of the API: its route, and what the API's document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation under /v1.

    id: Replicate's name for it, like models.list. summary: one line. body, query, reply: message types (msgspec
    structs, or a media type like text/plain). success: status of the reply. faults: other statuses to expect, beside
    those that every operation has. ours: it is not part of Replicate's API.
    """

    method: str
    path: str
    handler: Handler
    id: str
    summary: str
    body: Any = None
    query: Any = None
    reply: Any = None
    success: int = 200
    faults: tuple[int, ...] = field(default=())
    ours: bool = False

    def route(self, prefix: str = "/v1") -> Route:
        """The route of it; quicker than a Mount, which matches twice."""
        return Route(f"{prefix}{self.path}", self.handler, methods=[self.method])
