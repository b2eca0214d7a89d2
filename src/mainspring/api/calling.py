"""Who calls, what their token may do, and for whom they may act.

An operation says the scope that it needs. The token must have it, and whatever belongs to an organization is the
caller's to see or change as far as their role in it allows that scope. Whoever is nothing to its owner learns
nothing of it.
"""

from __future__ import annotations

from starlette.requests import Request

from mainspring.api.auditing import begin, concerns
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation, operation_of
from mainspring.api.session import session_caller
from mainspring.core.errors import Forbidden, NotFound, Unauthenticated
from mainspring.core.people import ALLOWS, Scope, spelled
from mainspring.records.accounts import Account, Caller


async def authenticate(request: Request) -> Caller:
    """Who calls, by token or session. Raises Unauthenticated, Throttled, and Forbidden where the scope is missing."""
    ctx, operation = context(request), _operation(request)
    caller = await _caller(ctx, request)
    ctx.limits.charge(caller.username, request.scope)
    await begin(ctx, request, caller, operation)
    require_scope(caller, operation.scope or Scope.READ, operation.id)
    return caller


async def _caller(ctx: Context, request: Request) -> Caller:
    header = request.headers.get("authorization", "")
    if not header:
        if (signed_in := await session_caller(ctx, request)) is not None:
            return signed_in
        raise Unauthenticated("You did not pass an authentication token")
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in ("bearer", "token"):
        raise Unauthenticated
    caller = await ctx.accounts.caller(token.strip(), ctx.now())
    if caller is None:
        raise Unauthenticated
    return caller


def require_scope(caller: Caller, scope: Scope, what: str) -> None:
    """Raise Forbidden, which says what is missing, for a token without the scope."""
    if scope not in caller.scopes:
        raise Forbidden(
            f"This token lacks the scope {scope}, which {what} needs; it has: {spelled(caller.scopes)}."
            f" Use another one, or make it: mainspring token create NAME --scope {scope}",
            title="Scope missing",
        )


def require(
    request: Request, caller: Caller, owner: str, scope: Scope | None = None, *, seen: bool = False
) -> None:
    """Refuse whoever may not do this with what the owner has.

    scope: what it takes, that of the operation if left out. seen: everybody may know of it. Raises NotFound for a
    stranger, unless it is seen; Forbidden for whoever's role or token does not allow it.
    """
    operation = _operation(request)
    scope = scope or operation.scope or Scope.READ
    concerns(request, owner=owner)
    if caller.may(scope, owner):
        return
    role = caller.role_in(owner)
    if role is None:
        raise Forbidden if seen else NotFound
    require_scope(caller, scope, operation.id)
    raise Forbidden(
        f"You are a {role} of {owner}: that allows {spelled(ALLOWS[role])}, and this takes {scope}."
        f" An owner of {owner} can change your role.",
        title="Role missing",
    )


async def acting_for(
    request: Request, caller: Caller, named: str | None, *, operators: bool = False
) -> Account:
    """The account that is meant: the caller's own, or another one that they may do this for.

    operators: the operator of the platform may do it for every account. Raises Forbidden, NotFound.
    """
    if named is None or named == caller.username:
        return caller.account
    ctx = context(request)
    by_operator = operators and is_operator(ctx, caller)
    if not by_operator and caller.role_in(named) is None:
        raise Forbidden(
            f"You don't act for the account {named}: it is not an organization that you belong to."
        )
    if not by_operator:
        require(request, caller, named)
    concerns(request, owner=named)
    found = await ctx.accounts.get(named)
    if found is None:
        raise NotFound(f"There is no account {named}.")
    return found


def is_operator(ctx: Context, caller: Caller) -> bool:
    """Whether the caller runs this platform: its operator is the account that the first start made."""
    return caller.username == ctx.settings.account


def operator(request: Request, caller: Caller) -> None:
    """Refuse whoever does not run this platform, and their tokens that may not administer."""
    if not is_operator(context(request), caller):
        raise Forbidden("Only the operator of this platform can do this.")
    require_scope(caller, Scope.ADMIN, _operation(request).id)


def _operation(request: Request) -> Operation:
    found = operation_of(request)
    assert found is not None
    return found
