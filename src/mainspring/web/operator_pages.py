"""The pages of who runs the platform: what runs, on what, and whose it is. Their scripts ask the API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.web.site import Site


class OperatorPages:
    """Pages with the side bar."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.routes = [
            Route("/predictions", self.predictions, methods=["GET"]),
            Route("/trainings", self.trainings, methods=["GET"]),
        ]

    async def predictions(self, request: Request) -> Response:
        """GET /predictions?status&model&source&deployment&since: the account's predictions, live."""
        return await self._site.own_page(request, "dashboard.html", kind="prediction")

    async def trainings(self, request: Request) -> Response:
        """GET /trainings?status&model&source&since: the account's trainings, live."""
        return await self._site.own_page(request, "dashboard.html", kind="training")
