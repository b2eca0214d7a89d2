"""Organizations: the operator makes them, their owners manage their people. Ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta
from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.accounts import PersonReply, PersonUpdateBody, Username, change_account, facts_of
from mainspring.api.auditing import concerns
from mainspring.api.calling import authenticate, is_operator, operator, require
from mainspring.api.context import Context, context
from mainspring.api.operation import Operation
from mainspring.api.wire import Body, decode, read_body, refuse, reply
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.people import Role, Scope, username_fault
from mainspring.core.shapes import Moment, Name
from mainspring.records.accounts import Caller
from mainspring.records.members import Organization

_MOST_BYTES = 1 << 16
_Role = Literal["viewer", "member", "owner"]


class OrganizationCreateBody(Body):
    """A new organization. owner: who can manage it first, you if left out."""

    username: Username
    name: Name | None = None
    owner: Annotated[str | None, Meta(examples=["ada"])] = None


class OrganizationItem(PersonReply):
    """An organization. role: what you are in it, null for the operator who is nothing."""

    role: _Role | None


class OrganizationsReply(msgspec.Struct):
    """Organizations, by username."""

    results: list[OrganizationItem]


class MemberReply(msgspec.Struct):
    """Somebody of an organization."""

    account: Username
    name: str
    role: _Role
    added_at: Moment


class OrganizationReply(OrganizationItem):
    """An organization with its people."""

    members: list[MemberReply]


class RoleBody(Body):
    """viewer: sees. member: runs and pushes as well. owner: also manages members, tokens, limits and settings."""

    role: _Role


async def list_organizations(request: Request) -> Response:
    """GET /organizations: the caller's; all of them for the operator."""
    caller, ctx = await authenticate(request), context(request)
    every = is_operator(ctx, caller)
    found = await ctx.members.organizations(caller.username, every=every)
    return reply(OrganizationsReply([OrganizationItem(**_item(each)) for each in found]))


async def create_organization(request: Request) -> Response:
    """POST /organizations."""
    caller, ctx = await authenticate(request), context(request)
    operator(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), OrganizationCreateBody)
    refuse({"username": username_fault(body.username)})
    owner = body.owner or caller.username
    concerns(request, owner=body.username, thing=body.username)
    await ctx.members.create(body.username, body.name or body.username, owner, ctx.now())
    return reply(await _shown(ctx, caller, body.username), 201)


async def get_organization(request: Request) -> Response:
    """GET /organizations/{organization}: with its people, for them and the operator."""
    caller, ctx = await authenticate(request), context(request)
    _own(request, caller)
    return reply(await _shown(ctx, caller, request.path_params["organization"]))


async def update_organization(request: Request) -> Response:
    """PATCH /organizations/{organization}: its name for people; from the operator, whether it is disabled."""
    caller, ctx = await authenticate(request), context(request)
    _own(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), PersonUpdateBody)
    if body.disabled is not UNSET:
        operator(request, caller)
    found = await _organization(ctx, caller, request.path_params["organization"])
    await change_account(ctx, found.account, body)
    return reply(await _shown(ctx, caller, found.account.username))


async def put_member(request: Request) -> Response:
    """PUT /organizations/{organization}/members/{account}: add somebody, or change their role."""
    caller, ctx = await authenticate(request), context(request)
    _own(request, caller)
    body = decode(await read_body(request, _MOST_BYTES), RoleBody)
    organization, account = request.path_params["organization"], request.path_params["account"]
    await _organization(ctx, caller, organization)
    known = await ctx.accounts.get(account)
    if known is None or known.type != "user":
        raise NotFound(f"There is no user {account}. The operator of this platform makes accounts.")
    if not await ctx.members.put(organization, account, Role(body.role), ctx.now()):
        raise Conflict(f"{account} is the last owner of {organization}; make somebody else one first.")
    return reply(await _shown(ctx, caller, organization))


async def remove_member(request: Request) -> Response:
    """DELETE /organizations/{organization}/members/{account}; everybody can leave."""
    caller, ctx = await authenticate(request), context(request)
    organization, account = request.path_params["organization"], request.path_params["account"]
    leaves = account == caller.username and caller.role_in(organization) is not None
    if not leaves:
        _own(request, caller)
    concerns(request, owner=organization)
    members = {each.account for each in await ctx.members.list(organization)}
    if account not in members:
        raise NotFound(f"{account} is not in {organization}.")
    if not await ctx.members.remove(organization, account):
        raise Conflict(f"{account} is the last owner of {organization}; make somebody else one first.")
    return Response(status_code=204)


def _own(request: Request, caller: Caller) -> None:
    """Refuse whoever may not do this with the organization of the path; the operator may."""
    organization = request.path_params["organization"]
    concerns(request, owner=organization)
    if not is_operator(context(request), caller):
        require(request, caller, organization)


async def _organization(ctx: Context, caller: Caller, name: str) -> Organization:
    found = await ctx.members.get(name, caller.username)
    if found is None:
        raise NotFound
    return found


async def _shown(ctx: Context, caller: Caller, name: str) -> OrganizationReply:
    found = await _organization(ctx, caller, name)
    members = [
        MemberReply(one.account, one.name, one.role.value, one.added_at)
        for one in await ctx.members.list(name)
    ]
    return OrganizationReply(**_item(found), members=members)


def _item(found: Organization) -> dict[str, Any]:
    return facts_of(found.account) | {"role": found.role.value if found.role else None}


operations = [
    Operation(
        method="GET",
        path="/organizations",
        handler=list_organizations,
        id="organizations.list",
        scope=Scope.READ,
        summary="Organizations that you belong to",
        about="All of them for the operator of the platform.",
        reply=OrganizationsReply,
        ours=True,
    ),
    Operation(
        method="POST",
        path="/organizations",
        handler=create_organization,
        id="organizations.create",
        scope=Scope.ADMIN,
        summary="Make an organization",
        about="For the operator of the platform.",
        body=OrganizationCreateBody,
        reply=OrganizationReply,
        success=201,
        faults=(400, 409),
        ours=True,
    ),
    Operation(
        method="GET",
        path="/organizations/{organization}",
        handler=get_organization,
        id="organizations.get",
        scope=Scope.READ,
        summary="One organization with its people",
        reply=OrganizationReply,
        ours=True,
    ),
    Operation(
        method="PATCH",
        path="/organizations/{organization}",
        handler=update_organization,
        id="organizations.update",
        scope=Scope.ADMIN,
        summary="Name an organization, disable or enable it",
        about="Only the operator of the platform disables and enables.",
        body=PersonUpdateBody,
        reply=OrganizationReply,
        ours=True,
    ),
    Operation(
        method="PUT",
        path="/organizations/{organization}/members/{account}",
        handler=put_member,
        id="organizations.members.put",
        scope=Scope.ADMIN,
        summary="Add somebody to an organization, or change their role",
        body=RoleBody,
        reply=OrganizationReply,
        faults=(409,),
        ours=True,
    ),
    Operation(
        method="DELETE",
        path="/organizations/{organization}/members/{account}",
        handler=remove_member,
        id="organizations.members.remove",
        scope=Scope.ADMIN,
        summary="Let somebody act for an organization no more",
        about="Everybody can leave.",
        success=204,
        faults=(409,),
        ours=True,
    ),
]
