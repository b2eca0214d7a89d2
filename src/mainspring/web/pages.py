"""The pages: what there is to call and how, and what came of a call. The browser uses the public API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from mainspring.api.context import Context
from mainspring.api.wire import PAGE, cursor, page
from mainspring.core.errors import NotFound
from mainspring.records.catalog import Model, Version
from mainspring.web import static
from mainspring.web.addresses import addresses
from mainspring.web.inputs import example_input, input_rows, output_type
from mainspring.web.snippets import Call, shape, snippets
from mainspring.web.templates import ago, html

_NOBODY = ""
_VERSIONS = 20
_FIRST = "mainspring/hello-world"
_HELLO = Call(_FIRST, {"text": "world"}, "value")
_LINKS = (
    ("GitHub", "github_url"),
    ("Paper", "paper_url"),
    ("License", "license_url"),
    ("Weights", "weights_url"),
)


def pages(ctx: Context) -> list[BaseRoute]:
    """Routes of all pages; the last one answers browsers that ask for what is not there."""
    site = _Site(ctx)
    return [
        *static.routes,
        Route("/", site.home, methods=["GET"]),
        Route("/p/{prediction_id:str}", site.prediction, methods=["GET"]),
        Route("/{owner}/{name}", site.model, methods=["GET"]),
        _Nowhere("/{path:path}", site.nowhere, methods=["GET"]),
    ]


class _Nowhere(Route):
    """Whatever a browser asks for outside the API; for other clients the API's own 404 stands."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        wanted = match is Match.FULL and _wants_html(Request(scope))
        return (match, child) if wanted else (Match.NONE, {})


class _Site:
    """What the pages show of the platform. Nobody is logged in here: only public models are seen."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def home(self, request: Request) -> Response:
        """GET /?cursor: how to call this server, and its public models."""
        found = await self._ctx.catalog.list_models(_NOBODY, cursor(request), PAGE)
        at = addresses(request, self._ctx.settings)
        call = await self._shown_call(found.items)
        turn = page(request, [], next_cursor=found.next, previous_cursor=found.previous)
        return html(
            "home.html",
            models=found.items,
            at=at,
            call=call,
            snippets=snippets(call, at),
            ago=self._ago,
            first=_FIRST,
            newer=turn["previous"],
            older=turn["next"],
        )

    async def model(self, request: Request) -> Response:
        """GET /{owner}/{name}: a public model; a private one is as unknown as any other."""
        found = await self._ctx.catalog.get_model(request.path_params["owner"], request.path_params["name"])
        if found is None or found.visibility != "public":
            return await self.nowhere(request)
        versions = await self._ctx.catalog.list_versions(found.full_name, None, _VERSIONS)
        latest = await self._latest(found)
        return html(
            "model.html",
            model=found,
            versions=versions.items,
            more=versions.next is not None,
            links=[(word, url) for word, field in _LINKS if _is_link(url := getattr(found, field))],
            ago=self._ago,
            **self._use(request, found, latest),
        )

    async def prediction(self, request: Request) -> Response:
        """GET /p/{id}: a page that asks the API itself, because only a token may see a prediction."""
        prediction_id: str = request.path_params["prediction_id"]
        if not (prediction_id.isascii() and prediction_id.isalnum()):
            return await self.nowhere(request)
        return html("prediction.html", id=prediction_id)

    async def nowhere(self, request: Request) -> Response:
        """404: a page for browsers. Raises NotFound for other clients."""
        if not _wants_html(request):
            raise NotFound
        return html("nowhere.html", 404)

    def _use(self, request: Request, model: Model, version: Version | None) -> dict[str, Any]:
        """What the page says of the latest version."""
        if version is None:
            return {"latest": None, "inputs": [], "output": "", "kind": None, "snippets": []}
        return {
            "latest": version,
            "inputs": input_rows(self._ctx.catalog.input_schema(version)),
            "output": output_type(version.openapi_schema),
            "kind": self._ctx.catalog.output_kind(version),
            "snippets": snippets(self._call(model, version), addresses(request, self._ctx.settings)),
        }

    def _call(self, model: Model, version: Version) -> Call:
        schema, kind = self._ctx.catalog.input_schema(version), self._ctx.catalog.output_kind(version)
        gives = shape(kind.concatenate, output_type(version.openapi_schema))
        return Call(model.full_name, example_input(schema), gives)

    async def _shown_call(self, models: tuple[Model, ...]) -> Call:
        """The first model that was given to this server, else one that can be: so the code works here."""
        called = sorted((m for m in models if m.latest_version), key=lambda m: m.name != "hello-world")
        for model in called[:1]:
            if version := await self._latest(model):
                return self._call(model, version)
        return _HELLO

    async def _latest(self, model: Model) -> Version | None:
        if model.latest_version is None:
            return None
        return await self._ctx.catalog.get_version(model.full_name, model.latest_version)

    def _ago(self, at: str) -> str:
        return ago(at, self._ctx.now())


def _wants_html(request: Request) -> bool:
    if request.url.path == "/v1" or request.url.path.startswith("/v1/"):
        return False
    return "text/html" in request.headers.get("accept", "")


def _is_link(url: str | None) -> bool:
    return url is not None and url.lower().startswith(("https://", "http://"))
