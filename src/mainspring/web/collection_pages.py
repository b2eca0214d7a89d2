"""The pages of collections: all of them, and one with its models."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.wire import cursor, page
from mainspring.web.covers import allow_pictures, cards_of
from mainspring.web.readme import readme_html
from mainspring.web.site import Site

_COLLECTIONS = 60
_NOBODY = ""
_COMMAND = "mainspring collection put text-to-speech --name 'Text to speech' OWNER/NAME"


class CollectionPages:
    """/collections and /collections/{slug}."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._collections = site.ctx.discovery.collections
        self.routes = [
            Route("/collections", self.every, methods=["GET"]),
            Route("/collections/{slug}", self.one, methods=["GET"]),
        ]

    async def every(self, request: Request) -> Response:
        """GET /collections?cursor."""
        if (closed := await self._site.closed(request)) is not None:
            return closed
        found = await self._collections.list(cursor(request), _COLLECTIONS)
        turn = page(request, [], next_cursor=found.next, previous_cursor=found.previous)
        return await self._site.page(
            request,
            "collections.html",
            collections=found.items,
            newer=turn.previous,
            older=turn.next,
            command=_COMMAND,
        )

    async def one(self, request: Request) -> Response:
        """GET /collections/{slug}: those of its models that the reader may see."""
        if (closed := await self._site.closed(request)) is not None:
            return closed
        found = await self._collections.get(request.path_params["slug"])
        if found is None:
            return await self._site.nowhere(request)
        account = await self._site.account(request)
        models = await self._collections.models(found.slug, account.username if account else _NOBODY)
        cards = await cards_of(request, models)
        response = await self._site.page(
            request,
            "collection.html",
            collection=found,
            shown=cards,
            about=readme_html(found.full_description) if found.full_description else None,
        )
        allow_pictures(response, cards)
        return response
