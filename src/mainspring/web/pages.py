"""The routes of all pages; Explore, a prediction, a shared one, and the answer to what is not there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from mainspring.api.context import Context
from mainspring.api.session import SignInLinks
from mainspring.api.wire import cursor, page
from mainspring.web import reference, static
from mainspring.web.addresses import addresses
from mainspring.web.collection_pages import CollectionPages
from mainspring.web.covers import allow_pictures, cards_of
from mainspring.web.deployment_pages import DeploymentPages
from mainspring.web.model_pages import ModelPages
from mainspring.web.operator_pages import OperatorPages
from mainspring.web.sign_in import SignIn
from mainspring.web.site import Site, wants_html

_NOBODY = ""
_MODELS = 60
_COLLECTIONS = 8
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
        Route("/s/{capability:str}", own.shared, methods=["GET"]),
        *SignIn(site, links or SignInLinks()).routes,
        *reference.routes(site),
        Route("/webhooks", own.webhooks, methods=["GET"]),
        *DeploymentPages(site, _FIRST).routes,
        *CollectionPages(site).routes,
        *OperatorPages(site).routes,
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
        cards = await cards_of(request, found.items)
        response = await self._site.page(
            request,
            "explore.html",
            shown=cards,
            collections=(await self._site.ctx.discovery.collections.list(None, _COLLECTIONS)).items,
            at=addresses(request, self._site.ctx.settings),
            first=_FIRST,
            newer=turn.previous,
            older=turn.next,
        )
        allow_pictures(response, cards)
        return response

    async def prediction(self, request: Request) -> Response:
        """GET /p/{id}: a page that asks the API itself, because only its owner may see a prediction."""
        prediction_id: str = request.path_params["prediction_id"]
        if not (prediction_id.isascii() and prediction_id.isalnum()):
            return await self._site.nowhere(request)
        caller = await self._site.caller(request)
        if caller is None:
            return self._site.sign_in(request)
        return await self._site.page(request, "prediction.html", id=prediction_id, owners=caller.pushes_to())

    async def shared(self, request: Request) -> Response:
        """GET /s/{capability}: a prediction for whoever has its link, signed in or not."""
        ctx, capability = self._site.ctx, request.path_params["capability"]
        share = await ctx.shares.find(capability)
        prediction = await ctx.predictions.get(share.prediction) if share else None
        if prediction is None:
            return await self._site.nowhere(request)
        version = await ctx.catalog.get_version(prediction.model, prediction.version)
        model = await ctx.catalog.get_model(*prediction.model.split("/", 1))
        response = await self._site.page(
            request,
            "shared.html",
            capability=capability,
            model=prediction.model,
            text=version is not None and ctx.catalog.output_kind(version).concatenate,
            open=model is not None and model.visibility == "public",
        )
        response.headers.update({"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"})
        return response

    async def webhooks(self, request: Request) -> Response:
        """GET /webhooks: the secret and the latest deliveries."""
        if await self._site.account(request) is None:
            return self._site.sign_in(request)
        at = addresses(request, self._site.ctx.settings)
        return await self._site.page(request, "webhooks.html", first=_FIRST, at=at)
