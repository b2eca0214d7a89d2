"""Sign in with a token or by a one-time link; sign out."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mainspring.api.auditing import signed_in
from mainspring.api.session import LIFETIME, SignInLinks, begin, end, require_same_origin
from mainspring.api.wire import read_body
from mainspring.core.ids import rfc3339
from mainspring.records.accounts import Caller
from mainspring.web.site import Site

_MOST_BYTES = 1 << 14
_USED = "This link has been used or has expired. Sign in with a token, or restart the server for a new link."
_UNKNOWN = "No account has this token, or it was disabled, replaced or is over."
_TOKEN_NAME = "sign-in link"  # noqa: S105


class SignIn:
    """The pages /login and /logout."""

    def __init__(self, site: Site, links: SignInLinks) -> None:
        self._site = site
        self._ctx = site.ctx
        self._links = links
        self.routes = [
            Route("/login", self.ask, methods=["GET"]),
            Route("/login", self.check, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """GET /login?next: the form; GET /login?code: a one-time link."""
        code = request.query_params.get("code")
        # What is fetched ahead of time must not use the link up.
        if code is not None and "prefetch" not in request.headers.get("sec-purpose", ""):
            return await self._follow(request, code)
        if await self._site.account(request) is not None:
            return RedirectResponse(_local(request.query_params.get("next")), 303)
        return await self._form(request, _local(request.query_params.get("next")))

    async def check(self, request: Request) -> Response:
        """POST /login with token and next. Raises Forbidden for another site's form."""
        require_same_origin(request)
        given = parse_qs((await read_body(request, _MOST_BYTES)).decode("utf-8", "replace"))
        after = _local(given.get("next", [None])[0])
        caller = await self._ctx.accounts.caller(given.get("token", [""])[0].strip(), self._ctx.now())
        if caller is None:
            return await self._form(request, after, _UNKNOWN)
        return await self._enter(request, caller, after)

    async def leave(self, request: Request) -> Response:
        """POST /logout. Raises Forbidden for another site's form."""
        require_same_origin(request)
        response = RedirectResponse("/", 303)
        end(self._ctx, request, response)
        return response

    async def _follow(self, request: Request, code: str) -> Response:
        """A token of its own stands behind the session of a link, so that it can be seen and disabled."""
        now = self._ctx.now()
        account = self._links.take(code, now)
        if account is None:
            return await self._form(request, "/", _USED)
        ends = rfc3339(now + LIFETIME)
        _, secret = await self._ctx.accounts.create_token(account, _TOKEN_NAME, now=now, expires_at=ends)
        caller = await self._ctx.accounts.caller(secret, now)
        return await self._enter(request, caller, "/") if caller else await self._form(request, "/", _USED)

    async def _enter(self, request: Request, caller: Caller, after: str) -> Response:
        response = RedirectResponse(after, 303, {"Cache-Control": "no-store"})
        begin(self._ctx, request, response, caller.token_id, caller.secrets)
        await signed_in(self._ctx, request, caller)
        return response

    async def _form(self, request: Request, after: str, fault: str = "") -> Response:
        return await self._site.page(request, "login.html", 401 if fault else 200, next=after, fault=fault)


def _local(path: str | None) -> str:
    """A path of ours to go to; nothing that a browser could take for another site."""
    plain = path is not None and path.isascii() and path.isprintable() and "\\" not in path
    return path if path and plain and path.startswith("/") and not path.startswith("//") else "/"
