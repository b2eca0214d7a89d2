"""Sessions of the pages: a signed cookie that stands for a token, and links that sign in once.

The cookie names a token's id and how often its secret was replaced, so that a session may do what the token may, and
ends when the token is disabled or over, or the secret that it was begun with. A browser sends the cookie by
itself, also when another site asks it to: what changes something has to come from our own origin.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mainspring.core.errors import Forbidden
from mainspring.records.accounts import Caller

if TYPE_CHECKING:
    from mainspring.api.context import Context

LIFETIME = timedelta(days=30)
_LINK_LIFETIME = timedelta(hours=1)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})


async def session_caller(ctx: Context, request: Request) -> Caller | None:
    """Whose session the request carries; None without one. Raises Forbidden for a change asked by another site."""
    known = _known(ctx, request)
    caller = await ctx.accounts.session_caller(*known, ctx.now()) if known else None
    if caller is not None and request.method not in _SAFE:
        require_same_origin(request)
    return caller


def require_same_origin(request: Request) -> None:
    """Raise Forbidden unless the browser says that a page of ours sends this request."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site == "same-origin"
    else:
        ours = urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host", "")
    if not ours:
        raise Forbidden("A session can only be used from the pages of this server.")


def made_by(request: Request) -> str:
    """The source of what the request makes: api with a token, web with a session."""
    return "api" if "authorization" in request.headers else "web"


def begin(ctx: Context, request: Request, response: Response, token_id: str, secrets: int = 0) -> None:
    """Set the cookie of a session of this token, whose secret was replaced `secrets` times."""
    ends = str(int((ctx.now() + LIFETIME).timestamp()))
    shown = f"{token_id}-{secrets}" if secrets else token_id
    response.set_cookie(
        _cookie(ctx, request),
        f"{shown}.{ends}.{ctx.vault.capability(f'session {shown} {ends}')}",
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def end(ctx: Context, request: Request, response: Response) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        _cookie(ctx, request), httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


class SignInLinks:
    """Codes that sign an account in without a token, each once and for an hour; a restart voids them."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, datetime]] = {}

    def make(self, account: str, now: datetime) -> str:
        """A new code for the account."""
        code = secrets.token_urlsafe(24)
        self._open[_digest(code)] = (account, now + _LINK_LIFETIME)
        return code

    def take(self, code: str, now: datetime) -> str | None:
        """Whose code this is, used up herewith; None for an unknown, used or expired one."""
        account, until = self._open.pop(_digest(code), (None, now))
        return account if now < until else None


def _known(ctx: Context, request: Request) -> tuple[str, int] | None:
    """The token's id, and how often its secret had been replaced."""
    if "cookie" not in request.headers:
        return None
    shown, _, rest = request.cookies.get(_cookie(ctx, request), "").partition(".")
    ends, _, proof = rest.partition(".")
    if not ctx.vault.proves(proof, f"session {shown} {ends}") or int(ends) <= ctx.now().timestamp():
        return None
    token_id, _, secrets = shown.partition("-")
    return token_id, int(secrets or 0)


def _cookie(ctx: Context, request: Request) -> str:
    """Cookies don't know ports: each platform has a name of its own, and each scheme."""
    prefix = "__Host-" if request.url.scheme == "https" else ""
    return f"{prefix}mainspring-{ctx.vault.capability('session cookie')[:8]}"


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
