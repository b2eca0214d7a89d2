"""What a handler works with, and who calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from mainspring.api.limits import Limits
from mainspring.api.session import session_account
from mainspring.core.egress import Egress
from mainspring.core.errors import Forbidden, NotFound, Unauthenticated
from mainspring.core.hardware import Hardware
from mainspring.database import Database
from mainspring.database.hints import Hints
from mainspring.launchers.machine import Machine
from mainspring.objects import Objects
from mainspring.records.accounts import Account
from mainspring.records.feed import Feed
from mainspring.records.ledger import Ledger
from mainspring.records.observed import Observed
from mainspring.records.rendering import Renderer
from mainspring.records.vault import Vault
from mainspring.services.builder import Builder
from mainspring.services.health import Health
from mainspring.services.installer import Installer
from mainspring.settings import Settings
from mainspring.tracing import Tracer

_CALLER = "mainspring.caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Ledger):
    """The ledger, and the other parts of the platform that the API touches.

    hardware: what can be chosen on this machine. egress: where webhooks may go. tracer: None while traces are off.
    """

    settings: Settings
    database: Database
    hints: Hints
    objects: Objects
    vault: Vault
    feed: Feed
    renderer: Renderer
    hardware: tuple[Hardware, ...]
    machine: Machine
    builder: Builder
    installer: Installer
    limits: Limits
    egress: Egress
    observed: Observed
    health: Health
    now: Callable[[], datetime]
    tracer: Tracer | None = None


def context(request: Request) -> Context:
    """The platform behind this app."""
    found: Context = request.app.state.context
    return found


async def authenticate(request: Request) -> Account:
    """The account whose token or session the request carries. Raises Unauthenticated, Throttled."""
    ctx, header = context(request), request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if not header:
        if (signed_in := await session_account(ctx, request)) is not None:
            ctx.limits.charge(signed_in.username, request.scope)
            return signed_in
        raise Unauthenticated("You did not pass an authentication token")
    if scheme.lower() not in ("bearer", "token"):
        raise Unauthenticated
    known = await ctx.accounts.known(token.strip())
    if known is None:
        raise Unauthenticated
    request.scope[_CALLER] = known.token_id
    ctx.limits.charge(known.account.username, request.scope)
    return known.account


def token_of(request: Request) -> str | None:
    """The id of the token that an authenticated request carries; None for a session."""
    found: str | None = request.scope.get(_CALLER)
    return found


async def administers(ctx: Context, account: Account, owner: str) -> bool:
    """Whether the account may act for owner: for itself, and the operator's for organizations."""
    if account.username == owner:
        return True
    if account.username != ctx.settings.account:
        return False
    found = await ctx.accounts.get(owner)
    return found is not None and found.type == "organization"


async def own(ctx: Context, account: Account, owner: str) -> None:
    """Refuse what belongs to somebody else, as if it were not there."""
    if not await administers(ctx, account, owner):
        raise NotFound


def operator(request: Request, account: Account) -> None:
    """Refuse whoever does not run this platform: its operator is the account that the first start made."""
    if account.username != context(request).settings.account:
        raise Forbidden("Only the operator of this platform can do this.")
