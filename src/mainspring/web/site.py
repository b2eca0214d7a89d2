"""What all pages share: who looks at them, the frame around them, and the page of what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainspring.api.context import Context
from mainspring.api.session import session_caller
from mainspring.core.errors import NotFound
from mainspring.records.accounts import Account, Caller
from mainspring.records.catalog import Model
from mainspring.web.notices import USAGE, Notice, notices
from mainspring.web.templates import ago, html


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the bar. below: paths that count as its own."""

    word: str
    path: str
    below: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether the page at path belongs to this entry."""
        return path == self.path or path.startswith(tuple(f"{one}/" for one in (self.path, *self.below)))


EXPLORE = Link("Explore", "/")
# Entries for who is signed in: in the bar, and in the side bar of the operator's pages.
SIGNED_IN: tuple[Link, ...] = (
    Link("Predictions", "/predictions", ("/p",)),
    Link("Fleet", "/fleet"),
)
SIDE: tuple[Link, ...] = (
    Link("Predictions", "/predictions", ("/p",)),
    Link("Trainings", "/trainings"),
    Link("Models", "/models"),
    Link("Deployments", "/deployments"),
    Link("Fleet", "/fleet"),
    Link("Files", "/files"),
    Link("Usage", "/usage"),
    Link("Tokens", "/tokens"),
    Link("Organizations", "/organizations"),
    Link("Audit log", "/audit"),
    Link("Webhooks", "/webhooks"),
    Link("Settings", "/settings"),
)


ACCOUNTS = Link("Accounts", "/accounts")


@dataclass(frozen=True, slots=True)
class Frame:
    """The bars: account is None when nobody is signed in; here: the page's path and query; query: searched text.

    accounts: those that the reader may act for, their own first; acting: another one that the page is looked at for.
    notices: spending limits that its account has reached.
    """

    account: Account | None
    links: tuple[Link, ...]
    side: tuple[Link, ...]
    path: str
    here: str
    query: str
    accounts: tuple[str, ...] = ()
    acting: str | None = None
    notices: tuple[Notice, ...] = ()


class Site:
    """The platform as pages see it."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    async def caller(self, request: Request) -> Caller | None:
        """Who is signed in, with what their token may do."""
        return await session_caller(self.ctx, request)

    async def account(self, request: Request) -> Account | None:
        """Who is signed in."""
        caller = await self.caller(request)
        return caller.account if caller else None

    async def page(self, request: Request, template: str, status: int = 200, **given: Any) -> Response:
        """The template in its frame, with `frame` and `ago` beside what is given."""
        caller = await self.caller(request) if request.method in ("GET", "HEAD") else None
        account = caller.account if caller else None
        path, acting = request.url.path, _acting(request, caller)
        frame = Frame(
            account=account,
            links=(EXPLORE, *SIGNED_IN) if account else (EXPLORE,),
            side=self._side(account),
            path=path,
            here=f"{path}?{request.url.query}" if request.url.query else path,
            query=request.query_params.get("q", ""),
            accounts=(caller.username, *sorted(caller.roles)) if caller else (),
            acting=acting,
            notices=await notices(self.ctx, acting or caller.username) if caller and path != USAGE else (),
        )
        return html(template, status, frame=frame, ago=self.ago, **given)

    def _side(self, account: Account | None) -> tuple[Link, ...]:
        if account is None:
            return ()
        return (*SIDE, ACCOUNTS) if account.username == self.ctx.settings.account else SIDE

    async def own_page(self, request: Request, template: str, **given: Any) -> Response:
        """A page for who is signed in; the way to sign in for others."""
        if await self.account(request) is None:
            return self.sign_in(request)
        return await self.page(request, template, **given)

    async def closed(self, request: Request) -> Response | None:
        """A way to the sign-in page, where public models are not shown to everybody; else None."""
        if self.ctx.settings.public_pages or await self.account(request) is not None:
            return None
        return self.sign_in(request)

    def sign_in(self, request: Request) -> Response:
        """To the sign-in page and back here."""
        here = f"{request.url.path}?{request.url.query}".rstrip("?")
        return RedirectResponse(f"/login?next={quote(here)}", 303, {"Cache-Control": "no-store"})

    async def visible(self, request: Request) -> Model | None:
        """The model of the path; None for a private one of somebody else, as for an unknown one."""
        found = await self.ctx.catalog.get_model(request.path_params["owner"], request.path_params["name"])
        if found is None or found.visibility == "public":
            return found
        caller = await self.caller(request)
        return found if caller is not None and caller.role_in(found.owner) else None

    async def nowhere(self, request: Request) -> Response:
        """404: a page for browsers. Raises NotFound for other clients."""
        if not wants_html(request):
            raise NotFound
        return await self.page(request, "nowhere.html", 404)

    def ago(self, at: str) -> str:
        """How long ago, in words."""
        return ago(at, self.ctx.now())


def _acting(request: Request, caller: Caller | None) -> str | None:
    named = request.query_params.get("account")
    return named if caller is not None and named in caller.roles else None


def wants_html(request: Request) -> bool:
    """Whether a browser asks for a page."""
    if request.url.path == "/v1" or request.url.path.startswith("/v1/"):
        return False
    return "text/html" in request.headers.get("accept", "")
