"""The pages of deployments: all of them, and one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.web.addresses import addresses
from mainspring.web.site import Site


class DeploymentPages:
    """/deployments and /deployments/{owner}/{name}."""

    def __init__(self, site: Site, first: str) -> None:
        self._site = site
        self._first = first
        self.routes = [
            Route("/deployments", self.every, methods=["GET"]),
            Route("/deployments/{owner}/{name}", self.one, methods=["GET"]),
        ]

    async def every(self, request: Request) -> Response:
        """GET /deployments?model&version: the list, and with a model the form for a new one."""
        if await self._site.account(request) is None:
            return self._site.sign_in(request)
        return await self._site.page(request, "deployments.html", first=self._first)

    async def one(self, request: Request) -> Response:
        """GET /deployments/{owner}/{name}: a page that asks the API itself."""
        caller = await self._site.caller(request)
        if caller is None:
            return self._site.sign_in(request)
        owner, name = request.path_params["owner"], request.path_params["name"]
        found = await self._site.ctx.deployments.get(owner, name) if caller.role_in(owner) else None
        if found is None:
            return await self._site.nowhere(request)
        return await self._site.page(
            request,
            "deployment.html",
            owner=owner,
            name=name,
            at=addresses(request, self._site.ctx.settings),
        )
