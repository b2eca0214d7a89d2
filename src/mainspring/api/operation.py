"""One operation of the API: its route, and what the API's document says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.core.people import Scope

_SAFE = frozenset({"GET", "QUERY"})
_SERVED = "mainspring.operation"
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation under /v1.

    id: Replicate's name for it, like models.list. scope: what a token needs for it and a role must allow; None where it
    is open. summary: one line; about: Markdown that says more. body, query, headers, reply: message types (msgspec
    structs and types made of them; body and reply also a media type such as text/plain). media: content types that
    the body may have; () for those of the body itself. example: a body to try. also_as: texts of other media types
    that the reply can be. success: status of the reply. faults: other statuses to expect, beside those that follow
    from the rest. open: it needs no token. ours: it is not part of Replicate's API. documented: it has a place of its
    own in the document.
    """

    method: str
    path: str
    handler: Handler
    id: str
    scope: Scope | None
    summary: str
    about: str = ""
    body: Any = None
    media: tuple[str, ...] = ()
    example: Any = None
    query: Any = None
    headers: Any = None
    reply: Any = None
    also_as: tuple[str, ...] = ()
    success: int = 200
    faults: tuple[int, ...] = field(default=())
    open: bool = False
    ours: bool = False
    documented: bool = True

    def __post_init__(self) -> None:
        if (self.scope is None) is not self.open:
            raise ValueError(f"{self.id} needs a scope, or is open")

    @property
    def changes(self) -> bool:
        """Whether it changes something, which the audit log tells of."""
        return self.method not in _SAFE

    @property
    def bodies(self) -> tuple[str, ...]:
        """The content types that a request's body may have; none without a body."""
        if self.media or self.body is None:
            return self.media
        return (self.body if isinstance(self.body, str) else "application/json",)

    def route(self, prefix: str = "/v1") -> Route:
        """The route of it; quicker than a Mount, which matches twice."""
        return Route(f"{prefix}{self.path}", self.serve, methods=[self.method])

    async def serve(self, request: Request) -> Response:
        """The handler's reply, to a request that knows what is asked for."""
        asks(request, self)
        return await self.handler(request)


def asks(request: Request, operation: Operation) -> None:
    """Note what is asked for."""
    request.scope[_SERVED] = operation


def operation_of(request: Request) -> Operation | None:
    """What is asked for; None for a page."""
    found: Operation | None = request.scope.get(_SERVED)
    return found
