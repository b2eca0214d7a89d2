"""The HTTP application: paths as every client spells them, routes, and faults as problem+json."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mainspring.api import (
    account,
    accounts,
    aliases,
    audit,
    cache,
    catalog,
    collections,
    deployments,
    examples,
    exposition,
    files,
    fleet,
    hardware,
    health,
    metrics,
    models,
    organizations,
    outputs,
    predictions,
    push,
    search,
    sharing,
    spending,
    streams,
    tokens,
    trainings,
    usage,
    versions,
    webhooks,
)
from mainspring.api.auditing import ending, refused
from mainspring.api.context import Context
from mainspring.api.document import document
from mainspring.api.limits import telling, told
from mainspring.api.operation import Operation
from mainspring.api.watching import ROUTE, Watched, about
from mainspring.api.wire import problem, reply
from mainspring.core.errors import ApiError, NotFound, Unavailable
from mainspring.records.audit import CREATES

log = logging.getLogger(__name__)
_CREATE = re.compile(r"^/v1/(models|deployments)/(?P<owner>[^/]+)/(?P<name>[^/]+)/predictions$")
_APPENDED = re.compile(r"^/v1/+https?:/+[^/]+(/v1/.*)$")


def operations() -> list[Operation]:
    """All of the API, section by section; what comes first is tried first."""
    return [
        *predictions.operations,
        *trainings.operations,
        *streams.operations,
        *account.operations,
        *collections.operations,
        *search.operations,
        *models.operations,
        *examples.operations,
        *versions.operations,
        *deployments.operations,
        *metrics.operations,
        *sharing.operations,
        *files.operations,
        *hardware.operations,
        *fleet.operations,
        *tokens.operations,
        *accounts.operations,
        *organizations.operations,
        *audit.operations,
        *push.operations,
        *webhooks.operations,
        *catalog.operations,
        *aliases.operations,
        *usage.operations,
        *cache.operations,
        *spending.operations,
    ]


def create_app(ctx: Context | None, pages: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The whole HTTP surface. pages: routes that are not the API's. ctx: None only for who looks at the routes."""
    sections = operations()
    described = _Description(sections)
    app = Starlette(
        routes=[
            *(operation.route() for operation in sections),
            *described.routes(),
            *health.routes,
            *exposition.routes,
            *outputs.root_routes,
            *pages,
        ],
        exception_handlers={
            ApiError: _told,
            HTTPException: _refused,
            sqlite3.Error: _unavailable,
            Exception: _broken,
        },
    )
    app.router.redirect_slashes = False
    app.state.context = ctx
    app.state.document = described.document
    hot = _Hot(app, sections)
    watched = Watched(hot, ctx.observed, ctx.tracer, app.routes) if ctx is not None else hot
    return _OnePath(watched, sections, pages)


class _Description:
    """The document of the operations, made when somebody asks for it first."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._made: dict[str, Any] | None = None

    def routes(self) -> list[Route]:
        """Where it is, for everybody."""
        return [Route(path, self._get, methods=["GET"]) for path in ("/openapi.json", "/v1/openapi.json")]

    def document(self) -> dict[str, Any]:
        """The OpenAPI document; not to be changed."""
        if self._made is None:
            self._made = document(self._operations)
        return self._made

    async def _get(self, request: Request) -> Response:
        return reply(self.document(), headers={"Access-Control-Allow-Origin": "*"})


class _Hot:
    """Takes creates past Starlette's routing and middleware, which cost as much as the rest of such a request."""

    def __init__(self, app: Starlette, operations: Sequence[Operation]) -> None:
        self._app = app
        self._operations = {operation.id: operation for operation in operations if operation.id in CREATES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._operation(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        ctx: Context = self._app.state.context
        if operation is None:
            await self._app(scope, receive, ending(ctx, scope, telling(scope, send)))
            return
        request, writable = Request({**scope, "app": self._app}, receive, send), True
        try:
            response = await operation.serve(request)
        except ApiError as error:
            response = problem(error)
        except sqlite3.Error as error:
            response, writable = await _unavailable(request, error), False
        except Exception as error:
            response = await _broken(request, error)
        response.raw_headers.extend(told(request.scope))
        if response.status_code >= 400 and writable:
            await refused(ctx, request, operation, response.status_code)
        await response(scope, receive, send)

    def _operation(self, scope: Scope) -> Operation | None:
        if scope["path"] == "/v1/predictions":
            scope[ROUTE] = "/v1/predictions"
            return self._operations["predictions.create"]
        if found := _CREATE.match(scope["path"]):
            scope["path_params"] = found.groupdict()
            scope[ROUTE] = f"/v1/{found[1]}/{{owner}}/{{name}}/predictions"
            return self._operations[f"{found[1]}.predictions.create"]
        return None


class _OnePath:
    """Gives each request the path that the routes know.

    Clients disagree whether the base URL ends in /v1: /v1/v1/x and /x become /v1/x. A client that appends a
    page's absolute `next` to its base is understood as well. Some pages have the path of a section: who asks for
    HTML, without a token, gets the page.
    """

    def __init__(self, app: ASGIApp, operations: Sequence[Operation], pages: Sequence[BaseRoute]) -> None:
        self._app = app
        sections = "|".join(sorted({re.escape(one.path.split("/")[1]) for one in operations}))
        self._bare = re.compile(rf"^/(?:v1/)*(?=(?:{sections})(?:/|$))")
        routes = [page for page in pages if isinstance(page, Route)]
        self._pages = [page.path_regex for page in routes if self._bare.match(page.path)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_page(scope):
            path: str = scope["path"]
            if path.startswith("/v1/http") and (found := _APPENDED.match(path)):
                path = found[1]
            path = self._bare.sub("/v1/", path, count=1)
            if path != "/" and path.endswith("/"):
                path = path.rstrip("/")
            if path != scope["path"]:
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)

    def _is_page(self, scope: Scope) -> bool:
        path: str = scope["path"].rstrip("/")
        if scope["method"] not in ("GET", "HEAD") or not any(page.match(path) for page in self._pages):
            return False
        headers = Headers(scope=scope)
        return "text/html" in headers.get("accept", "") and "authorization" not in headers


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return problem(error)


async def _refused(request: Request, error: Exception) -> Response:
    """Starlette's own faults: unknown routes and methods."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(NotFound())
    told = ApiError(error.detail)
    told.status = error.status_code
    response = problem(told)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """What can be done at a path: each of its methods is a route of its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in found for method in route.methods or ()})


async def _unavailable(request: Request, error: Exception) -> Response:
    log.error("the ledger can't be used: %s", error, extra=about(request))
    return problem(Unavailable())


async def _broken(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error, extra=about(request))
    return problem(ApiError("Something went wrong on the server; its log says more."))
