"""The routes of all pages; Explore, a prediction, and the answer to what is not there."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from mainspring.api.context import Context
from mainspring.api.session import SignInLinks
from mainspring.api.wire import cursor, page
from mainspring.records.catalog import Model
from mainspring.web import reference, static
from mainspring.web.addresses import addresses
from mainspring.web.covers import cover
from mainspring.web.deployment_pages import DeploymentPages
from mainspring.web.model_pages import ModelPages
from mainspring.web.sign_in import SignIn
from mainspring.web.site import Site, wants_html

_NOBODY = ""
_MODELS = 60
_FIRST = "mainspring/hello-world"


def pages(ctx: Context, links: SignInLinks | None = None) -> list[BaseRoute]:
    """Routes of all pages; the last one answers browsers that ask for what is not there.

    links: the one-time links that sign in.
    """
    site = Site(ctx)
    own = _Pages(site)
    return [
        *static.routes,
        Route("/", own.explore, methods=["GET"]),
        Route("/p/{prediction_id:str}", own.prediction, methods=["GET"]),
        *SignIn(site, links or SignInLinks()).routes,
        *reference.routes(site),
        *DeploymentPages(site, _FIRST).routes,
        *ModelPages(site).routes,
        _Nowhere("/{path:path}", site.nowhere, methods=["GET"]),
    ]


class _Nowhere(Route):
    """Whatever a browser asks for outside the API; for other clients the API's own 404 stands."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        wanted = match is Match.FULL and wants_html(Request(scope))
        return (match, child) if wanted else (Match.NONE, {})


class _Pages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def explore(self, request: Request) -> Response:
        """GET /?cursor&q: the public models and the reader's own."""
        if (closed := await self._site.closed(request)) is not None:
            return closed
        account = await self._site.account(request)
        reader = account.username if account else _NOBODY
        found = await self._site.ctx.catalog.list_models(reader, cursor(request), _MODELS)
        turn = page(request, [], next_cursor=found.next, previous_cursor=found.previous)
        response = await self._site.page(
            request,
            "explore.html",
            models=[(model, _picture(model)) for model in found.items],
            at=addresses(request, self._site.ctx.settings),
            first=_FIRST,
            newer=turn.previous,
            older=turn.next,
        )
        _allow_pictures(response, found.items)
        return response

    async def prediction(self, request: Request) -> Response:
        """GET /p/{id}: a page that asks the API itself, because only its owner may see a prediction."""
        prediction_id: str = request.path_params["prediction_id"]
        if not (prediction_id.isascii() and prediction_id.isalnum()):
            return await self._site.nowhere(request)
        if await self._site.account(request) is None:
            return self._site.sign_in(request)
        return await self._site.page(request, "prediction.html", id=prediction_id)


def _picture(model: Model) -> str:
    return cover(model.full_name)


def _allow_pictures(response: Response, models: tuple[Model, ...]) -> None:
    """Covers lie where their authors put them: pages with covers may load from those hosts, and no others."""
    hosts = sorted({_origin(m.cover_image_url) for m in models if m.cover_image_url} - {""})
    policy = response.headers["content-security-policy"]
    if hosts:
        response.headers["content-security-policy"] = policy.replace(
            "img-src 'self'", " ".join(("img-src 'self'", *hosts))
        )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.netloc.isascii() and not set(parts.netloc) & set(" ;,@'\"")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("https", "http") and plain else ""
