"""Every request gets an id, is counted, and is a line of the log at debug level; a span too while traces are on."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from mainspring.core.trace import Trace
from mainspring.records.observed import Observed
from mainspring.tracing import Call, Tracer

log = logging.getLogger(__name__)
_TRACE, _ABOUT = "mainspring.trace", "mainspring.about"
ROUTE = "mainspring.route"
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})


def is_about(request: Request, prediction_id: str) -> None:
    """The request has to do with this prediction, though its path does not say so."""
    request.scope.get(_ABOUT, {})["prediction"] = prediction_id


def about(request: Request) -> dict[str, str]:
    """What a line of the log about the request says beside the text."""
    made: dict[str, str] = request.scope.get(_ABOUT, {})
    asked = request.path_params.get("prediction_id")
    return {"prediction": asked} | made if asked else dict(made)


def trace_of(request: Request) -> Trace | None:
    """Where the request stands in its trace; None while traces are off."""
    found: Trace | None = request.scope.get(_TRACE)
    return found


class Watched:
    """An application whose requests are watched. routes: to name a request by the path of its route, never its own.

    Paths and queries carry what is nobody's business: capabilities, codes that sign in.
    """

    def __init__(
        self, app: ASGIApp, observed: Observed, tracer: Tracer | None, routes: list[BaseRoute]
    ) -> None:
        self._app = app
        self._observed = observed
        self._tracer = tracer
        self._paths: dict[Any, str] = {r.endpoint: r.path for r in routes if isinstance(r, Route)}
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or b"%s-%d" % (self._prefix.encode(), next(self._numbers))
        bind_contextvars(request=request_id.decode())
        call = self._begin(scope) if self._tracer is not None else None
        began, status, told = perf_counter(), 499, dict[str, str]()
        scope[_ABOUT] = told

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", request_id)]}
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except BaseException:
            status = 500 if status == 499 else status
            raise
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._observed.replies[(method, status)] += 1
            route = scope.get(ROUTE) or self._paths.get(scope.get("endpoint"), "")
            if "prediction_id" in (found := scope.get("path_params") or {}):
                told["prediction"] = found["prediction_id"]
            if log.isEnabledFor(logging.DEBUG):
                facts = {"method": method, "route": route, "status": status, "ms": _since_ms(began)}
                log.debug("request", extra=facts | told)
            if call is not None:
                _end(call, method, route, status, told)

    def _begin(self, scope: Scope) -> Call:
        assert self._tracer is not None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        call = self._tracer.call(scope["method"], headers)
        scope[_TRACE] = call.trace
        return call


def _given_id(scope: Scope) -> bytes | None:
    """The id that a proxy gave the request, if it is one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return bytes(value) if _GIVEN_ID.fullmatch(value) else None
    return None


def _end(call: Call, method: str, route: str, status: int, about: Mapping[str, str]) -> None:
    told = {"http.request.method": method, "url.scheme": "http"} | ({"http.route": route} if route else {})
    if "prediction" in about:
        told["mainspring.prediction.id"] = about["prediction"]
    call.end(f"{method} {route}" if route else method, status, told)


def _since_ms(began: float) -> float:
    return round((perf_counter() - began) * 1e3, 3)
