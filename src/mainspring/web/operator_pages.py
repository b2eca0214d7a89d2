"""The pages of who runs the platform: what runs, on what, and whose it is. Their scripts ask the API."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.api.calling import is_operator
from mainspring.core.people import Scope
from mainspring.web.addresses import addresses
from mainspring.web.notices import USAGE
from mainspring.web.settings_page import duration, sections, size
from mainspring.web.site import Site


@dataclass(frozen=True, slots=True)
class _Prices:
    """asked: whether anything costs something here; compared: whether Replicate's are told."""

    asked: bool
    compared: bool


class OperatorPages:
    """Pages with the side bar."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._prices = _Prices(
            asked=any(one.price_per_second for one in site.ctx.hardware),
            compared=site.ctx.settings.compare_prices,
        )
        self.routes = [
            Route("/predictions", self.predictions, methods=["GET"]),
            Route("/trainings", self.trainings, methods=["GET"]),
            Route("/models", self.models, methods=["GET"]),
            Route("/fleet", self.fleet, methods=["GET"]),
            Route("/files", self.files, methods=["GET"]),
            Route(USAGE, self.usage, methods=["GET"]),
            Route("/tokens", self.tokens, methods=["GET"]),
            Route("/organizations", self.organizations, methods=["GET"]),
            Route("/organizations/{organization}", self.organization, methods=["GET"]),
            Route("/accounts", self.accounts, methods=["GET"]),
            Route("/audit", self.audit, methods=["GET"]),
            Route("/settings", self.settings, methods=["GET"]),
        ]

    async def predictions(self, request: Request) -> Response:
        """GET /predictions?status&model&source&deployment&since: the account's predictions, live."""
        return await self._site.own_page(request, "dashboard.html", kind="prediction", prices=self._prices)

    async def trainings(self, request: Request) -> Response:
        """GET /trainings?status&model&source&since: the account's trainings, live."""
        return await self._site.own_page(request, "dashboard.html", kind="training", prices=self._prices)

    async def models(self, request: Request) -> Response:
        """GET /models: the account's own."""
        return await self._site.own_page(request, "models.html")

    async def fleet(self, request: Request) -> Response:
        """GET /fleet: instances, the machine, and what waits, live."""
        return await self._site.own_page(request, "fleet.html")

    async def files(self, request: Request) -> Response:
        """GET /files: what the account uploaded."""
        settings = self._site.ctx.settings
        return await self._site.own_page(
            request,
            "files.html",
            limit=size(settings.max_upload),
            kept=duration(settings.file_ttl_s),
            base=addresses(request, settings).here,
        )

    async def usage(self, request: Request) -> Response:
        """GET /usage?by&range&account: what was used, what it cost, and what may be spent."""
        return await self._site.own_page(
            request,
            "usage.html",
            asked=request.query_params.get("account", ""),
            operator=self._site.ctx.settings.account,
            prices=self._prices,
        )

    async def tokens(self, request: Request) -> Response:
        """GET /tokens?account: make, see, rotate and disable the account's tokens."""
        return await self._site.own_page(request, "tokens.html")

    async def organizations(self, request: Request) -> Response:
        """GET /organizations: those that the reader belongs to; the operator makes new ones."""
        caller = await self._site.caller(request)
        operator = caller is not None and is_operator(self._site.ctx, caller)
        return await self._site.own_page(request, "organizations.html", operator=operator)

    async def organization(self, request: Request) -> Response:
        """GET /organizations/{organization}: its people, for them and the operator."""
        caller, name = await self._site.caller(request), request.path_params["organization"]
        if caller is None:
            return self._site.sign_in(request)
        operator = is_operator(self._site.ctx, caller)
        found = await self._site.ctx.members.get(name, caller.username)
        if found is None or not (operator or found.role):
            return await self._site.nowhere(request)
        manages = operator or caller.may(Scope.ADMIN, name)
        return await self._site.page(
            request, "organization.html", organization=found.account, role=found.role, manages=manages
        )

    async def accounts(self, request: Request) -> Response:
        """GET /accounts: everybody's, for the operator."""
        caller = await self._site.caller(request)
        if caller is not None and not is_operator(self._site.ctx, caller):
            return await self._site.nowhere(request)
        return await self._site.own_page(request, "accounts.html")

    async def audit(self, request: Request) -> Response:
        """GET /audit?account: what tokens changed."""
        caller = await self._site.caller(request)
        operator = caller is not None and is_operator(self._site.ctx, caller)
        return await self._site.own_page(request, "audit.html", operator=operator)

    async def settings(self, request: Request) -> Response:
        """GET /settings: facts of the account and the server, to be read."""
        account = await self._site.account(request)
        if account is None:
            return self._site.sign_in(request)
        at = addresses(request, self._site.ctx.settings)
        return await self._site.page(request, "server.html", sections=sections(self._site.ctx, account, at))
